"""What events add to their daily rows: which row, and by how much. [pure]"""

import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Self

TOKENS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
COSTS = ("list_nanodollars", "unpriced_calls", "reported_nanodollars", "unreported_calls")
COUNTERS = ("calls", "failed_calls", "unknown_calls", *TOKENS, *COSTS)
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
SAID = operator.attrgetter(
    "failed", "usage_known", "calls", *TOKENS, "list_nanodollars", "cost_nanodollars"
)


@dataclass(slots=True)
class Delta:
    """What a daily row gains, and the moments it has to cover."""

    counters: list[int] = field(default_factory=lambda: [0] * len(COUNTERS))
    first: datetime | None = None
    last: datetime | None = None
    shrinks: bool = False

    def count(self, counters: Iterable[int], time: datetime, sign: int = 1) -> None:
        """Take one event in, or with sign -1 out again."""
        if sign < 0:
            counters, self.shrinks = [-value for value in counters], True
        self.grow(counters, time, time)

    def grow(self, counters: Iterable[int], first: datetime, last: datetime) -> None:
        """Take events in that come to these counters, from the first to the last."""
        self.counters = list(map(operator.add, self.counters, counters))
        self.first = min(self.first or first, first)
        self.last = max(self.last or last, last)


def counters_of(event: object) -> tuple[int, ...]:
    """What a stored event adds to its day; a failed call adds no tokens and no cost."""
    failed, known, calls, prompt, completion, read, written, reasoned, listed, cost = SAID(event)
    if failed:
        return (0, calls, *NOTHING)
    tokens_and_list = prompt, completion, read, written, reasoned, listed or 0
    if not known:
        return (0, 0, calls, *tokens_and_list, 0, cost or 0, 0)
    # A vendor's sum may leave out over how many calls it is; it is something without a price still.
    unpriced, unreported = (calls or 1) * (listed is None), (calls or 1) * (cost is None)
    return (calls, 0, 0, *tokens_and_list, unpriced, cost or 0, unreported)


def count(deltas: dict[DayKey, Delta], event: object, sign: int = 1) -> None:
    """Note that an event counts on its day from now on, or with sign -1 no longer does."""
    deltas[DayKey.of(event)].count(counters_of(event), event.time, sign)


def count_all(deltas: dict[DayKey, Delta], events: Sequence[object]) -> None:
    """Note that these events count on their days from now on."""
    by_day = defaultdict(list)
    for day, event in zip(map(DIMENSIONS_OF, events), events, strict=True):
        by_day[day].append(event)
    for day, some in by_day.items():
        counters = map(sum, zip(*map(counters_of, some), strict=True))
        times = [event.time for event in some]
        deltas[DayKey._make(day)].grow(counters, min(times), max(times))


def recount(deltas: dict[DayKey, Delta], old: object, new: object) -> None:
    """Note that a counted event became another."""
    key = DayKey.of(new)
    if (DayKey.of(old), old.time) == (key, new.time):
        # No moment is given up, so its day's ends stay.
        more = zip(counters_of(new), counters_of(old), strict=True)
        deltas[key].count([now - before for now, before in more], new.time)
    else:
        count(deltas, old, -1)
        count(deltas, new)
