"""Keys that programs sign their requests with; only hashes of them are kept."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

from peewee import Query, Value

from models import Key, Project
from usage import looks, prepared
from usage.accounts import Refused
from usage.ingest.event import SOURCES

SCOPES = ("ingest", "read", "embed")


def create(
    name: str,
    scopes: Iterable[str],
    now: datetime,
    project: str = "",
    user: str = "",
    source: str = "",
) -> str:
    """Make a key and return it: it can't be shown again. `project` is a slug. Raises Refused."""
    chosen = sorted(set(scopes))
    if not name.strip():
        raise Refused("A key needs a name.", "name")
    if not chosen or (unknown := [scope for scope in chosen if scope not in SCOPES]):
        wrong = f'"{unknown[0]}" is not a scope; ' if chosen else "A key needs a scope; "
        raise Refused(f"{wrong}choose from {', '.join(SCOPES)}.", "scopes")
    if source and source not in SOURCES:
        wrong = f'"{source}" is not a source; choose from {", ".join(SOURCES)}.'
        raise Refused(wrong, "source")
    if Key.select().where(Key.name == name).exists():
        raise Refused(f'There is a key named "{name}" already.', "name")
    bound = Project.get_or_none(Project.slug == project) if project else None
    if project and not bound:
        raise Refused(f'There is no project "{project}".', "project")
    token = f"tb_{secrets.token_urlsafe(32)}"
    Key.create(
        name=name,
        token_hash=hashed(token),
        scopes=" ".join(chosen),
        project=bound,
        default_user=user,
        default_source=source,
        created_at=now,
    )
    return token


def find(token: str, with_look: bool = False) -> Key | None:
    """The live key of that token and its project; `with_look` also a Look for what it may read."""
    for row in prepared.rows(_live_with_look if with_look else _live, hashed(token)):
        key, project = prepared.models(row, Key, Project)
        key.look = looks.from_row(*row[-3:]) if with_look else None
        if key.project_id:
            key.project = project
        return key
    return None


def _live_with_look(token_hash: Value) -> Query:
    return _live(token_hash).select_extend(*looks.columns(Key.project.is_null()))


def _live(token_hash: Value) -> Query:
    found = Key.select(Key, Project).left_outer_join(Project)
    return found.where(Key.token_hash == token_hash, Key.revoked_at.is_null())


def revoke(name: str, now: datetime) -> None:
    """Make a key useless from now on. Raises Refused when there is no such live key."""
    live = (Key.name == name) & Key.revoked_at.is_null()
    if not Key.update(revoked_at=now).where(live).execute():
        raise Refused(f'There is no live key named "{name}".')


def everyone() -> list[Key]:
    """All keys, by name."""
    return list(Key.select(Key, Project).left_outer_join(Project).order_by(Key.name))


def hashed(token: str) -> str:
    """How a key is stored; it is long and random, so a plain hash can't be guessed back."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
