"""The names of all users, kept in memory and updated by the change log."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from threading import Lock
from typing import NamedTuple

from peewee import ModelSelect

from models import User, db
from usage import changes
from usage.changes import NAMES, NOTHING, State

AT_ONCE = 500
WHO = (User.username, User.display_name, User.email)


class Name(NamedTuple):
    """The names of a user; `folded` holds all three, casefolded, for searches.

    `digest` is a hash of them that is the same in every process.
    """

    username: str
    display_name: str
    email: str
    folded: str
    digest: int = 0


def named(username: str, display_name: str = "", email: str = "", digest: int = 0) -> Name:
    """A Name with its text for searches."""
    folded = f"{display_name}\n{username}\n{email}".casefold()
    return Name(username, display_name, email, folded, digest)


class Names:
    """The names of all users, shared by everything that is kept in this process."""

    def __init__(self) -> None:
        self.known: dict[int, Name] = {}
        """By user. Updated in place; replaced when everything is read again."""
        self.owners: Mapping[int, int] = {}
        """The person of each merged name. Replaced on a change, so that `is` tells one."""
        self.content = NOTHING
        """The state of the board in which a name last changed."""
        self._state = NOTHING
        self._lock = Lock()

    def refresh(self, now: State) -> None:
        """Read the names that changed up to `now`; within the snapshot that it was read in."""
        with self._lock:
            if self._state.epoch == now.epoch and self._state.version >= now.version:
                return
            changed = changes.since(self._state, now)
            users = changed.get(NAMES, set()) if changed is not None else None
            # If this fails half-way, everything is read again.
            self._state = NOTHING
            if users is None:
                self._learn({}, {}, [User.select()])
            elif users:
                self._learn(self.known, self.owners, _some(users))
                # They may have come to people who were never looked at.
                self._learn_missing(self._owners_of(users))
            if users is None or users:
                self.content = now
            self._state = now

    def learn(self, users: Iterable[int]) -> None:
        """Read the names of users that are not known yet, and of the people they belong to."""
        with self._lock:
            self._learn_missing(users)

    def _learn_missing(self, users: Iterable[int]) -> None:
        while missing := [user for user in users if user not in self.known]:
            self._learn(self.known, self.owners, _some(missing))
            users = self._owners_of(missing)

    def _owners_of(self, users: Iterable[int]) -> list[int]:
        return [self.owners[user] for user in users if user in self.owners]

    def _learn(
        self, known: dict[int, Name], owners: Mapping[int, int], queries: Iterable[ModelSelect]
    ) -> None:
        owners = dict(owners)
        for query in queries:
            query = query.select(User.id, User.owner_id, *WHO)
            for id, owner, *names in db.execute(query).fetchall():
                digest = blake2b(repr((id, owner, *names)).encode(), digest_size=8).digest()
                known[id] = named(*names, int.from_bytes(digest))
                owners.pop(id, None)
                if owner:
                    owners[id] = owner
        self.known = known
        if owners != self.owners:
            self.owners = owners


def _some(users: Iterable[int]) -> Iterator[ModelSelect]:
    ids = sorted(users)
    for start in range(0, len(ids), AT_ONCE):
        yield User.select().where(User.id.in_(ids[start : start + AT_ONCE]))
