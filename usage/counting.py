"""Which daily row an event counts in, and by how much. [pure]"""

import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Self

TOKEN_FIELDS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
COSTS = ("list_nanodollars", "unpriced_calls", "reported_nanodollars", "unreported_calls")
COUNTERS = ("calls", "failed_calls", "unknown_calls", *TOKEN_FIELDS, *COSTS)
NOTHING = (0,) * (len(COUNTERS) - 2)


class DayKey(NamedTuple):
    """Which daily row an event belongs to."""

    project_id: int
    day: date
    user_id: int
    source: str
    provider: str
    model: str
    test_type: str

    @classmethod
    def of(cls, event: object) -> Self:
        """The daily row of a stored event."""
        return cls._make(DIMENSIONS_OF(event))


DIMENSIONS_OF = operator.attrgetter(*DayKey._fields)
KIND_OF = operator.attrgetter("failed", "usage_known", *DayKey._fields)
NUMBERS_OF = operator.attrgetter(
    "calls", *TOKEN_FIELDS, "list_nanodollars", "cost_nanodollars", "time"
)


@dataclass(slots=True)
class Delta:
    """What a daily row gains, and the moments it has to cover."""

    counters: list[int] = field(default_factory=lambda: [0] * len(COUNTERS))
    first: datetime | None = None
    last: datetime | None = None
    shrinks: bool = False

    def count(self, counters: Iterable[int], time: datetime, sign: int = 1) -> None:
        """Add one event, or with sign -1 take it out again."""
        if sign < 0:
            counters, self.shrinks = [-value for value in counters], True
        self.grow(counters, time, time)

    def grow(self, counters: Iterable[int], first: datetime, last: datetime) -> None:
        """Add events that come to these counters, the first and last of them at these times."""
        self.counters = list(map(operator.add, self.counters, counters))
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    def __add__(self, other: Self) -> Self:
        """What both together come to."""
        both = Delta(shrinks=self.shrinks or other.shrinks)
        for one in (self, other):
            both.grow(one.counters, one.first, one.last)
        return both


def counters_of(event: object) -> tuple[int, ...]:
    """What a stored event adds to its day; a failed call adds no tokens and no cost."""
    return _counters(event.failed, event.usage_known, NUMBERS_OF(event))


def _counters(failed: bool, known: bool, numbers: Sequence) -> tuple[int, ...]:
    calls, *tokens, listed, cost, _ = numbers
    if failed:
        return (0, calls, *NOTHING)
    if not known:
        return (0, 0, calls, *tokens, listed or 0, 0, cost or 0, 0)
    # A vendor's sum may not say over how many calls it is; it counts as one without a cost.
    one = calls or 1
    without_list, without_cost = one * (listed is None), one * (cost is None)
    return (calls, 0, 0, *tokens, listed or 0, without_list, cost or 0, without_cost)


def count(deltas: dict[DayKey, Delta], event: object, sign: int = 1) -> None:
    """Note that an event counts on its day from now on, or with sign -1 no longer does."""
    deltas[DayKey.of(event)].count(counters_of(event), event.time, sign)


def count_all(deltas: dict[DayKey, Delta], events: Sequence[object]) -> None:
    """Note that these events count on their days from now on."""
    by_kind = defaultdict(list)
    for kind, numbers in zip(map(KIND_OF, events), map(NUMBERS_OF, events), strict=True):
        by_kind[kind].append(numbers)
    for (failed, known, *day), some in by_kind.items():
        rows = [_counters(failed, known, numbers) for numbers in some]
        # Many days gain a single call, which is its own sum.
        counters = map(sum, zip(*rows, strict=True)) if len(rows) > 1 else rows[0]
        times = [numbers[-1] for numbers in some]
        deltas[DayKey._make(day)].grow(counters, min(times), max(times))


def flip_all(deltas: dict[DayKey, Delta], events: Iterable[object]) -> None:
    """Note that those of these events that count stop counting, and that the others start to."""
    for event in events:
        count(deltas, event, -1 if event.counted else 1)


def recount(deltas: dict[DayKey, Delta], old: object, new: object) -> None:
    """Note that a counted event became another."""
    key = DayKey.of(new)
    if (DayKey.of(old), old.time) == (key, new.time):
        # The time is the same, so first and last time of the daily row stay.
        more = zip(counters_of(new), counters_of(old), strict=True)
        deltas[key].count([now - before for now, before in more], new.time)
    else:
        count(deltas, old, -1)
        count(deltas, new)
