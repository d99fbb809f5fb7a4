"""Call: the row of an event in the database, made from an Event, read and written."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import repeat
from typing import NamedTuple

from peewee import SQL, BooleanField, DateField, Query

from models import Event as Stored
from models import InstantField, db
from usage import bulk
from usage.bulk import ROWS_AT_ONCE, among
from usage.counting import TOKEN_FIELDS, DayKey
from usage.ingest.event import Event
from usage.price_book import Book

WORDS = ("source", "provider", "model", "test_type")
NUMBERS = (*TOKEN_FIELDS, "failed", "usage_known", "calls")

Identity = tuple[int, str]
"""A user's id and the id of a call: the key of the events, whichever way they came."""


class Call(NamedTuple):
    """A row of the events table, with its columns in their order."""

    user_id: int
    event_id: str
    time: datetime
    day: date
    project_id: int
    source: str
    provider: str
    model: str
    test_type: str
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_nanodollars: int | None
    list_nanodollars: int | None
    failed: bool
    usage_known: bool
    calls: int
    bucket: bool
    counted: bool = True

    @property
    def identity(self) -> Identity:
        """User and id."""
        return self.user_id, self.event_id

    @property
    def key(self) -> DayKey:
        """The daily row that it counts in."""
        return DayKey.of(self)

    @property
    def billed(self) -> tuple:
        """Everything that its list cost depends on."""
        numbers = (getattr(self, name) for name in NUMBERS)
        return self.provider, self.model, self.time, *numbers

    @property
    def answered(self) -> bool:
        """True if it did not fail and its usage is known."""
        return self.usage_known and not self.failed

    @property
    def weight(self) -> tuple[int, int, int]:
        """How much it says: its calls, its tokens, and how many of these are told by kind."""
        kinds = self.cache_read_tokens + self.cache_write_tokens + self.reasoning_tokens
        return self.calls, self.prompt_tokens + self.completion_tokens, kinds

    @property
    def worth(self) -> tuple[bool, tuple[int, int, int]]:
        """What copies of a call are compared by: an answered one first, then how much it says."""
        return self.answered, self.weight


FIELDS = tuple(Stored._meta.sorted_fields)
IDENTITY = (Stored.user, Stored.event_id)
# Fields that the databases store as other types than Python's.
CONVERTED = [
    (place, field.python_value)
    for place, field in enumerate(FIELDS)
    if isinstance(field, InstantField | DateField | BooleanField)
]


def rows_of(
    events: Sequence[Event],
    calls: Sequence[Identity],
    projects: Sequence[int],
    days: Sequence[date],
    book: Book,
) -> list[Call]:
    """The rows of events, in order, with list costs by the book."""
    # Column by column, which is several times as fast as value by value.
    said = dict(zip(Event._fields, zip(*events, strict=True), strict=True))
    users, ids = zip(*calls, strict=True)
    costs = [None if cost is None else round(cost * 10**9) for cost in said["cost_usd"]]
    listed = map(book.nanodollars, events)
    words_and_tokens = map(said.__getitem__, (*WORDS, *TOKEN_FIELDS))
    kinds = map(said.__getitem__, ("failed", "usage_known", "calls", "bucket"))
    columns = (users, ids, said["time"], days, projects, *words_and_tokens, costs, listed, *kinds)
    return list(map(Call._make, zip(*columns, repeat(True))))


def read(calls: Collection[Identity], lock: bool = False) -> dict[Identity, Call]:
    """Those of these calls that are stored; with `lock` locked until the transaction ends."""
    # SQLite has locked the file already; PostgreSQL locks the rows.
    make = _read_and_lock if lock and db.for_update else _read
    found = {}
    for row in bulk.run(make, IDENTITY, sorted(calls)):
        values = list(row)
        for place, python_value in CONVERTED:
            values[place] = python_value(values[place])
        found[row[0], row[1]] = Call._make(values)
    return found


def _read(calls: Sequence[tuple]) -> Query:
    return Stored.select(*FIELDS).where(among(IDENTITY, calls)).order_by(*IDENTITY)


def _read_and_lock(calls: Sequence[tuple]) -> Query:
    return _read(calls).for_update()


def values(calls: Iterable[Call]) -> list[bulk.Values]:
    """Calls as the database stores them, in batches for insert()."""
    return list(bulk.values(FIELDS, calls))


def insert(calls: Sequence[Call], values: Sequence[bulk.Values]) -> Sequence[Call]:
    """Insert the calls that are not stored yet; returns these, in order.

    `values` are the calls as values() gives them.
    """
    with db.atomic() as attempt:
        count = bulk.count(_insert, FIELDS, values)
        if count in (0, len(calls)):
            return calls[:count]
        # Some were there already. Only a slower statement says which.
        attempt.rollback()
    new = set(bulk.run(_insert_and_tell, FIELDS, calls))
    return [call for call in calls if call.identity in new]


def rewrite(calls: Iterable[Call]) -> None:
    """Overwrite the stored rows of these calls."""
    bulk.run(_rewrite, FIELDS, sorted(calls))


def remove(calls: Collection[Identity]) -> list[Call]:
    """Delete calls; returns their rows."""
    gone = list(read(calls, lock=True).values())
    for some in slices([call.identity for call in gone]):
        Stored.delete().where(among(IDENTITY, some)).execute()
    return gone


def flip(calls: Collection[Call]) -> None:
    """Set aside those of these calls that count, and count those that were set aside."""
    for change, counted in ((_count, False), (_set_aside, True)):
        bulk.run(change, IDENTITY, sorted(c.identity for c in calls if c.counted is counted))


def _count(calls: Sequence[tuple]) -> Query:
    return Stored.update(counted=SQL("TRUE")).where(among(IDENTITY, calls))


def _set_aside(calls: Sequence[tuple]) -> Query:
    return Stored.update(counted=SQL("FALSE")).where(among(IDENTITY, calls))


def _insert(rows: Sequence[tuple]) -> Query:
    return Stored.insert_many(rows, fields=FIELDS).on_conflict_ignore()


def _insert_and_tell(rows: Sequence[tuple]) -> Query:
    return _insert(rows).returning(*IDENTITY)


def _rewrite(rows: Sequence[tuple]) -> Query:
    query = Stored.insert_many(rows, fields=FIELDS)
    return query.on_conflict(conflict_target=IDENTITY, preserve=FIELDS[2:])


def slices(values: Sequence, size: int = ROWS_AT_ONCE) -> Iterator[Sequence]:
    """Slices of so many values as fit into one statement."""
    return (values[start : start + size] for start in range(0, len(values), size))
