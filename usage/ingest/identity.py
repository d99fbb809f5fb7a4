"""Users and projects by the names in events; new ones are made."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from peewee import Query

from models import DailyUsage, Project, User
from usage import bulk, changes
from usage.ingest.event import TEXT_LIMITS, Event

RESERVED_SLUGS = ("all", "unassigned")
MOST_CHARACTERS = TEXT_LIMITS["project"]
# Every project is a choice in the filters: a sender that makes one up per call is mistaken.
MOST_NEW_PROJECTS = 100


class Person(NamedTuple):
    """A stored user."""

    username: str
    id: int
    owner_id: int | None
    display_name: str
    email: str


class Profile(NamedTuple):
    """What an event says of its user; "" is nothing."""

    user: str
    display_name: str
    email: str


class KnownProject(NamedTuple):
    """A stored project."""

    slug: str
    id: int
    timezone: str


PROFILE_OF = attrgetter(*Profile._fields)


def slug(name: str) -> str:
    """A project's name as it stands in addresses: "Check Out!" is check-out."""
    # Some letters grow when their case is folded; a slug is a name of its project as well.
    text = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:MOST_CHARACTERS].strip("-")
    if not text:
        text = "project-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{text}-project" if text in RESERVED_SLUGS else text


def surplus_projects(names: Iterable[str]) -> set[str]:
    """The names of new projects beyond those that one request may bring."""
    slugs = {name: slug(name) for name in names if name}
    if len(set(slugs.values())) <= MOST_NEW_PROJECTS:
        return set()
    known = _known_projects(slugs.values())
    new = list(dict.fromkeys(key for key in slugs.values() if key not in known))
    surplus = set(new[MOST_NEW_PROJECTS:])
    return {name for name, key in slugs.items() if key in surplus}


def profiles(events: Iterable[Event]) -> list[Profile]:
    """What the events say of their users, each once, in order."""
    return list(map(Profile._make, dict.fromkeys(map(PROFILE_OF, events))))


def users(
    told: Iterable[Profile], now: datetime, others: Iterable[str], bound: str = ""
) -> Mapping[str, Person]:
    """The users of these profiles, made if they are new, and those of `others` that exist.

    Names and addresses in profiles fill what is blank, and change nothing. A sender `bound` to a
    project fills in nothing for users who are known outside of it.
    """
    said: dict[str, dict[str, str]] = {}
    for name, display_name, email in told:
        words = said.setdefault(name, {})
        if display_name:
            words.setdefault("display_name", display_name)
        if email:
            words.setdefault("email", email)
    known = known_users({*said, *others})
    if missing := sorted(said.keys() - known.keys()):
        blank = {"created_at": now, "display_name": "", "email": ""}
        for some in _slices(missing):
            rows = [{"username": name} | blank | said[name] for name in some]
            User.insert_many(rows).on_conflict_ignore().execute()
        known |= known_users(missing)
    fills = {
        known[name].id: new
        for name in sorted(said)
        if (new := {key: text for key, text in said[name].items() if not getattr(known[name], key)})
    }
    if fills and bound:
        fills = {id: fills[id] for id in fills.keys() - _known_elsewhere(fills, bound)}
    for user_id, new in fills.items():
        User.update(**new).where(User.id == user_id).execute()
        changes.touch_names([user_id])
    return known


def _known_elsewhere(users: Iterable[int], project: str) -> set[int]:
    """Those of these users who have usage outside of a project, or an account made by an admin."""
    here = [known.id for known in map(KnownProject._make, _projects([(project,)]).tuples())]
    found: set[int] = set()
    for some in _slices(sorted(users)):
        usage = DailyUsage.select(DailyUsage.user).where(DailyUsage.user.in_(some))
        usage = usage.where(DailyUsage.project_id.not_in(here)).distinct()
        made = (User.role != "member") | (User.password_hash != "") | User.confirmed
        accounts = User.select(User.id).where(User.id.in_(some), made)
        found |= {id for query in (usage, accounts) for (id,) in query.tuples()}
    return found


def projects(names: Iterable[str], timezone: str, now: datetime) -> Mapping[str, KnownProject]:
    """The project of every name; a new one counts its days in the given zone."""
    known = known_projects(names)
    missing = {slug(name): name for name in sorted(set(names)) if name and name not in known}
    if missing:
        for some in _slices(sorted(missing)):
            rows = [
                {"slug": key, "name": missing[key], "timezone": timezone, "created_at": now}
                for key in some
            ]
            Project.insert_many(rows).on_conflict_ignore().execute()
        known = known_projects(names)
    return known


def known_projects(names: Iterable[str]) -> Mapping[str, KnownProject]:
    """The projects of those names that exist."""
    slugs = {name: slug(name) for name in set(names) if name}
    known = _known_projects(slugs.values())
    return {name: known[key] for name, key in slugs.items() if key in known}


def known_users(names: Iterable[str]) -> dict[str, Person]:
    """The users of those names that exist."""
    found = bulk.run(_users, (User.username,), zip(sorted(names)))
    return {person.username: person for person in map(Person._make, found)}


def _users(names: Sequence[tuple]) -> Query:
    columns = [getattr(User, name) for name in Person._fields]
    return User.select(*columns).where(User.username.in_([name for (name,) in names]))


def _known_projects(slugs: Iterable[str]) -> dict[str, KnownProject]:
    found = bulk.run(_projects, (Project.slug,), zip(sorted(set(slugs))))
    return {project.slug: project for project in map(KnownProject._make, found)}


def _projects(slugs: Sequence[tuple]) -> Query:
    columns = [getattr(Project, name) for name in KnownProject._fields]
    return Project.select(*columns).where(Project.slug.in_([slug for (slug,) in slugs]))


def _slices(values: list, size: int = 500) -> Iterable[list]:
    return (values[start : start + size] for start in range(0, len(values), size))
