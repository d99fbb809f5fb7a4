"""Who and what for: the rows that the names in events stand for, made when they are new."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from models import Alias, Project, User
from usage.ingest.event import Event

RESERVED_SLUGS = ("all", "unassigned")


def slug(name: str) -> str:
    """A project's name as it stands in addresses: "Check Out!" is check-out."""
    text = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")
    if not text:
        text = "project-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{text}-project" if text in RESERVED_SLUGS else text


def user_ids(events: Iterable[Event], now: datetime) -> Mapping[str, int]:
    """The user of every name in the events, through aliases; unknown names become users."""
    said: dict[str, dict[str, str]] = {}
    for event in events:
        profile = said.setdefault(event.user, {})
        if event.display_name:
            profile["display_name"] = event.display_name
        if event.email:
            profile["email"] = event.email
    known = _known_users(said)
    if missing := sorted(said.keys() - known.keys()):
        blank = {"created_at": now, "display_name": "", "email": ""}
        for some in _slices(missing):
            rows = [{"username": name} | blank | said[name] for name in some]
            User.insert_many(rows).on_conflict_ignore().execute()
        known |= _known_users(missing)
    _update_profiles(said, known)
    return {name: user.id for name, user in known.items()}


def projects(names: Iterable[str], timezone: str, now: datetime) -> Mapping[str, Project]:
    """The project of every name; a new one counts its days in the given zone."""
    slugs = {name: slug(name) for name in set(names) if name}
    known = _known_projects(slugs.values())
    missing = {slugs[name]: name for name in sorted(slugs) if slugs[name] not in known}
    if missing:
        for some in _slices(sorted(missing)):
            rows = [
                {"slug": key, "name": missing[key], "timezone": timezone, "created_at": now}
                for key in some
            ]
            Project.insert_many(rows).on_conflict_ignore().execute()
        known |= _known_projects(missing)
    return {name: known[slugs[name]] for name in slugs}


def _known_users(names: Iterable[str]) -> dict[str, User]:
    names = list(names)
    found = {}
    for some in _slices(names):
        for user in User.select().where(User.username.in_(some)):
            found[user.username] = user
        for alias in Alias.select(Alias, User).join(User).where(Alias.name.in_(some)):
            found[alias.name] = alias.user
    return found


def _known_projects(slugs: Iterable[str]) -> dict[str, Project]:
    found = {}
    for some in _slices(sorted(slugs)):
        found |= {row.slug: row for row in Project.select().where(Project.slug.in_(some))}
    return found


def _update_profiles(said: Mapping[str, Mapping[str, str]], known: Mapping[str, User]) -> None:
    """Call people what they were called last, whichever of their names it was said with."""
    users = {user.id: user for user in known.values()}
    profiles: dict[int, dict[str, str]] = {}
    for name, profile in said.items():
        profiles.setdefault(known[name].id, {}).update(profile)
    for user_id in sorted(profiles):
        profile = profiles[user_id]
        if any(getattr(users[user_id], name) != value for name, value in profile.items()):
            User.update(**profile).where(User.id == user_id).execute()


def _slices(values: list, size: int = 500) -> Iterable[list]:
    return (values[start : start + size] for start in range(0, len(values), size))
