"""record(events): one transaction that stores each event once and adds it to its day."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from models import UNASSIGNED, db
from models import Event as Stored
from usage import rollups
from usage.ingest import buckets, identity, same_call
from usage.ingest.event import TOKEN_FIELDS, Event
from usage.ingest.same_call import Identity
from usage.rollups import DayKey, Delta, counters_of
from usage.window import day_of

ROWS_AT_ONCE = 500


class Outcome(Enum):
    """What became of one event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REPLACED = "replaced"


class Placed(NamedTuple):
    """An event with the id it is stored under and the day it counts on."""

    event: Event
    event_id: str
    key: DayKey

    @property
    def identity(self) -> Identity:
        """User and id."""
        return self.key.user_id, self.event_id


def record(events: Sequence[Event], timezone: str, now: datetime) -> list[Outcome]:
    """Store and count the events; one outcome each, in order. All of it or, on an error, nothing.

    `timezone` is that of usage without a project and of projects seen for the first time.
    """
    if not events:
        return []
    with db.atomic():
        placed, owned = _place(events, timezone, now)
        gone = same_call.disown(owned)
        placed = _with_what_was_known(placed, gone)
        calls: dict[Identity, list[Placed]] = {}
        for row in placed:
            calls.setdefault(row.identity, []).append(row)
        firsts = {name: _last_word(rows[1:], rows[0]) for name, rows in sorted(calls.items())}
        new = _insert(list(firsts.values()))
        known = {name: rows for name, rows in sorted(calls.items()) if name not in new}
        replaced = _replace(known)
        _count([firsts[name] for name in sorted(new)], replaced, gone)
    return _outcomes(placed, set(new), set(replaced))


def _outcomes(placed: list[Placed], new: set[Identity], replaced: set[Identity]) -> list[Outcome]:
    """The first of each call is what its storing came to, the others are duplicates."""
    outcomes = []
    for row in placed:
        outcome = Outcome.DUPLICATE
        for kind, those in ((Outcome.ACCEPTED, new), (Outcome.REPLACED, replaced)):
            if row.identity in those:
                those.remove(row.identity)
                outcome = kind
        outcomes.append(outcome)
    return outcomes


def _place(
    events: Sequence[Event], timezone: str, now: datetime
) -> tuple[list[Placed], set[Identity]]:
    users = identity.user_ids(events, now)
    projects = identity.projects({event.project for event in events}, timezone, now)
    named = [(users[event.user], event) for event in events]
    calls, owned = same_call.identities(named)
    placed = []
    for event, (user_id, event_id) in zip(events, calls, strict=True):
        project = projects.get(event.project)
        key = DayKey(
            project.id if project else UNASSIGNED,
            day_of(event.time, project.timezone if project else timezone),
            user_id,
            event.source,
            event.provider,
            event.model,
            event.test_type,
        )
        placed.append(Placed(event, event_id, key))
    return placed, owned


def _with_what_was_known(placed: list[Placed], gone: Sequence[Stored]) -> list[Placed]:
    """A call that changes its owner keeps what the earlier record said, if that was more."""
    said = {old.event_id: old for old in gone}
    rows = []
    for row in placed:
        old = said.get(row.event_id)
        if old and _weight(old) > _weight(row.event):
            names = (*TOKEN_FIELDS, "failed", "usage_known")
            event = replace(row.event, **{name: getattr(old, name) for name in names})
            row = row._replace(event=event)
        rows.append(row)
    return rows


def _last_word(rows: Sequence[Placed], first: Placed) -> Placed:
    """The row that stands in the end when the others come after it, one by one."""
    for row in rows:
        if _takes_the_place(row.event, first.event):
            first = row
    return first


def _takes_the_place(event: Event, earlier: Event | Stored) -> bool:
    """True for a later record that says more: usage at last known, or more of it."""
    if event.bucket and event.replaces:
        return True
    if event.usage_known and not event.failed and not earlier.usage_known:
        return True
    return event.replaces and _weight(event) > _weight(earlier)


def _weight(event: Event | Stored) -> tuple[int, int]:
    total = event.prompt_tokens + event.completion_tokens
    return total, event.cache_read_tokens + event.cache_write_tokens + event.reasoning_tokens


def _insert(rows: Sequence[Placed]) -> set[Identity]:
    """Insert what is not there yet; returns what was inserted."""
    inserted: set[Identity] = set()
    for start in range(0, len(rows), ROWS_AT_ONCE):
        values = [_values(row) for row in rows[start : start + ROWS_AT_ONCE]]
        query = Stored.insert_many(values).on_conflict_ignore()
        returning = query.returning(Stored.user, Stored.event_id)
        inserted.update(tuple(row) for row in returning.tuples().execute())
    return inserted


def _replace(calls: dict[Identity, list[Placed]]) -> dict[Identity, tuple[Stored, Placed]]:
    """Put records that say more in the place of stored ones; returns old and new of each."""
    replaced = {}
    stored = _stored([rows[0] for rows in calls.values()])
    for name, rows in calls.items():
        old = stored[name]
        for place, row in enumerate(rows):
            if _takes_the_place(row.event, old):
                winner = _last_word(rows[place + 1 :], row)
                here = (Stored.user == row.key.user_id) & (Stored.event_id == row.event_id)
                Stored.update(**_values(winner)).where(here).execute()
                replaced[name] = (old, winner)
                break
    return replaced


def _stored(rows: Sequence[Placed]) -> dict[Identity, Stored]:
    found = {}
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        query = Stored.select().where(
            Stored.user.in_(sorted({row.key.user_id for row in some})),
            Stored.event_id.in_([row.event_id for row in some]),
        )
        # SQLite has locked the file already; PostgreSQL locks the rows until the commit.
        query = query.order_by(Stored.user, Stored.event_id)
        for old in query.for_update() if db.for_update else query:
            found[old.user_id, old.event_id] = old
    return found


def _count(
    new: Sequence[Placed],
    replaced: dict[Identity, tuple[Stored, Placed]],
    gone: Sequence[Stored],
) -> None:
    """Add the new events to their days, and of the replaced ones the difference."""
    deltas: dict[DayKey, Delta] = defaultdict(Delta)
    covered = buckets.cover([row for row in new if row.event.bucket])
    for row in new:
        if row.identity not in covered:
            deltas[row.key].count(counters_of(row.event), row.event.time)
    for old, row in replaced.values():
        if old.counted:
            deltas[DayKey.of(old)].count(counters_of(old), old.time, sign=-1)
            deltas[row.key].count(counters_of(row.event), row.event.time)
    single = [*new, *(row for _, row in replaced.values())]
    keys = {row.key for row in single if not (row.event.bucket or row.event.failed)}
    gone = [*gone, *buckets.uncover(keys)]
    for old in gone:
        deltas[DayKey.of(old)].count(counters_of(old), old.time, sign=-1)
    rollups.add(deltas)


def _values(row: Placed) -> dict:
    event = row.event
    return {
        "event_id": row.event_id,
        "time": event.time,
        "failed": event.failed,
        "usage_known": event.usage_known,
        "calls": event.calls,
        "bucket": event.bucket,
        "cost_nanodollars": None if event.cost_usd is None else round(event.cost_usd * 10**9),
        **{name: getattr(event, name) for name in TOKEN_FIELDS},
        **row.key._asdict(),
    }
