"""The people of the board with their roles, as admins look them up, invite and disable them."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from peewee import fn

from models import Project, ProjectAdmin, Session, User, db
from usage import accounts, sign_in
from usage.accounts import MEMBER, PROJECT_ADMIN, SUPER_ADMIN, Refused
from usage.ingest.event import NOBODY, TEXT_LIMITS, InvalidEvent, plain_text

ROLES = {SUPER_ADMIN: "Super admin", PROJECT_ADMIN: "Project admin", MEMBER: "Member"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with their role, the names of the projects they run, and their newest session."""

    username: str
    display_name: str
    email: str
    role: str
    projects: tuple[str, ...]
    disabled_at: datetime | None
    last_session: datetime | None


def people(q: str = "", page: int = 1, per_page: int = 50) -> tuple[list[Person], int]:
    """A page of people by username, and how many there are; `q` searches all their names."""
    query = User.select().where(User.owner_id.is_null(), User.username != NOBODY)
    if q:
        names = (User.username, User.display_name, User.email)
        found = [name.contains(q) for name in names]
        query = query.where(found[0] | found[1] | found[2])
    rows = list(query.order_by(User.username).paginate(page, per_page))
    runs = _runs([row.id for row in rows])
    started = Session.select(Session.user, fn.MAX(Session.created_at)).group_by(Session.user)
    last = dict(started.where(Session.user.in_([row.id for row in rows])).tuples())
    return [_person(row, runs.get(row.id, ()), last.get(row.id)) for row in rows], query.count()


def admins() -> dict[int, list[str]]:
    """The usernames of each project's admins, by the project's id."""
    query = ProjectAdmin.select(ProjectAdmin.project_id, User.username)
    query = query.join(User, on=(User.id == ProjectAdmin.user_id)).order_by(User.username)
    found = defaultdict(list)
    for project, username in query.tuples():
        found[project].append(username)
    return dict(found)


def invite(
    username: str, role: str, projects: Collection[str], now: datetime, **profile: str
) -> User:
    """Make a person of that role, ahead of their usage. Raises Refused."""
    clean = {name: _plain(name, text) for name, text in profile.items()}
    username = _plain("username", username)
    if "@" in username and not clean.get("email"):
        clean["email"] = username
    with db.atomic():
        user = accounts.create_user(username, now, **clean)
        if user.username == NOBODY:
            raise Refused(f'"{NOBODY}" is the usage of nobody in particular.', "username")
        accounts.set_role(user.username, role, projects)
    return user


def password_link(user: User, secret: str, now: datetime) -> str:
    """The token of a link to set a password with, once. Raises Refused."""
    if user.disabled_at:
        raise Refused(f'"{user.username}" is disabled.')
    if user.owner_id or user.username == NOBODY:
        raise Refused(f'"{user.username}" is no person of its own.')
    return sign_in.create_link(user, secret, now, sign_in.PASSWORD)


def _person(row: User, projects: Iterable[str], last: datetime | None) -> Person:
    named = tuple(projects)
    role = SUPER_ADMIN if row.role == SUPER_ADMIN else PROJECT_ADMIN if named else MEMBER
    who = (row.username, row.display_name, row.email)
    return Person(*who, role, named, row.disabled_at, last)


def _runs(users: Collection[int]) -> dict[int, list[str]]:
    query = ProjectAdmin.select(ProjectAdmin.user_id, Project.name)
    query = query.join(Project, on=(Project.id == ProjectAdmin.project_id))
    found = defaultdict(list)
    for user, name in query.where(ProjectAdmin.user_id.in_(users)).order_by(Project.name).tuples():
        found[user].append(name)
    return found


def _plain(field: str, text: str) -> str:
    limit = TEXT_LIMITS.get(field, 200)
    try:
        return plain_text(text, field, limit)
    except InvalidEvent as error:
        raise Refused(f"The {field.replace('_', ' ')} {error.message}.", field) from None
