"""Grants: what portals may show in their own pages, and to which of their readers."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, unquote_plus, urlencode

from peewee import ModelSelect

from models import Grant, GrantProject, Key, Project, db
from usage import accounts, naming, sign_in
from usage.accounts import Refused
from usage.horizon import COLUMNS, DATES, RATES, TOKENS, Horizon, NotVisible, Permission
from usage.scope import InvalidScope, Scope

LOCKABLE = ("project", "source", *DATES, *RATES)
IDENTITIES = (naming.NAMED, naming.PSEUDONYMS, naming.OWN)
MOST_TEXT = 100
# All origins go into one header.
MOST_ORIGINS, MOST_ORIGIN = 20, 270
# A person's page shows all of these.
DETAILED = ("calls", *TOKENS)
ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?/?")
PORTS = {"http": "80", "https": "443"}


def create(
    portal: str,
    origins: Iterable[str],
    projects: Collection[int],
    locked: Mapping[str, str],
    columns: Collection[str],
    identity: str,
    details: bool,
    horizon: Horizon,
    creator: str,
) -> Grant:
    """Grant a portal these projects, or all of them when none is named. Raises Refused.

    `horizon` is that of whoever grants: nobody gives away what they may not see.
    """
    portal, sites = _name(portal), _sites(origins)
    mine = {project.id for project in horizon.projects} if not horizon.only_self else set()
    if not set(projects) <= mine or not (projects or horizon.sees_all):
        raise Refused("A grant is of one or more projects of whoever gives it.", "projects")
    shown = _columns(columns, details)
    if identity not in IDENTITIES:
        raise Refused(f"The identity policy is one of {', '.join(IDENTITIES)}.", "identity")
    with db.atomic():
        grant = Grant.create(
            portal=portal,
            origins=" ".join(sites),
            all_projects=not projects,
            columns=" ".join(shown),
            identity=identity,
            details=details,
            created_by=creator,
            created_at=horizon.now,
        )
        for id in sorted(set(projects)):
            GrantProject.create(grant_id=grant.id, project_id=id)
        grant.locked = urlencode(_checked(locked, permission(grant), horizon))
        Grant.update(locked=grant.locked).where(Grant.id == grant.id).execute()
    return grant


def revoke(portal: str, horizon: Horizon) -> None:
    """End a grant that the viewer could have made, and every token of it. Raises Refused."""
    alive = (one for one in visible(horizon) if not one.revoked_at)
    grant = next((one for one in alive if one.portal == portal), None)
    if not grant:
        raise Refused(f'There is no live grant "{portal}".')
    Grant.update(revoked_at=horizon.now).where(Grant.id == grant.id).execute()


def visible(horizon: Horizon) -> list[Grant]:
    """The grants that a viewer with that horizon could have made, by portal."""
    mine = {project.id for project in horizon.projects}
    return [
        one
        for one in everyone()
        if horizon.sees_all or (not one.all_projects and set(projects_of(one)) <= mine)
    ]


def everyone() -> list[Grant]:
    """All grants, by the portal's name."""
    return list(Grant.select().order_by(Grant.portal, Grant.id))


def in_words(grant: Grant) -> str:
    """What a grant permits, in words."""
    ids = projects_of(grant)
    rows = Project.select(Project.slug).where(Project.id.in_(ids)).order_by(Project.slug)
    slugs = ", ".join(slug for (slug,) in rows.tuples()) or "no project"
    slugs = "all projects" if grant.all_projects else slugs
    told = [slugs, grant.columns.replace(" ", ", "), f"names: {grant.identity}"]
    told += ["with details"] * grant.details + [unquote_plus(grant.locked)] * bool(grant.locked)
    return "; ".join(told)


def live(portal: str) -> Grant | None:
    """The grant of that portal, unless it was revoked."""
    # PostgreSQL's texts can't hold a NUL, so no portal is called that.
    return None if "\0" in portal else _live().where(Grant.portal == portal).first()


def live_by_id(id: int) -> Grant | None:
    """The grant of that id, unless it was revoked."""
    return _live().where(Grant.id == id).first()


def allows_origin(origin: str) -> bool:
    """True if some portal may show the board on that origin."""
    if not ORIGIN.fullmatch(origin):
        return False
    found = _live(Grant.origins).where(Grant.origins.contains(origin)).tuples()
    return any(origin in origins.split() for (origins,) in found)


def projects_of(grant: Grant) -> tuple[int, ...]:
    """The ids of the projects of a grant; none where it is all of them."""
    query = GrantProject.select(GrantProject.project_id).where(GrantProject.grant_id == grant.id)
    return tuple(id for (id,) in query.order_by(GrantProject.project_id).tuples())


def may_use(key: Key, grant: Grant) -> bool:
    """True if a key may make tokens of a grant; a key of one project only for that project."""
    return not key.project_id or projects_of(grant) == (key.project_id,)


def permission(grant: Grant) -> Permission:
    """All that a grant permits."""
    return _within_project(
        Permission(
            portal=grant.portal,
            origins=tuple(grant.origins.split()),
            projects=projects_of(grant),
            all_projects=grant.all_projects,
            locked=dict(parse_qsl(grant.locked)),
            columns=tuple(grant.columns.split()),
            identity=grant.identity,
            details=grant.details,
        )
    )


def narrowed(grant: Grant, subject: str, lock: Mapping[str, str], horizon: Horizon) -> Permission:
    """What a grant permits one of the portal's readers, with more arguments locked.

    Raises InvalidScope for a malformed or blank lock, and Refused for one that would permit more.
    """
    whole = permission(grant)
    for name, value in lock.items():
        # Of a reader without a team, say: locking nothing would show them everything.
        if isinstance(value, str) and not value.strip():
            raise InvalidScope(name[:MOST_TEXT], "must not be blank; leave it out to lock nothing")
    lock = _checked(lock, whole, horizon)
    chosen = {"prompt_cost", "completion_cost"} & lock.keys() - whole.locked.keys()
    if chosen and "cost" in whole.columns and not {*TOKENS} <= {*whole.columns}:
        raise Refused("The grant shows no tokens, which rates of a token's own would tell.")
    reader = sign_in.vouched(subject) if subject else None
    if reader and reader.disabled_at:
        raise Refused("The subject is disabled.")
    person = reader.id if reader else 0
    return _within_project(replace(whole, locked=dict(whole.locked) | lock, person=person))


def _checked(lock: Mapping[str, str], whole: Permission, horizon: Horizon) -> dict[str, str]:
    """A lock without blank arguments, checked to be well-formed and to permit no more."""
    for name, value in lock.items():
        if name not in LOCKABLE:
            raise InvalidScope(name[:MOST_TEXT], f"can't be locked; use {', '.join(LOCKABLE)}")
        if not isinstance(value, str):
            raise InvalidScope(name, "must be a text")
    lock = {name: value.strip() for name, value in lock.items() if value.strip()}
    for name, value in lock.items():
        if whole.locked.get(name, value) != value:
            raise Refused(f"The grant locks {name} to something else.")
    dates = {name for name in DATES if name in lock}
    fixed = {name for name in DATES if name in whole.locked}
    if fixed and not dates <= fixed:
        raise Refused("The grant locks the dates to something else.")
    try:
        seen = accounts.horizon(whole, horizon.rates, horizon.timezone, horizon.now)
        scope = Scope.from_args(lock, seen)
    except NotVisible as error:
        raise Refused(str(error)) from None
    if "project" in lock and not (scope.project and scope.project.id):
        raise Refused("The project to lock has to be a single one.")
    return lock


def _within_project(permitted: Permission) -> Permission:
    """Narrow the projects to the locked one, so that people of others can't be found."""
    slug = permitted.locked.get("project")
    if not slug:
        return permitted
    rows = Project.select(Project.id).where(Project.slug == slug).tuples()
    ids = tuple(id for (id,) in rows if permitted.all_projects or id in permitted.projects)
    return replace(permitted, projects=ids, all_projects=False)


def _name(portal: str) -> str:
    portal = portal.strip()
    if not portal or len(portal) > MOST_TEXT or not portal.isprintable():
        wrong = f"A grant needs the portal's name, of at most {MOST_TEXT} characters."
        raise Refused(wrong, "portal")
    if live(portal):
        raise Refused(f'There is a grant "{portal}" already.', "portal")
    return portal


def _columns(columns: Collection[str], details: bool) -> list[str]:
    shown = [one for one in COLUMNS if one in columns]
    if not shown or len(shown) < len(set(columns)):
        raise Refused(f"A grant shows one or more of the columns {', '.join(COLUMNS)}.", "columns")
    if details and not set(DETAILED) <= set(shown):
        wrong = "Details tell calls and tokens: a grant of details needs these columns."
        raise Refused(wrong, "columns")
    return shown


def _sites(origins: Iterable[str]) -> list[str]:
    sites = list(dict.fromkeys(_origin(one) for one in origins))
    if not sites:
        raise Refused("A grant needs the origin of the portal's pages.", "origins")
    if len(sites) > MOST_ORIGINS:
        raise Refused(f"A grant is for at most {MOST_ORIGINS} origins.", "origins")
    return sites


def _origin(text: str) -> str:
    """An origin as browsers write it. Raises Refused."""
    found = ORIGIN.fullmatch(text.strip().lower())
    if not found or len(text) > MOST_ORIGIN:
        example = "https://portal.example.com"
        raise Refused(f'"{text.strip()[:MOST_TEXT]}" is no origin such as {example}.', "origins")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and port != PORTS[scheme] else "")


def _live(*columns: object) -> ModelSelect:
    return Grant.select(*columns).where(Grant.revoked_at.is_null())
