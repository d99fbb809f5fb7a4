"""record(events): one transaction that stores each event once and adds it to its day."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import NamedTuple

import models
from models import UNASSIGNED, db
from usage import rollups
from usage.ingest import identity
from usage.ingest.event import TOKEN_FIELDS, Event
from usage.rollups import DayKey, Delta, counters_of
from usage.window import day_of

STORED = models.Event
ROWS_AT_ONCE = 500


class Outcome(Enum):
    """What became of one event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REPLACED = "replaced"


class Placed(NamedTuple):
    """An event with the day it counts on."""

    event: Event
    key: DayKey

    @property
    def identity(self) -> tuple[int, str]:
        """What makes it the same call on every road: user and id."""
        return self.key.user_id, self.event.id


def record(events: Sequence[Event], timezone: str, now: datetime) -> list[Outcome]:
    """Store and count the events; one outcome each, in order. All of it or, on an error, nothing.

    `timezone` is that of usage without a project and of projects seen for the first time.
    """
    if not events:
        return []
    with db.atomic():
        placed = _place(events, timezone, now)
        winners = _winners(placed)
        new = _insert([winners[key] for key in sorted(winners)])
        replaced = _replace([row for key, row in winners.items() if key not in new])
        _count([winners[key] for key in new], replaced)
    outcomes = []
    for row in placed:
        outcome = Outcome.DUPLICATE
        if row.identity in new:
            outcome = Outcome.ACCEPTED
            new.discard(row.identity)
        elif replaced.pop(row.identity, None):
            outcome = Outcome.REPLACED
        outcomes.append(outcome)
    return outcomes


def _place(events: Sequence[Event], timezone: str, now: datetime) -> list[Placed]:
    users = identity.user_ids(events, now)
    projects = identity.projects({event.project for event in events}, timezone, now)
    placed = []
    for event in events:
        project = projects.get(event.project)
        key = DayKey(
            project.id if project else UNASSIGNED,
            day_of(event.time, project.timezone if project else timezone),
            users[event.user],
            event.source,
            event.provider,
            event.model,
            event.test_type,
        )
        placed.append(Placed(event, key))
    return placed


def _winners(placed: Sequence[Placed]) -> dict[tuple[int, str], Placed]:
    """One event per user and id: the first, unless a later one replaces it and is larger."""
    winners: dict[tuple[int, str], Placed] = {}
    for row in placed:
        winner = winners.setdefault(row.identity, row)
        if row.event.replaces and row.event.total_tokens > winner.event.total_tokens:
            winners[row.identity] = row
    return winners


def _insert(rows: Sequence[Placed]) -> set[tuple[int, str]]:
    """Insert what is not there yet; returns what was inserted."""
    inserted = set()
    for start in range(0, len(rows), ROWS_AT_ONCE):
        values = [_values(row) for row in rows[start : start + ROWS_AT_ONCE]]
        query = STORED.insert_many(values).on_conflict_ignore()
        returning = query.returning(STORED.user, STORED.event_id)
        inserted.update(tuple(row) for row in returning.tuples().execute())
    return inserted


def _replace(rows: Sequence[Placed]) -> dict[tuple[int, str], tuple[STORED, Placed]]:
    """Put larger records in the place of stored smaller ones; returns old and new of each."""
    replaced = {}
    for row in sorted((row for row in rows if row.event.replaces), key=lambda r: r.identity):
        here = (STORED.user == row.key.user_id) & (STORED.event_id == row.event.id)
        query = STORED.select().where(here)
        # SQLite has locked the file already; PostgreSQL locks the row until the commit.
        old = (query.for_update() if db.for_update else query).get()
        if row.event.total_tokens > old.prompt_tokens + old.completion_tokens:
            STORED.update(**_values(row)).where(here).execute()
            replaced[row.identity] = (old, row)
    return replaced


def _count(new: Sequence[Placed], replaced: dict[tuple[int, str], tuple[STORED, Placed]]) -> None:
    """Add the new events to their days, and of the replaced ones the difference."""
    deltas: dict[DayKey, Delta] = defaultdict(Delta)
    for old, _ in replaced.values():
        tokens = [getattr(old, name) for name in TOKEN_FIELDS]
        key = DayKey(*(getattr(old, name) for name in DayKey._fields))
        deltas[key].count(counters_of(old.failed, old.usage_known, tokens), old.time, sign=-1)
    for event, key in [*new, *(row for _, row in replaced.values())]:
        tokens = [getattr(event, name) for name in TOKEN_FIELDS]
        deltas[key].count(counters_of(event.failed, event.usage_known, tokens), event.time)
    rollups.add(deltas)


def _values(row: Placed) -> dict:
    event, key = row
    return {
        "event_id": event.id,
        "time": event.time,
        "failed": event.failed,
        "usage_known": event.usage_known,
        "cost_nanodollars": None if event.cost_usd is None else round(event.cost_usd * 10**9),
        **{name: getattr(event, name) for name in TOKEN_FIELDS},
        **key._asdict(),
    }
