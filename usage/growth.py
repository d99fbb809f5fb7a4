"""What an entry of the change log holds: who changed, on which days, and by how much they grew."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

NAMES = -1
"""Key of an entry, in place of a project, for users whose names changed."""
DAYS = -2
"""Key for the days on which numbers changed, as ordinals."""
GROWTH = -3
"""Key for the Growth rows."""


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
    """What changed: users by project, days, and of some users by how much.

    None stands for all users of a project, or for any day. `growth` holds those pairs of project
    and user for whom it is all that changed.
    """

    users: dict[int, set[int] | None] = field(default_factory=dict)
    days: set[int] | None = field(default_factory=set)
    growth: dict[tuple[int, int], list[Growth]] = field(default_factory=dict)

    def add(self, told: Mapping[str, list | None]) -> None:
        """Add the log's entry of the next version."""
        numbers = {int(name): said for name, said in told.items()}
        growth: dict[tuple[int, int], list[Growth]] = defaultdict(list)
        for row in map(Growth._make, numbers.pop(GROWTH, ())):
            growth[row.project, row.user].append(row)
        # Entries of older releases have no days.
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
