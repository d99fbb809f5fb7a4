"""What has arrived, by key, format and day: so that silence and loss are visible."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from peewee import EXCLUDED, Case, DatabaseError, Query

from models import Arrival, Key, Reason, db
from usage import bulk

FILES = 0
"""The key id under which imported files are noted."""
COUNTERS = (
    "received",
    "accepted",
    "duplicates",
    "skipped",
    "rejected",
    "unknown_usage",
    "unreadable",
)
KEY = (Arrival.key_id, Arrival.format, Arrival.day)
ROW = (*KEY, *(getattr(Arrival, name) for name in COUNTERS), Arrival.last_time)
DAYS = 30
MOST_REASONS = 20
OTHER = "other reasons"
LONGEST = 200


@dataclass(frozen=True)
class Cause:
    """Why something was not taken, how often, and the latest example of it."""

    reason: str
    refused: int
    example: str
    last_time: datetime


@dataclass
class Sender:
    """What one key sent in one format in the last 30 days; format "" while it sent nothing."""

    key: str
    live: bool
    format: str = ""
    last_time: datetime | None = None
    counts: Counter = field(default_factory=Counter)
    days: list[int] = field(default_factory=lambda: [0] * DAYS)
    causes: list[Cause] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Records and whole bodies that were not taken."""
        return self.counts["rejected"] + self.counts["unreadable"]


def note(
    key_id: int,
    format: str,
    counts: Mapping[str, int],
    reasons: Iterable[tuple[str, str]],
    now: datetime,
) -> None:
    """Add what arrived to its day; `reasons` are pairs of why and where. Belongs last in a
    transaction: whoever sends with the same key at the same time waits here for its end.
    """
    day = now.astimezone(UTC).date()
    row = (key_id, format, day, *(counts.get(name, 0) for name in COUNTERS), now)
    bulk.run(_upsert, ROW, [row])
    told: dict[str, tuple[int, str]] = {}
    for reason, example in reasons:
        clean = _shown(reason)
        told[clean] = told.get(clean, (0, ""))[0] + 1, _shown(example)
    if told:
        _note_reasons(key_id, format, told, now)


def _upsert(rows: Sequence[tuple]) -> Query:
    update = {name: getattr(Arrival, name) + getattr(EXCLUDED, name) for name in COUNTERS}
    update["last_time"] = _later(Arrival.last_time, EXCLUDED.last_time)
    return Arrival.insert_many(rows, fields=ROW).on_conflict(conflict_target=KEY, update=update)


def note_unreadable(key_id: int, format: str, message: str, now: datetime) -> None:
    """Add a body that held no records at all; what is refused is not refused again for this."""
    with suppress(DatabaseError), db.atomic():
        note(key_id, format, {"unreadable": 1}, [(message, "")], now)


def senders(now: datetime) -> list[Sender]:
    """Everyone who sent something in the last 30 days, latest first, then silent live keys."""
    first = first_day(now)
    keys = {key.id: key for key in Key.select(Key.id, Key.name, Key.scopes, Key.revoked_at)}
    found: dict[tuple[int, str], Sender] = {}
    for row in Arrival.select().where(Arrival.day >= first):
        key = keys.get(row.key_id)
        name = (row.key_id, row.format)
        if name not in found:
            live = row.key_id == FILES or bool(key and not key.revoked_at)
            found[name] = Sender(key.name if key else "", live, row.format)
        _add(found[name], row, first)
    for row in Reason.select().where(Reason.last_time >= now - timedelta(days=DAYS)):
        if sender := found.get((row.key_id, row.format)):
            sender.causes.append(Cause(row.reason, row.refused, row.example, row.last_time))
    for sender in found.values():
        sender.causes.sort(key=lambda cause: (-cause.refused, cause.reason))
    heard = sorted(found.values(), key=lambda sender: sender.last_time, reverse=True)
    spoke = {key_id for key_id, _ in found}
    silent = (key for id, key in keys.items() if id not in spoke and not key.revoked_at)
    names = sorted(key.name for key in silent if "ingest" in key.scopes.split())
    return [*heard, *(Sender(name, True) for name in names)]


def first_day(now: datetime) -> date:
    """The first of the 30 days of UTC that are looked at."""
    return now.astimezone(UTC).date() - timedelta(days=DAYS - 1)


def _add(sender: Sender, row: Arrival, first: date) -> None:
    for name in COUNTERS:
        sender.counts[name] += getattr(row, name)
    sender.days[(row.day - first).days] += row.received
    sender.last_time = max(filter(None, (sender.last_time, row.last_time)))


def _note_reasons(
    key_id: int, format: str, told: dict[str, tuple[int, str]], now: datetime
) -> None:
    mine = (Reason.key_id == key_id) & (Reason.format == format)
    known = {reason for (reason,) in Reason.select(Reason.reason).where(mine).tuples()}
    rows: dict[str, dict] = {}
    for reason, (count, example) in sorted(told.items()):
        # Whoever makes up ever new mistakes shall not fill the page with them.
        name = reason if reason in known or len(known) < MOST_REASONS else OTHER
        known.add(name)
        row = rows.setdefault(name, {"refused": 0})
        row |= {"refused": row["refused"] + count, "example": example}
    same = {"key_id": key_id, "format": format, "last_time": now}
    Reason.insert_many([same | {"reason": name} | rows[name] for name in sorted(rows)]).on_conflict(
        conflict_target=(Reason.key_id, Reason.format, Reason.reason),
        update={
            "refused": Reason.refused + EXCLUDED.refused,
            "example": EXCLUDED.example,
            "last_time": EXCLUDED.last_time,
        },
    ).execute()


def _later(mine: object, other: object) -> Case:
    return Case(None, [(other > mine, other)], mine)


def _shown(text: str) -> str:
    """Text from outside as a table can hold it and a page show it."""
    return "".join(char for char in text if char.isprintable())[:LONGEST]
