"""Drops the events of past days, some at a time; their daily rows stay."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial

from peewee import EXCLUDED, fn

from models import EPOCH, CallId, DailyUsage, Event, Retention, User, db
from usage.accounts import Refused
from usage.bulk import among
from usage.ingest import turns
from usage.ingest.calls import IDENTITY, slices
from usage.retention import kept_from

PEOPLE_AT_ONCE = 100
EVENTS_AT_ONCE = 500
ONLY = 1


def count(before: date) -> int:
    """How many events there are of days before that one."""
    return Event.select().where(Event.day < before).count()


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
        before = max(before, kept_from())
        rolled_up = DailyUsage.select(fn.MAX(DailyUsage.last_time))
        newest = rolled_up.where(DailyUsage.day < before).tuples().get()[0] or EPOCH
        row = {"id": ONLY, "kept_from": before, "newest_dropped": newest}
        kept = {name: getattr(EXCLUDED, name) for name in row if name != "id"}
        query = Retention.insert(row)
        query.on_conflict(conflict_target=[Retention.id], update=kept).execute()
    return changed


def drop() -> Iterator[int]:
    """Drop the events of closed days, slice by slice; yields how many each one dropped.

    A slice is one short transaction. What was interrupted goes on when it is called again.
    """
    before = kept_from()
    users = [id for (id,) in User.select(User.id).order_by(User.id).tuples()]
    for some in slices(users, PEOPLE_AT_ONCE):
        old = Event.select(*IDENTITY).where(Event.user.in_(some), Event.day < before)
        while found := list(old.limit(EVENTS_AT_ONCE).tuples()):
            yield turns.in_turn(partial(_drop, found, before))


def _drop(found: list[tuple], before: date) -> int:
    dropped = 0
    with db.atomic():
        # Others may store at the same time, but not merge people or change a zone.
        turns.take(alone=False)
        for some in slices(sorted(found)):
            # An event may have moved to another day since it was looked up.
            old = Event.delete().where(among(IDENTITY, some), Event.day < before)
            gone = list(old.returning(*IDENTITY).tuples().execute())
            if gone:
                names = among((CallId.user_id, CallId.event_id), gone)
                CallId.delete().where(names).execute()
            dropped += len(gone)
    return dropped
