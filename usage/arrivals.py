"""What has arrived by key, format and day, so that silent senders and refusals are noticed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from peewee import EXCLUDED, DatabaseError, Query

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
COUNTED = tuple(getattr(Arrival, name) for name in COUNTERS)
ROW = (*KEY, *COUNTED, Arrival.last_time)
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
    """Add what arrived to its day; `reasons` are pairs of reason and example.

    Call it last in a transaction: others who send with the same key wait for its end from here on.
    """
    day = now.astimezone(UTC).date()
    row = (key_id, format, day, *(counts.get(name, 0) for name in COUNTERS), now)
    bulk.run(_upsert, ROW, [row])
    counted: dict[str, tuple[int, str]] = {}
    for reason, example in reasons:
        clean = _shown(reason)
        counted[clean] = counted.get(clean, (0, ""))[0] + 1, _shown(example)
    if counted:
        _note_reasons(key_id, format, counted, now)


def _upsert(rows: Sequence[tuple]) -> Query:
    update = bulk.added(COUNTED) | {"last_time": bulk.later(Arrival.last_time)}
    return Arrival.insert_many(rows, fields=ROW).on_conflict(conflict_target=KEY, update=update)


def note_unreadable(key_id: int, format: str, message: str, now: datetime) -> None:
    """Add a body that held no records. Errors are ignored: the sender is refused anyway."""
    with suppress(DatabaseError), db.atomic():
        note(key_id, format, {"unreadable": 1}, [(message, "")], now)


def senders(now: datetime) -> list[Sender]:
    """Keys and formats of the last 30 days, the latest first, then live keys that sent nothing."""
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
    key_id: int, format: str, counted: dict[str, tuple[int, str]], now: datetime
) -> None:
    mine = (Reason.key_id == key_id) & (Reason.format == format)
    known = {reason for (reason,) in Reason.select(Reason.reason).where(mine).tuples()}
    rows: dict[str, dict] = {}
    for reason, (count, example) in sorted(counted.items()):
        # A sender with ever new mistakes must not fill the page.
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


def _shown(text: str) -> str:
    """Text from outside without unprintable characters, and not too long for a table."""
    return "".join(char for char in text if char.isprintable())[:LONGEST]
