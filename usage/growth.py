"""What the change log tells: who changed, on which days, and of those who used more how much."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

NAMES = -1
"""Stands in place of a project where names, not numbers, changed."""
DAYS = -2
"""And where days stand in place of users: those on which numbers changed, by their ordinals."""
GROWTH = -3
"""And where each line is a Growth."""


class Growth(NamedTuple):
    """What a daily row gained; the day as an ordinal, the time of the newest event as stored."""

    project: int
    user: int
    day: int
    source: str
    last: int
    counters: Sequence[int]


@dataclass(slots=True)
class Changes:
    """What changed: users by project, the days, and of some users how.

    None stands for everyone, or for any day. `growth` has pairs of project and user of whom no
    number changed but those told there.
    """

    users: dict[int, set[int] | None] = field(default_factory=dict)
    days: set[int] | None = field(default_factory=set)
    growth: dict[tuple[int, int], list[Growth]] = field(default_factory=dict)

    def add(self, told: Mapping[str, list | None]) -> None:
        """Take in what the next version of the log tells."""
        numbers = {int(name): said for name, said in told.items()}
        growth: dict[tuple[int, int], list[Growth]] = defaultdict(list)
        for row in map(Growth._make, numbers.pop(GROWTH, ())):
            growth[row.project, row.user].append(row)
        # An older release told no days.
        days = numbers.pop(DAYS, [] if numbers.keys() == {NAMES} else None)
        self.days = _both(self.days, days)
        for project, users in numbers.items():
            before = self.users.setdefault(project, set())
            for pair in ((project, user) for user in users or () if project != NAMES):
                is_new = before is not None and pair[1] not in before
                if pair in growth and (is_new or pair in self.growth):
                    self.growth.setdefault(pair, []).extend(growth[pair])
                else:
                    self.growth.pop(pair, None)
            self.users[project] = _both(before, users)


def _both(before: set[int] | None, more: Collection[int] | None) -> set[int] | None:
    if before is None or more is None:
        return None
    before.update(more)
    return before
