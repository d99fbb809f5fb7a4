"""People, roles and what each may see; sessions, sign-in links and keys, kept as hashes."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from models import Key, Project, Session, SignInLink, User, db
from usage.ingest.event import SOURCES, InvalidEvent, canonical_user
from usage.ingest.identity import RESERVED_SLUGS, slug
from usage.pricing import Rates
from usage.scope import Horizon, VisibleProject
from usage.window import zone

SCOPES = ("ingest", "read", "embed")
SUPER_ADMIN = "super_admin"
LINK_LIFETIME = timedelta(hours=1)


class Refused(ValueError):
    """Something that can't be done with accounts: a sentence for a person."""


def horizon(viewer: User | Key, rates: Rates, timezone: str, now: datetime) -> Horizon:
    """What a signed-in person or a read key may see: closed unless their role opens it."""
    sees_all = viewer.role == SUPER_ADMIN if isinstance(viewer, User) else not viewer.project_id
    rows = Project.select().order_by(Project.name, Project.slug)
    if not sees_all:
        mine = viewer.project_id if isinstance(viewer, Key) else None
        rows = rows.where(Project.id == mine)
    seen = tuple(VisibleProject(row.id, row.slug, row.name, row.timezone) for row in rows)
    return Horizon(seen, sees_all, timezone, rates, now)


def administers(user: User) -> bool:
    """Whether a person administers the whole board."""
    return user.role == SUPER_ADMIN


def create_key(
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
        raise Refused("A key needs a name.")
    if not chosen or (unknown := [scope for scope in chosen if scope not in SCOPES]):
        wrong = f'"{unknown[0]}" is not a scope; ' if chosen else ""
        raise Refused(f"{wrong}choose from {', '.join(SCOPES)}.")
    if source and source not in SOURCES:
        raise Refused(f'"{source}" is not a source; choose from {", ".join(SOURCES)}.')
    if Key.select().where(Key.name == name).exists():
        raise Refused(f'There is a key named "{name}" already.')
    bound = Project.get(Project.slug == project) if project else None
    token = f"tb_{secrets.token_urlsafe(32)}"
    Key.create(
        name=name,
        token_hash=hash_key(token),
        scopes=" ".join(chosen),
        project=bound,
        default_user=user,
        default_source=source,
        created_at=now,
    )
    return token


def find_key(token: str) -> Key | None:
    """The live key of that token, with its project."""
    found = Key.select(Key, Project).left_outer_join(Project)
    return found.where(Key.token_hash == hash_key(token), Key.revoked_at.is_null()).first()


def revoke_key(name: str, now: datetime) -> None:
    """Make a key useless from now on. Raises Refused when there is no such live key."""
    live = (Key.name == name) & Key.revoked_at.is_null()
    if not Key.update(revoked_at=now).where(live).execute():
        raise Refused(f'There is no live key named "{name}".')


def all_keys() -> list[Key]:
    """All keys, by name."""
    return list(Key.select(Key, Project).left_outer_join(Project).order_by(Key.name))


def create_project(name: str, timezone: str, now: datetime) -> Project:
    """Make a project. Raises Refused for a taken name or an unknown zone."""
    try:
        zone(timezone)
    except ValueError as error:
        raise Refused(f"The time zone {error}.") from None
    if not name.strip() or name.casefold() in RESERVED_SLUGS:
        raise Refused(f'A project can\'t be named "{name}".')
    if Project.select().where(Project.slug == slug(name)).exists():
        raise Refused(f'There is a project "{slug(name)}" already.')
    return Project.create(slug=slug(name), name=name, timezone=timezone, created_at=now)


def ensure_project(name: str, timezone: str, now: datetime) -> tuple[Project, bool]:
    """The project of that slug or name, and whether it had to be made. Raises Refused."""
    if project := Project.get_or_none(Project.slug == slug(name)):
        return project, False
    return create_project(name, timezone, now), True


def all_projects() -> list[Project]:
    """All projects, by name."""
    return list(Project.select().order_by(Project.name, Project.slug))


def create_user(username: str, now: datetime, role: str = "member", **profile: str) -> User:
    """Make a person, named as events would name them. Raises Refused."""
    try:
        username = canonical_user(username)
    except InvalidEvent as error:
        raise Refused(f"The username {error.message}.") from None
    if not username:
        raise Refused("A username needs at least one visible character.")
    if User.select().where(User.username == username).exists():
        raise Refused(f'There is a user "{username}" already.')
    return User.create(username=username, role=role, created_at=now, **profile)


def super_admin(username: str, now: datetime) -> User:
    """The super admin of that name; the first one is made. Raises Refused."""
    user = User.get_or_none(User.username == username)
    if user and user.disabled_at:
        raise Refused(f'"{username}" is disabled.')
    if user and user.role == SUPER_ADMIN:
        return user
    if user:
        raise Refused(f'"{username}" is not a super admin.')
    if User.select().where(User.role == SUPER_ADMIN).exists():
        raise Refused(f'There is no super admin "{username}".')
    return create_user(username, now, role=SUPER_ADMIN)


def disable_user(username: str, now: datetime) -> None:
    """End a person's access; their usage stays. Raises Refused."""
    with db.atomic():
        live = (User.username == username) & User.disabled_at.is_null()
        if not User.update(disabled_at=now).where(live).execute():
            raise Refused(f'There is no active user "{username}".')
        user = User.get(User.username == username)
        Session.delete().where(Session.user == user).execute()
        SignInLink.delete().where(SignInLink.user == user).execute()


def holds_sample_data() -> bool:
    """True while the invented people of the demo are on the board."""
    return User.select().where(User.sample).exists()


def create_link(user: User, secret: str, now: datetime) -> str:
    """A token that signs this person in once, within the hour."""
    token = secrets.token_urlsafe(32)
    SignInLink.create(
        token_hash=keyed_hash(token, secret, "sign-in link"),
        user=user,
        created_at=now,
        expires_at=now + LINK_LIFETIME,
    )
    return token


def redeem_link(token: str, secret: str, now: datetime, lifetime: timedelta) -> str | None:
    """Exchange a sign-in token for a session token; None when it is used, old or unknown."""
    mine = SignInLink.token_hash == keyed_hash(token, secret, "sign-in link")
    # Whoever guesses doesn't get as far as a transaction, which on SQLite locks out all writers.
    if not SignInLink.select().where(mine).exists():
        return None
    with db.atomic():
        link = SignInLink.select(SignInLink, User).join(User).where(mine).first()
        # Deleting decides who was first when a link is opened twice at once.
        if not link or not SignInLink.delete().where(mine).execute():
            return None
        if link.expires_at < now or link.user.disabled_at:
            return None
        token = secrets.token_urlsafe(32)
        Session.delete().where(Session.expires_at < now).execute()
        Session.create(
            token_hash=keyed_hash(token, secret, "session"),
            user=link.user,
            created_at=now,
            expires_at=now + lifetime,
        )
        return token


def session_user(token: str, secret: str, now: datetime) -> User | None:
    """The person of a live session."""
    session = (
        Session.select(Session, User)
        .join(User)
        .where(
            Session.token_hash == keyed_hash(token, secret, "session"),
            Session.expires_at > now,
            User.disabled_at.is_null(),
        )
        .first()
    )
    return session.user if session else None


def end_session(token: str, secret: str) -> None:
    """Sign out."""
    Session.delete().where(Session.token_hash == keyed_hash(token, secret, "session")).execute()


def hash_key(token: str) -> str:
    """How a key is stored; it is long and random, so a plain hash can't be guessed back."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def keyed_hash(token: str, secret: str, purpose: str) -> str:
    """How a session or link is stored: of no use to someone who copies the table."""
    message = f"{purpose}:{token}".encode(errors="surrogatepass")
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
