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
        self.first = min(self.first or first, first)
        self.last = max(self.last or last, last)


def counters_of(event: object) -> tuple[int, ...]:
    """What a stored event adds to its day; a failed call adds no tokens and no cost."""
    columns = ((value,) for value in NUMBERS_OF(event))
    return _together(event.failed, event.usage_known, *columns)


def _together(
    failed: bool, known: bool, calls: Sequence[int], *numbers: Sequence[int | None]
) -> tuple[int, ...]:
    """The counters of stored events of one kind, given as columns."""
    if failed:
        return (0, sum(calls), *NOTHING)
    *tokens, listed, costs, _ = numbers
    sums = (*map(sum, tokens), sum(filter(None, listed)))
    cost = sum(filter(None, costs))
    if not known:
        return (0, 0, sum(calls), *sums, 0, cost, 0)
    return (sum(calls), 0, 0, *sums, _without(listed, calls), cost, _without(costs, calls))


def _without(costs: Sequence[int | None], calls: Sequence[int]) -> int:
    """How many of these calls have no cost."""
    if None not in costs:
        return 0
    # A vendor's sum may not say over how many calls it is; it counts as one without a cost.
    return sum(many or 1 for cost, many in zip(costs, calls, strict=True) if cost is None)


def count(deltas: dict[DayKey, Delta], event: object, sign: int = 1) -> None:
    """Note that an event counts on its day from now on, or with sign -1 no longer does."""
    deltas[DayKey.of(event)].count(counters_of(event), event.time, sign)


def count_all(deltas: dict[DayKey, Delta], events: Sequence[object]) -> None:
    """Note that these events count on their days from now on."""
    by_kind = defaultdict(list)
    for kind, numbers in zip(map(KIND_OF, events), map(NUMBERS_OF, events), strict=True):
        by_kind[kind].append(numbers)
    for (failed, known, *day), some in by_kind.items():
        columns = list(zip(*some, strict=True))
        times = columns[-1]
        counters = _together(failed, known, *columns)
        deltas[DayKey._make(day)].grow(counters, min(times), max(times))


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
