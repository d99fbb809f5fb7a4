"""Who is called what in a scope: the identity policy of its projects, in every answer."""

import secrets
from collections.abc import Iterable

from peewee import Expression, ModelSelect

from models import DailyUsage, Project, Pseudonym, db
from usage.horizon import VisibleProject
from usage.kept_names import Name, named
from usage.scope import Scope

NAMED, HIDDEN, PSEUDONYMS, OWN = POLICIES = ("named", "hidden", "pseudonyms", "own")
"""From the most open to the most closed."""
CONTRIBUTOR = "contributor-"
ALL_PROJECTS = -1
ROWS_AT_ONCE = 500
# So many more numbers than people that a high one doesn't tell who came late.
SPARE = 10_000


def policy(scope: Scope) -> str:
    """How people are named to whoever asks for this scope."""
    if scope.horizon.only_self:
        return OWN
    if scope.project and scope.project.id:
        return _identity(scope.project, scope)
    # Nobody knows whose project the usage without one is: it is as open as the most open one.
    ways = scope.horizon.projects.ways
    named = [_identity(one, scope) for one in ways] or [scope.horizon.identity]
    opened, closed = (choose(named, key=POLICIES.index) for choose in (min, max))
    if scope.project or closed == NAMED:
        return opened
    # Where some are named, sums over all projects would tell who the others are.
    return PSEUDONYMS if opened == closed == PSEUDONYMS else OWN


def least_users(scope: Scope) -> int:
    """How many people there must be for anyone to be shown; 0 where nothing is hidden."""
    here = (scope.project,) if scope.project and scope.project.id else scope.horizon.projects.ways
    # A rank among few people tells a member about the others, and so do few pseudonyms.
    closed = scope.horizon.only_self or scope.horizon.identity != NAMED
    hidden = closed or policy(scope) == HIDDEN
    return max((one.least_users for one in here if one.identity == HIDDEN), default=0) * hidden


def too_few(scope: Scope, people: int) -> bool:
    """True where nobody is shown because there are too few people."""
    return people < least_users(scope)


def named_to_super_admins() -> Expression:
    """Which daily rows even super admins may see under people's names."""
    return DailyUsage.project_id.not_in(_bound())


def unnamed_projects() -> set[int]:
    """The projects in which not even super admins may see people's names."""
    return {id for (id,) in _bound().tuples()}


def numbers(scope: Scope, people: Iterable[int]) -> dict[int, int]:
    """The number that stands for each person in the scope's project, theirs from then on.

    Numbers are drawn, not counted: neither order nor age tells who is who.
    """
    key = _key(scope)
    query = Pseudonym.select(Pseudonym.user_id, Pseudonym.number)
    query = query.where(Pseudonym.project_id == key)
    known = dict(query.tuples())
    missing = sorted(set(people) - known.keys())
    while missing:
        taken = set(known.values())
        free = [n for n in range(1, 2 * (len(taken) + len(missing)) + SPARE) if n not in taken]
        drawn = secrets.SystemRandom().sample(free, len(missing))
        rows = [(key, person, number) for person, number in zip(missing, drawn, strict=True)]
        fields = (Pseudonym.project_id, Pseudonym.user_id, Pseudonym.number)
        with db.atomic():
            for start in range(0, len(rows), ROWS_AT_ONCE):
                some = rows[start : start + ROWS_AT_ONCE]
                # Someone else may draw at the same time: what is taken by then is drawn again.
                Pseudonym.insert_many(some, fields=fields).on_conflict_ignore().execute()
        known = dict(query.tuples())
        missing = sorted(set(missing) - known.keys())
    return known


def username(number: int) -> str:
    """The name in addresses of whoever has that number."""
    return f"{CONTRIBUTOR}{number}"


def display_name(number: int) -> str:
    """The name that people read of whoever has that number."""
    return f"Contributor {number}"


def pseudonym(number: int) -> Name:
    """The name of whoever has that number."""
    return named(username(number), display_name(number))


def whose(scope: Scope, name: str) -> int | None:
    """The person whom that pseudonym stands for in the scope's project."""
    number = name.removeprefix(CONTRIBUTOR)
    if number == name or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    here = (Pseudonym.project_id == _key(scope)) & (Pseudonym.number == int(number))
    return Pseudonym.select(Pseudonym.user_id).where(here).scalar()


def _identity(project: VisibleProject, scope: Scope) -> str:
    """How a project names people to the viewer: super admins may be free of that, keys never."""
    free = scope.horizon.sees_all and scope.horizon.person and not project.binds_all
    identity = NAMED if free else project.identity
    return max(identity, scope.horizon.identity, key=POLICIES.index)


def _bound() -> ModelSelect:
    return Project.select(Project.id).where(Project.binds_all, Project.identity != NAMED)


def _key(scope: Scope) -> int:
    # All projects together have numbers of their own: they shall not lead into a single one.
    return scope.project.id if scope.project else ALL_PROJECTS
