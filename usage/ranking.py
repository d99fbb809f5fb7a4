"""People in order: by what they used, then by name; equals in all but the name share a rank."""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator

Key = Callable[[int], tuple]
"""What decides where a person stands, the name that they are called by last."""

FEW = 500


class Order:
    """Some people sorted by a key."""

    def __init__(self, people: Iterable[int], key: Key):
        self.people = sorted(people, key=key)
        self.key = key

    def __len__(self) -> int:
        return len(self.people)

    def mend(self, changed: Collection[int], present: Iterable[int]) -> None:
        """Let people whose key changed find their new place; `present` are those who stay."""
        moved = set(changed)
        self.people = [person for person in self.people if person not in moved]
        if len(changed) > FEW:
            self.people += present
            self.people.sort(key=self.key)
            return
        for person in present:
            insort(self.people, person, key=self.key)

    def rank(self, person: int) -> int | None:
        """Their rank; None for someone who isn't there."""
        key = self.key(person)
        place = bisect_left(self.people, key, key=self.key)
        if self.people[place : place + 1] != [person]:
            return None
        if place and self.key(self.people[place - 1])[:-1] == key[:-1]:
            place = bisect_left(self.people, key[:-1], hi=place, key=self.key)
        return place + 1

    def ranks(self, people: Iterable[int]) -> Iterator[int]:
        """The ranks of people who are there, given in this order: 1, 2, 2, 4."""
        before, rank, place = None, 0, len(self.people)
        for person in people:
            place += 1
            key = self.key(person)[:-1]
            # Where somebody was left out, the next one's place has to be looked for.
            follows = self.people[place : place + 1] == [person]
            if key != before:
                rank = (place if follows else bisect_left(self.people, key, key=self.key)) + 1
            if not follows:
                place = self.people.index(person, rank - 1)
            before = key
            yield rank
