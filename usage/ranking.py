"""Order: people sorted by their usage, then by name; equals in all but the name share a rank."""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

Keys = Callable[[Collection[int]], Iterable[tuple]]
"""Gives the sort key of each of some people; its last part is the name shown."""

FEW = 500


class Order:
    """People sorted by their keys. After rows changed, `moved` names people to be put in place."""

    def __init__(self, people: Collection[int], keys: Keys):
        self.keys = keys
        self.people = self._sorted(people)
        self.moved: set[int] = set()

    def __len__(self) -> int:
        return len(self.people)

    def key(self, person: int) -> tuple:
        """The sort key of a person."""
        return next(iter(self.keys((person,))))

    def mend(self, present: Sequence[int]) -> None:
        """Put those who moved in their places; `present` are those of them who still have one."""
        stayed = [person for person in self.people if person not in self.moved]
        if len(self.moved) > FEW:
            self.people = self._sorted([*stayed, *present])
        else:
            self.people = stayed
            for person in present:
                insort(self.people, person, key=self.key)
        self.moved = set()

    def rank(self, person: int) -> int | None:
        """The rank of a person, None for someone who isn't in the order."""
        key = self.key(person)
        place = bisect_left(self.people, key, key=self.key)
        if self.people[place : place + 1] != [person]:
            return None
        if place and self.key(self.people[place - 1])[:-1] == key[:-1]:
            place = bisect_left(self.people, key[:-1], hi=place, key=self.key)
        return place + 1

    def ranks(self, people: Iterable[int]) -> Iterator[int]:
        """The ranks of some people of this order, given in it, like 1, 2, 2, 4."""
        before, rank, place = None, 0, len(self.people)
        for person in people:
            place += 1
            key = self.key(person)[:-1]
            # After somebody who was left out, the next person's place has to be looked up.
            follows = self.people[place : place + 1] == [person]
            if key != before:
                rank = (place if follows else bisect_left(self.people, key, key=self.key)) + 1
            if not follows:
                place = self.people.index(person, rank - 1)
            before = key
            yield rank

    def _sorted(self, people: Collection[int]) -> list[int]:
        keys = dict(zip(people, self.keys(people), strict=True))
        return sorted(people, key=keys.__getitem__)
