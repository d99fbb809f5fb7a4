"""Names with usage that nobody has told the person of, and whose they might be."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from peewee import fn

from models import DailyUsage, User
from usage import naming
from usage.daily import added_up
from usage.ingest.event import NOBODY
from usage.ingest.intake import OPAQUE


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


class Known(NamedTuple):
    """A user as far as a suggestion needs them."""

    id: int
    username: str
    display_name: str
    email: str
    confirmed: bool
    calls: int = 0

    @property
    def opaque(self) -> bool:
        """True for a name that says nothing to anyone."""
        return bool(OPAQUE.fullmatch(self.username))

    @property
    def mails(self) -> set[str]:
        """The e-mail addresses that are known of them."""
        return {one.casefold() for one in (self.username, self.email) if "@" in one}

    @property
    def words(self) -> set[str]:
        """What else they are called, in any case, spaces and dots left out."""
        username = "" if self.opaque or "@" in self.username else self.username
        return {_squeezed(one) for one in (username, self.display_name)} - {""}

    @property
    def locals(self) -> set[str]:
        """Their e-mail addresses without the domain, likewise."""
        return {_squeezed(mail.partition("@")[0]) for mail in self.mails} - {""}


def identities(q: str = "", page: int = 1, per_page: int = 25) -> tuple[list[Identity], int]:
    """A page of unmapped names, most calls first, and how many there are; `q` searches names."""
    usage = _usage()
    users = [
        Known(*row, usage[row[0]][0] if row[0] in usage else 0)
        for row in User.select(
            User.id, User.username, User.display_name, User.email, User.confirmed
        )
        .where(User.owner_id.is_null(), ~User.sample)
        .tuples()
    ]
    owners = {id for (id,) in User.select(User.owner_id).distinct().tuples()}
    others = _index(users)
    found = []
    for user in users:
        if user.id in usage and not user.confirmed and user.id not in owners:
            other = _suggestion(user, others) if user.username != NOBODY else None
            if kind := _kind(user, other, usage):
                name = other.username if other else ""
                who = (user.username, user.display_name, user.email)
                found.append(Identity(*who, kind, *usage[user.id], name))
    q = q.casefold()
    found = [one for one in found if any(q in name.casefold() for name in _names(one))]
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


def _usage() -> dict[int, tuple[int, int, datetime]]:
    tokens = added_up(DailyUsage.prompt_tokens + DailyUsage.completion_tokens)
    calls, last = added_up(DailyUsage.calls), fn.MAX(DailyUsage.last_time)
    rows = (
        DailyUsage.select(DailyUsage.user, calls, tokens, last)
        .where(naming.named_to_super_admins())
        .group_by(DailyUsage.user)
    )
    return {user: tuple(used) for user, *used in rows.tuples()}


def _kind(user: Known, other: Known | None, usage: Mapping[int, tuple]) -> str:
    """What there is to map about a user; "" for someone who is known well enough."""
    if user.username == NOBODY:
        return NOBODY
    if user.opaque:
        return "installation"
    if not user.display_name and not user.email:
        return "name"
    # Of two that look like one person only the lesser is asked about.
    lesser = other and (other.confirmed or _weight(user) < _weight(other))
    return "spelling" if user.mails and lesser and other.id in usage else ""


def _index(users: list[Known]) -> Mapping[str, list[Known]]:
    """Whom each e-mail address, name and start of an address may stand for."""
    others = defaultdict(list)
    for user in users:
        for kind, names in (("mail", user.mails), ("word", user.words), ("local", user.locals)):
            for name in names:
                others[f"{kind} {name}"].append(user)
    return others


def _suggestion(user: Known, others: Mapping[str, list[Known]]) -> Known | None:
    """The likeliest other of the same e-mail or name; two addresses alone are two people."""
    for key in _keys(user):
        found = [one for one in others.get(key, ()) if one.id != user.id]
        if found:
            return max(found, key=lambda one: (one.confirmed, bool(one.display_name), _weight(one)))
    return None


def _keys(user: Known) -> Iterator[str]:
    yield from (f"mail {mail}" for mail in sorted(user.mails))
    yield from (f"word {word}" for word in sorted(user.words))
    yield from (f"local {word}" for word in sorted(user.words))
    yield from (f"word {local}" for local in sorted(user.locals))


def _weight(user: Known) -> tuple[int, str]:
    return user.calls, user.username


def _names(one: Identity) -> tuple[str, str, str]:
    return one.username, one.display_name, one.email


def _squeezed(name: str) -> str:
    return "".join(char for char in name.casefold() if char not in " .")
