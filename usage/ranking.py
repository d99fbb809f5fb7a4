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
        self.people = [person for person in self.people if person not in changed]
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
        return bisect_left(self.people, key[:-1], key=self.key) + 1

    def ranked(self) -> Iterator[tuple[int, int]]:
        """Everyone with their rank: 1, 2, 2, 4."""
        before, rank = None, 0
        for place, person in enumerate(self.people, start=1):
            key = self.key(person)[:-1]
            if key != before:
                before, rank = key, place
            yield person, rank
