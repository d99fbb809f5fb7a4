"""Usernames with usage that no admin has mapped to a person, and whose they might be."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import fn

from models import DailyUsage, User
from usage import naming
from usage.daily import sum_of
from usage.ingest.calls import slices
from usage.ingest.event import NOBODY
from usage.ingest.fields import OPAQUE

# Below this share of all users, reading the rows of each is faster than reading all rows.
FEW = 0.2
Usage = Mapping[int, tuple[int, int, datetime]]
"""Calls, tokens and the time of the newest event by user."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A name to be mapped, with all that was ever counted under it.

    `kind` is "unassigned" (usage of nobody), "installation" (a number that some tool made up),
    "name" (nothing but a username) or "spelling" (a person who seems to be there twice).
    `suggestion` is the username of whom it might be, or "".
    """

    username: str
    display_name: str
    email: str
    kind: str
    calls: int
    tokens: int
    last_time: datetime
    suggestion: str


class Known:
    """A user with all texts by which they may match another."""

    def __init__(self, id: int, username: str, display_name: str, email: str, confirmed: bool):
        self.id, self.username, self.confirmed = id, username, confirmed
        self.display_name, self.email = display_name, email
        # The number of an installation is nobody's name.
        self.opaque = bool(OPAQUE.fullmatch(username))
        self.mails = {one.casefold() for one in (username, email) if "@" in one}
        says_a_name = not (self.opaque or "@" in username)
        self.words = {_squeezed(one) for one in (username * says_a_name, display_name)} - {""}
        self.locals = {_squeezed(mail.partition("@")[0]) for mail in self.mails} - {""}


def identities(q: str = "", page: int = 1, per_page: int = 25) -> tuple[list[Identity], int]:
    """A page of unmapped names, most calls first, and how many there are; `q` searches names."""
    columns = User.id, User.username, User.display_name, User.email, User.confirmed
    rows = User.select(*columns).where(User.owner_id.is_null(), ~User.sample).tuples()
    users = [Known(*row) for row in rows]
    owners = {id for (id,) in User.select(User.owner_id).distinct().tuples()}
    others = _index(users)
    asked = [user for user in users if not user.confirmed and user.id not in owners]
    pairs = [(user, _alike(user, others)) for user in asked]
    # Only theirs is summed up: doing so for everyone takes long.
    pairs = [(one, alike) for one, alike in pairs if _is_unclear(one) or (one.mails and alike)]
    usage = _usage({one.id for user, alike in pairs for one in (user, *alike)}, len(users))
    found = [_identity(user, alike, usage) for user, alike in pairs if user.id in usage]
    q = q.casefold()
    found = [one for one in found if one and any(q in name.casefold() for name in _names(one))]
    found.sort(key=lambda one: (one.kind != NOBODY, -one.calls, -one.tokens, one.username))
    return found[(page - 1) * per_page : page * per_page], len(found)


def search(q: str, most: int = 8) -> list[User]:
    """Some people whose username, display name or e-mail contains the text."""
    names = (User.username, User.display_name, User.email)
    found = [name.contains(q) for name in names]
    people = User.select().where(found[0] | found[1] | found[2])
    return list(
        people.where(User.owner_id.is_null(), ~User.sample).order_by(User.username).limit(most)
    )


def _usage(ids: Collection[int], users: int) -> dict[int, tuple[int, int, datetime]]:
    """All that was ever counted under these names of so many, of those who have any."""
    tokens = sum_of(DailyUsage.prompt_tokens + DailyUsage.completion_tokens)
    calls, last = sum_of(DailyUsage.calls), fn.MAX(DailyUsage.last_time)
    query = DailyUsage.select(DailyUsage.user, calls, tokens, last)
    query = query.where(naming.named_to_super_admins()).group_by(DailyUsage.user)
    if len(ids) > users * FEW:
        return {user: tuple(used) for user, *used in query.tuples() if user in ids}
    found = {}
    for some in slices(sorted(ids)):
        rows = query.where(DailyUsage.user.in_(some)).tuples()
        found |= {user: tuple(used) for user, *used in rows}
    return found


def _is_unclear(user: Known) -> bool:
    """True if a name alone does not tell who it is."""
    return user.username == NOBODY or user.opaque or not (user.display_name or user.email)


def _identity(user: Known, alike: Sequence[Known], usage: Usage) -> Identity | None:
    """What an admin should map about a user; None for somebody known well enough."""
    other = max(alike, key=lambda one: _standing(one, usage), default=None)
    if user.username == NOBODY:
        kind = NOBODY
    elif _is_unclear(user):
        kind = "installation" if user.opaque else "name"
    # Of two that look like one person only the one with less usage is listed.
    elif other.id in usage and (other.confirmed or _weight(user, usage) < _weight(other, usage)):
        kind = "spelling"
    else:
        return None
    who = user.username, user.display_name, user.email
    return Identity(*who, kind, *usage[user.id], other.username if other else "")


def _index(users: list[Known]) -> Mapping[str, list[Known]]:
    """Users by e-mail address, by name and by local part of an address."""
    others = defaultdict(list)
    for user in users:
        for kind, names in (("mail", user.mails), ("word", user.words), ("local", user.locals)):
            for name in names:
                others[f"{kind} {name}"].append(user)
    return others


def _alike(user: Known, others: Mapping[str, list[Known]]) -> list[Known]:
    """Other users with the same e-mail address or name; the most certain kind of match wins."""
    for key in _keys(user) if user.username != NOBODY else ():
        if found := [one for one in others.get(key, ()) if one is not user]:
            return found
    return []


def _keys(user: Known) -> Iterator[str]:
    yield from (f"mail {mail}" for mail in sorted(user.mails))
    yield from (f"word {word}" for word in sorted(user.words))
    yield from (f"local {word}" for word in sorted(user.words))
    yield from (f"word {local}" for local in sorted(user.locals))


def _standing(user: Known, usage: Usage) -> tuple:
    return user.confirmed, bool(user.display_name), _weight(user, usage)


def _weight(user: Known, usage: Usage) -> tuple[int, str]:
    return usage[user.id][0] if user.id in usage else 0, user.username


def _names(one: Identity) -> tuple[str, str, str]:
    return one.username, one.display_name, one.email


def _squeezed(name: str) -> str:
    return name.casefold().replace(" ", "").replace(".", "")
