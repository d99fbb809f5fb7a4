"""People and their roles, and what each viewer may see: decided here and nowhere else."""

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime

from peewee import ModelSelect, fn

from models import Key, Project, ProjectAdmin, Session, SignInLink, User, db
from usage import visible
from usage.horizon import Horizon, Permission
from usage.ingest.event import InvalidEvent, canonical_user
from usage.pricing import Rates

SUPER_ADMIN, PROJECT_ADMIN, MEMBER = "super_admin", "project_admin", "member"
IS_ACTIVE_SUPER_ADMIN = (User.role == SUPER_ADMIN) & User.disabled_at.is_null()
ANY_SUPER_ADMIN = -1
"""In place of a person's id: nobody's own, but exempt from policies as super admins are."""


class Refused(ValueError):
    """Something that can't be done: a sentence for a person, and which field it is about."""

    def __init__(self, sentence: str, field: str = ""):
        super().__init__(sentence)
        self.field = field


def horizon(viewer: User | Key | Permission, rates: Rates, timezone: str, now: datetime) -> Horizon:
    """What a signed-in person, a key or a portal may see: closed unless their role opens it."""
    if isinstance(viewer, Permission):
        return _of_portal(viewer, rates, timezone, now)
    if isinstance(viewer, Key):
        id = viewer.project_id
        seen = visible.only(id, rates) if id else visible.every(rates)
        return Horizon(seen, not id, timezone, rates, now)
    person, role = viewer.id, role_of(viewer)
    if role == SUPER_ADMIN:
        seen = visible.every(rates)
    elif role == PROJECT_ADMIN:
        seen = visible.run_by(person, rates)
    else:
        seen = visible.used_by(user_ids(person), rates)
    return Horizon(seen, role == SUPER_ADMIN, timezone, rates, now, person, role == MEMBER)


def _of_portal(viewer: Permission, rates: Rates, timezone: str, now: datetime) -> Horizon:
    everything = viewer.all_projects
    projects = visible.every(rates) if everything else visible.among(viewer.projects, rates)
    # A portal is bound by the identity policy of every project it shows.
    return Horizon(
        projects.bound,
        viewer.all_projects,
        timezone,
        rates,
        now,
        viewer.person,
        columns=viewer.columns,
        details=viewer.details,
        identity=viewer.identity,
        locked=viewer.locked,
        embedded=True,
    )


def everything(rates: Rates, timezone: str, now: datetime, as_super_admin: bool = False) -> Horizon:
    """All projects, with people named as for a program, or as for any super admin."""
    person = ANY_SUPER_ADMIN if as_super_admin else 0
    return Horizon(visible.every(rates), True, timezone, rates, now, person)


def role_of(user: User) -> str:
    """Super admin, project admin of one or more projects, or member."""
    if user.role == SUPER_ADMIN:
        return SUPER_ADMIN
    return PROJECT_ADMIN if visible.runs_any(user.id) else MEMBER


def user_ids(person: int) -> list[int]:
    """The ids of all users whose usage counts as a person's: their own first, then merged names."""
    others = User.select(User.id).where(User.owner_id == person)
    return [person, *(id for (id,) in others.tuples())]


def create_user(username: str, now: datetime, role: str = MEMBER, **profile: str) -> User:
    """Make a person, named as events would name them. Raises Refused."""
    try:
        username = canonical_user(username)
    except InvalidEvent as error:
        raise Refused(f"The username {error.message}.", "username") from None
    if not username:
        raise Refused("A username needs at least one visible character.", "username")
    if User.select().where(User.username == username).exists():
        raise Refused(f'There is a user "{username}" already.', "username")
    return User.create(username=username, role=role, created_at=now, **profile)


def ensure_super_admin(username: str, now: datetime) -> User:
    """The super admin of that name; made if the board has none yet. Raises Refused."""
    user = User.get_or_none(User.username == username)
    if user and user.disabled_at:
        raise Refused(f'"{username}" is disabled.')
    if user and user.role == SUPER_ADMIN:
        return user
    if user:
        raise Refused(f'"{username}" is not a super admin.')
    if _super_admins().exists():
        raise Refused(f'There is no super admin "{username}".')
    return create_user(username, now, role=SUPER_ADMIN)


def find_person(name: str) -> User | None:
    """The person of that username, or of that e-mail address if only one person has it."""
    try:
        name = canonical_user(name)
    except InvalidEvent:
        return None
    found = User.get_or_none(User.username == name) if name else None
    if "@" in name:
        # Asked even when a username was found, so that the time taken does not tell the two apart.
        same = list(User.select().where(fn.LOWER(User.email) == name).limit(2))
        found = found or (same[0] if len(same) == 1 else None)
    return User.get_by_id(found.owner_id) if found and found.owner_id else found


def person(username: str) -> User:
    """The person of that username. Raises Refused."""
    user = User.get_or_none(User.username == username)
    if not user:
        raise Refused(f'There is no user "{username}".')
    return user


def disable_user(username: str, now: datetime) -> None:
    """End a person's access, but not that of the only super admin. Raises Refused.

    Their usage stays.
    """
    with db.atomic():
        live = (User.username == username) & User.disabled_at.is_null()
        user = User.get_or_none(live)
        if not user:
            raise Refused(f'There is no active user "{username}".')
        _keep_a_super_admin(user)
        User.update(disabled_at=now).where(User.id == user.id).execute()
        _end_sessions(user)


def enable_user(username: str) -> None:
    """Give a disabled person access again. Raises Refused."""
    disabled = (User.username == username) & User.disabled_at.is_null(False)
    if not User.update(disabled_at=None).where(disabled).execute():
        raise Refused(f'There is no disabled user "{username}".')


def set_role(username: str, role: str, projects: Collection[str] = ()) -> None:
    """Make someone super admin, project admin of these slugs, or member. Raises Refused."""
    with db.atomic():
        user = person(username)
        if user.owner_id:
            raise Refused(f'"{username}" is another name of somebody; give them the role.')
        if role not in (SUPER_ADMIN, PROJECT_ADMIN, MEMBER):
            raise Refused(f'"{role}" is not a role.', "role")
        rows = Project.select(Project.id).where(Project.slug.in_(list(projects)))
        ids = [id for (id,) in rows.tuples()]
        if len(ids) != len(set(projects)):
            raise Refused("One of these projects does not exist.", "projects")
        if (role == PROJECT_ADMIN) != bool(ids):
            wrong = "A project admin runs one or more projects; others run none."
            raise Refused(wrong, "projects")
        if role != SUPER_ADMIN:
            _keep_a_super_admin(user)
        stored = SUPER_ADMIN if role == SUPER_ADMIN else MEMBER
        User.update(role=stored).where(User.id == user.id).execute()
        ProjectAdmin.delete().where(ProjectAdmin.user_id == user.id).execute()
        for id in sorted(ids):
            ProjectAdmin.create(user_id=user.id, project_id=id)


def projects_run_by(user: User) -> list[Project]:
    """The projects that a person is admin of, by name."""
    mine = ProjectAdmin.select(ProjectAdmin.project_id).where(ProjectAdmin.user_id == user.id)
    return list(Project.select().where(Project.id.in_(mine)).order_by(Project.name, Project.slug))


def keyed_hash(token: str, secret: str, purpose: str) -> str:
    """How a session, link or tried name is stored: of no use to someone who copies the table."""
    message = f"{purpose}:{token}".encode(errors="surrogatepass")
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def holds_sample_data() -> bool:
    """True while the invented people of the demo are on the board."""
    return User.select().where(User.sample).exists()


def _keep_a_super_admin(user: User) -> None:
    """Raises Refused for the only active super admin."""
    if user.role != SUPER_ADMIN:
        return
    # An update that changes nothing, to wait for a transaction that takes the role from another.
    User.update({User.role: User.role}).where(IS_ACTIVE_SUPER_ADMIN).execute()
    if not _super_admins().where(User.id != user.id).exists():
        raise Refused(f'"{user.username}" is the only super admin.')


def _super_admins() -> ModelSelect:
    return User.select().where(IS_ACTIVE_SUPER_ADMIN)


def _end_sessions(user: User) -> None:
    for table in (Session, SignInLink):
        table.delete().where(table.user == user).execute()
