"""A call as its row among the events: what a telling makes of it, and what another adds to it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from peewee import SQL, BooleanField, DateField, Query

from models import Event as Stored
from models import InstantField, db
from usage import bulk
from usage.bulk import ROWS_AT_ONCE
from usage.ingest.event import Event
from usage.ingest.fields import asked_for
from usage.price_book import Book
from usage.rollups import TOKENS, TOKENS_OF, DayKey, among

WORDS = ("source", "provider", "model", "test_type")
NUMBERS = (*TOKENS, "failed", "usage_known", "calls")

Identity = tuple[int, str]
"""A user's id and the id of a call: what makes it the same on every road."""


class Call(NamedTuple):
    """One row of the events, its columns in their order."""

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
        """All that its list cost comes from."""
        numbers = (getattr(self, name) for name in NUMBERS)
        return self.provider, self.model, self.time, *numbers

    @property
    def answered(self) -> bool:
        """True when it came to an end whose usage is known."""
        return self.usage_known and not self.failed

    @property
    def weight(self) -> tuple[int, int, int]:
        """How much is known: the calls of a bucket, all tokens, how many of them by kind."""
        kinds = self.cache_read_tokens + self.cache_write_tokens + self.reasoning_tokens
        return self.calls, self.prompt_tokens + self.completion_tokens, kinds

    @property
    def worth(self) -> tuple[bool, tuple[int, int, int]]:
        """What its copies are compared by: that it was answered, then how much is known."""
        return self.answered, self.weight


class Telling(NamedTuple):
    """What one event says of its call, and whether it may replace what was said before."""

    call: Call
    replaces: bool
    certain: bool | None


FIELDS = tuple(Stored._meta.sorted_fields)
IDENTITY = (Stored.user, Stored.event_id)
# What the databases keep in another shape than Python has it.
CONVERTED = [
    (place, field.python_value)
    for place, field in enumerate(FIELDS)
    if isinstance(field, InstantField | DateField | BooleanField)
]


def told(event: Event, call: Identity, project_id: int, day: date, book: Book) -> Telling:
    """The row that an event makes by itself, at the list prices of the book."""
    cost = event.cost_usd
    row = Call(
        *call,
        event.time,
        day,
        project_id,
        *(event.source, event.provider, event.model, event.test_type),
        *TOKENS_OF(event),
        None if cost is None else round(cost * 10**9),
        book.nanodollars(event),
        event.failed,
        event.usage_known,
        event.calls,
        event.bucket,
    )
    return Telling(row, event.replaces, event.certain)


def after(call: Call, tellings: Iterable[Telling]) -> Call:
    """A call after some tellings, one by one."""
    for telling in tellings:
        if _says_more(telling, call):
            call = grown(call, telling.call)
        elif call.model and call.model != telling.call.model:
            call = call._replace(model=asked_for(call.model, telling.call.model))
    return call


def joined(known: Call, tellings: Collection[Telling]) -> Call:
    """What was known under other names, and these tellings of the same call, come to."""
    plain = [telling for telling in tellings if telling.certain is None]
    if plain:
        known = united(known, after(plain[0].call, plain[1:]))
    return after(known, [telling for telling in tellings if telling.certain is not None])


def _says_more(telling: Telling, known: Call) -> bool:
    """True for a telling that makes a call's unknown usage known, or replaces it with more.

    What is certain takes the place of more as well. A sender of one project can't change a call
    of another project.
    """
    later = telling.call
    if later.answered and not known.usage_known:
        return True
    if later.project_id and known.project_id not in (0, later.project_id):
        return False
    if telling.certain:
        return later.answered and later.weight != known.weight
    return telling.replaces and later.weight > known.weight


def grown(earlier: Call, later: Call) -> Call:
    """A call after a telling that says more: its numbers are new, its words stay."""
    cost = earlier.cost_nanodollars if later.cost_nanodollars is None else later.cost_nanodollars
    numbers = {name: getattr(later, name) for name in NUMBERS}
    return _filled(earlier, later)._replace(cost_nanodollars=cost, **numbers)


def united(one: Call, other: Call) -> Call:
    """What two rows that turn out to be one call come to, under the name of the first."""
    return grown(one, other) if other.worth > one.worth else _filled(one, other)


def priced(call: Call, tellings: Iterable[Call], book: Book) -> Call:
    """A call with its list cost after these came together, told anew only if it has to be."""
    for told in tellings:
        if told.billed == call.billed:
            return call._replace(list_nanodollars=told.list_nanodollars)
    return call._replace(list_nanodollars=book.nanodollars(call))


def _filled(call: Call, other: Call) -> Call:
    """What was said first stays: only what it left out is taken from the other."""
    words = {name: getattr(call, name) or getattr(other, name) for name in WORDS}
    words["model"] = asked_for(call.model, other.model)
    # A day is counted in the zone of the project that it came with.
    said = call if call.project_id or not other.project_id else other
    return call._replace(project_id=said.project_id, time=said.time, day=said.day, **words)


def read(calls: Collection[Identity], lock: bool = False) -> dict[Identity, Call]:
    """The stored ones of these calls; locked until the transaction ends if asked to."""
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


def insert(calls: Sequence[Call]) -> set[Identity]:
    """Insert what is not there yet; returns what was inserted."""
    return set(bulk.run(_insert, FIELDS, calls))


def rewrite(calls: Iterable[Call]) -> None:
    """Put these rows in the place of the stored ones of the same calls."""
    bulk.run(_rewrite, FIELDS, sorted(calls))


def remove(calls: Collection[Identity]) -> list[Call]:
    """Take calls out of the events; returns what they were."""
    gone = list(read(calls, lock=True).values())
    for some in slices([call.identity for call in gone]):
        Stored.delete().where(among(IDENTITY, some)).execute()
    return gone


def flip(calls: Collection[Call]) -> None:
    """Count these where they were set aside, and set them aside where they counted."""
    for change, counted in ((_count, False), (_set_aside, True)):
        bulk.run(change, IDENTITY, sorted(c.identity for c in calls if c.counted is counted))


def _count(calls: Sequence[tuple]) -> Query:
    return Stored.update(counted=SQL("TRUE")).where(among(IDENTITY, calls))


def _set_aside(calls: Sequence[tuple]) -> Query:
    return Stored.update(counted=SQL("FALSE")).where(among(IDENTITY, calls))


def _insert(rows: Sequence[tuple]) -> Query:
    return Stored.insert_many(rows, fields=FIELDS).on_conflict_ignore().returning(*IDENTITY)


def _rewrite(rows: Sequence[tuple]) -> Query:
    query = Stored.insert_many(rows, fields=FIELDS)
    return query.on_conflict(conflict_target=IDENTITY, preserve=FIELDS[2:])


def slices(values: Sequence, size: int = ROWS_AT_ONCE) -> Iterator[Sequence]:
    """So many values at once as fit a statement."""
    return (values[start : start + size] for start in range(0, len(values), size))
