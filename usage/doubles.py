"""Calls that would count differently if two people were merged into one."""

from collections.abc import Collection
from typing import NamedTuple

from models import CallId
from usage import changes, retention
from usage.changes import State
from usage.ingest import buckets, one_person
from usage.ingest.calls import Call


class Comparison(NamedTuple):
    """The calls found under the names of both, and what tells whether that is still true."""

    mine: frozenset[int]
    theirs: frozenset[int]
    state: State
    ids: int
    aside: list[Call]

    def still_holds(self, mine: Collection[int], theirs: Collection[int]) -> bool:
        """True if nothing of these people changed since; asked while nobody else can store."""
        if (self.mine, self.theirs) != (frozenset(mine), frozenset(theirs)):
            return False
        changed = changes.since(self.state, changes.state())
        if changed is None or any(users is None for users in changed.values()):
            return False
        users = self.mine | self.theirs
        # A record that only tells another id of a known call changes no number.
        return users.isdisjoint(set().union(*changed.values())) and self.ids == _ids(users)


def compare(owner: int, mine: Collection[int], theirs: Collection[int]) -> Comparison:
    """Find the calls that would count twice, without holding up those who store usage."""
    # A batch may turn two calls into one meanwhile: of one moment, all that was found is there.
    with changes.snapshot():
        state, ids = changes.state(), _ids({*mine, *theirs})
        aside = doubled(owner, mine, theirs)
    return Comparison(frozenset(mine), frozenset(theirs), state, ids, aside)


def doubled(owner: int, mine: Collection[int], theirs: Collection[int]) -> list[Call]:
    """The calls that would count differently if `mine` were names of that owner like `theirs`.

    Those that count would count twice; of some another copy would count in their place.
    """
    people = dict.fromkeys([*mine, *theirs], owner)
    both = one_person.known_to_both(list(mine), list(theirs))
    # Among equal copies the person's own counts, and the names that are merged get another person.
    both |= {call.identity for call in one_person.set_aside(mine)} if len(mine) > 1 else set()
    aside = one_person.flips(people, one_person.copies(people, both))
    # In a snapshot a lock would fail where somebody stored meanwhile; in the end nobody else can.
    found = buckets.of(people, lock=False)
    return retention.open_to_change(aside + buckets.flips(people, found, lock=False))


def _ids(users: Collection[int]) -> int:
    return CallId.select().where(CallId.user_id.in_(sorted(users))).count()
