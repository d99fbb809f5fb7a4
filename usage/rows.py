"""One person's row in a scope, and the totals of everybody's rows."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import add

from usage.counting import COUNTERS
from usage.daily import CALLS, COMPLETION, PROMPT
from usage.growth import Growth

SOURCES = ("", "ui", "cli", "ide", "api")
LAST = len(COUNTERS)
BY_SOURCE = LAST + 1

ABSENT, AT_ONCE = -1, 2000
Row = Sequence[int]
"""The counters, the time of the newest event and, unless the scope is of one source only, the
calls by source: ABSENT where there was no event from that source."""


def packed(values: Iterable[int]) -> array:
    """A row as 64-bit integers: a third of the memory, and room for millions of huge calls."""
    return array("q", values)


def by_user(found: Iterable[Sequence[int]]) -> dict[int, Row]:
    """Rows by user, from rows that begin with the user; packed many at once, in half the time."""
    rows: dict[int, Row] = {}
    for some in _some_at_once(found):
        values, width = packed(chain.from_iterable(some)), len(some[0])
        starts = range(0, len(values), width)
        rows |= {values[start]: values[start + 1 : start + width] for start in starts}
    return rows


def columns(rows: Mapping[int, Row]) -> list[array]:
    """The rows transposed: one array per counter and other value, empty without rows."""
    width = len(next(iter(rows.values()), ()))
    turned = [array("q") for _ in range(width)]
    for some in _some_at_once(rows.values()):
        values = array("q", b"".join(some))
        for place, column in enumerate(turned):
            column.extend(values[place::width])
    return turned


def _some_at_once(rows: Iterable[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Slices of rows, so small that a copy of one takes little memory."""
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        yield some


def digest(person: int, row: Row) -> int:
    """A digest of a row, the same in every process, as hashes of numbers are."""
    return hash((person, *row))


def digests(rows: Mapping[int, Row]) -> int:
    """The digests of everyone's rows, added up."""
    return sum(map(hash, zip(rows, *columns(rows), strict=True)))


def is_active(row: Row) -> bool:
    """True for who is ranked: a vendor's sum may tell tokens without saying over how many calls."""
    return bool(row[CALLS] or row[PROMPT] or row[COMPLETION])


def combined(one: Row, other: Row) -> Row:
    """The row of a person, from those of two names."""
    counters = [a + b for a, b in zip(one[:LAST], other[:LAST], strict=True)]
    sources = zip(one[BY_SOURCE:], other[BY_SOURCE:], strict=True)
    calls = [b if a == ABSENT else a if b == ABSENT else a + b for a, b in sources]
    return packed([*counters, max(one[LAST], other[LAST]), *calls])


def grown(before: Row | None, growth: Sequence[Growth], counters: int, by_source: bool) -> Row:
    """A row after what its days gained; None before that is a new one.

    Only the first `counters` are kept, and calls by source only with `by_source`.
    """
    new = [0] * LAST + [growth[0].last] + [ABSENT] * len(SOURCES) * by_source
    row = list(before or new)
    for one in growth:
        for place in range(counters):
            row[place] += one.counters[place]
        row[LAST] = max(row[LAST], one.last)
        if by_source:
            place = BY_SOURCE + SOURCES.index(one.source)
            row[place] = max(row[place], 0) + one.counters[CALLS]
    return packed(row)


class Aggregate:
    """Totals of all rows. Each row that changes is passed to replace(); the others are not read."""

    def __init__(self, people: Mapping[int, Row]):
        turned, self._people = columns(people), people
        self.totals = [sum(column) for column in turned[:LAST]] or [0] * LAST
        told = turned[BY_SOURCE:]
        absent = [column.count(ABSENT) for column in told] or [0] * len(SOURCES)
        calls = [sum(column) for column in told] or absent
        self._calls = [all - ABSENT * few for all, few in zip(calls, absent, strict=True)]
        self._known = [len(people) * bool(told) - few for few in absent]
        idle = [column.count(0) for column in told] or absent
        self._callers = [all - few for all, few in zip(self._known, idle, strict=True)]
        tokens = map(add, turned[PROMPT], turned[COMPLETION]) if turned else ()
        self._most: int | None = max(tokens, default=None)
        self._newest: int | None = max(turned[LAST]) if turned else None

    @property
    def by_source(self) -> Mapping[str, tuple[int, int]]:
        """Answered calls and people with any by source, for sources with any event."""
        counts = zip(SOURCES, self._calls, self._callers, self._known, strict=True)
        return {source: (calls, people) for source, calls, people, known in counts if known}

    @property
    def most_tokens(self) -> int:
        """The most tokens that anyone used."""
        if self._most is None:
            self._most = max(map(_tokens, self._people.values()), default=None)
        return self._most or 0

    @property
    def newest(self) -> int | None:
        """When the newest event happened."""
        if self._newest is None:
            self._newest = max((row[LAST] for row in self._people.values()), default=None)
        return self._newest

    def replace(self, before: Row | None, row: Row | None) -> None:
        """Take a person's former row out of the totals and the new one in; either may be None."""
        for sign, one in ((-1, before), (1, row)):
            if one is None:
                continue
            for place in range(LAST):
                self.totals[place] += sign * one[place]
            for place, calls in enumerate(one[BY_SOURCE:]):
                if calls != ABSENT:
                    self._calls[place] += sign * calls
                    self._known[place] += sign
                    self._callers[place] += sign * (calls > 0)
        self._most = _greatest(self._most, before and _tokens(before), row and _tokens(row))
        self._newest = _greatest(self._newest, before and before[LAST], row and row[LAST])


def _tokens(row: Row) -> int:
    return row[PROMPT] + row[COMPLETION]


def _greatest(known: int | None, before: int | None, now: int | None) -> int | None:
    """The greatest of numbers after one of them changed; None if all have to be compared again."""
    if known is None or now is None:
        return None if known == before else known
    return None if before == known > now else max(known, now)
