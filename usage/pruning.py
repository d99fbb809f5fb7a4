"""Drops the events of past days, some at a time; their daily rows stay."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import partial

from peewee import EXCLUDED, Expression, fn

from models import EPOCH, CallId, DailyUsage, Event, Retention, User, db
from usage import retention
from usage.accounts import Refused
from usage.bulk import among
from usage.ingest import turns
from usage.ingest.calls import IDENTITY, slices
from usage.retention import Closed, kept_from

PEOPLE_AT_ONCE = 100
EVENTS_AT_ONCE = 500
ONLY = 1


def count(before: date) -> int:
    """How many events are dropped if the days before that one are closed."""
    return Event.select().where(*_old(_closing(before))).count()


def check(before: date, now: datetime) -> None:
    """Raises Refused unless all days before that one are over."""
    if before > now.astimezone(UTC).date():
        raise Refused(f"{before} lies in the future; only days that are over can be closed.")


def begin(before: date, now: datetime) -> bool:
    """Close the days before that one; False if they are closed already. Raises Refused.

    From here on nothing is counted there, so that no call that is dropped can count again.
    """
    check(before, now)
    with db.atomic():
        # Nobody may be storing events that were checked before the days were closed.
        turns.take(alone=True)
        changed = before > kept_from()
        row = {"id": ONLY} | asdict(_closing(max(before, kept_from())))
        kept = {name: getattr(EXCLUDED, name) for name in row if name != "id"}
        query = Retention.insert(row)
        query.on_conflict(conflict_target=[Retention.id], update=kept).execute()
    return changed


def drop() -> Iterator[int]:
    """Drop the events of closed days, slice by slice; yields how many each one dropped.

    A slice is one short transaction. What was interrupted goes on when it is called again.
    """
    closed = retention.closed()
    if not closed:
        return
    users = [id for (id,) in User.select(User.id).order_by(User.id).tuples()]
    for some in slices(users, PEOPLE_AT_ONCE):
        old = Event.select(*IDENTITY).where(Event.user.in_(some), *_old(closed))
        while found := list(old.limit(EVENTS_AT_ONCE).tuples()):
            yield turns.in_turn(partial(_drop, found, closed))


def _closing(before: date) -> Closed:
    """What is closed with the days before that one: all that counted there, and all before."""
    rolled_up = DailyUsage.select(fn.MAX(DailyUsage.last_time)).where(DailyUsage.day < before)
    newest, closed = rolled_up.tuples().get()[0] or EPOCH, retention.closed()
    return Closed(before, max(newest, closed.newest_dropped) if closed else newest)


def _old(closed: Closed) -> tuple[Expression, Expression]:
    """Which events are dropped: none that would be taken for new if it were sent again.

    A zone that changes meanwhile may take an event to a closed day though its time is open, and a
    sum that was set aside may be newer than all that counts. They go when a later day is closed.
    """
    return Event.day < closed.kept_from, Event.time <= closed.newest_dropped


def _drop(found: list[tuple], closed: Closed) -> int:
    dropped = 0
    with db.atomic():
        # Others may store at the same time, but not merge people or change a zone.
        turns.take(alone=False)
        for some in slices(sorted(found)):
            # An event may have moved to another day since it was looked up.
            old = Event.delete().where(among(IDENTITY, some), *_old(closed))
            gone = list(old.returning(*IDENTITY).tuples().execute())
            if gone:
                names = among((CallId.user_id, CallId.event_id), gone)
                CallId.delete().where(names).execute()
            dropped += len(gone)
    return dropped
