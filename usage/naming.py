"""The identity policies of projects: how people are named, in every page and format."""

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
# Drawn from so many more numbers than people that a high one doesn't tell who came late.
SPARE = 10_000


def policy(scope: Scope) -> str:
    """The identity policy that holds for a scope and its viewer."""
    if scope.horizon.only_self:
        return OWN
    if scope.project and scope.project.id:
        return _identity(scope.project, scope)
    # Usage without a project could be of any: it is as open as the most open project.
    ways = scope.horizon.projects.ways
    named = [_identity(one, scope) for one in ways] or [scope.horizon.identity]
    opened, closed = (choose(named, key=POLICIES.index) for choose in (min, max))
    if scope.project or closed == NAMED:
        return opened
    # If people were named in some projects, sums over all would tell who the pseudonyms are.
    return PSEUDONYMS if opened == closed == PSEUDONYMS else OWN


def least_users(scope: Scope) -> int:
    """How many people a scope needs for anyone to be shown; 0 if nothing is hidden."""
    here = (scope.project,) if scope.project and scope.project.id else scope.horizon.projects.ways
    # A rank among few people tells a member about the others, as do few pseudonyms.
    closed = scope.horizon.only_self or scope.horizon.identity != NAMED
    hidden = closed or policy(scope) == HIDDEN
    return max((one.least_users for one in here if one.identity == HIDDEN), default=0) * hidden


def too_few(scope: Scope, people: int) -> bool:
    """True if nobody is shown because there are too few people."""
    return people < least_users(scope)


def named_to_super_admins() -> Expression:
    """The condition for daily rows that super admins may see under people's names."""
    return DailyUsage.project_id.not_in(_bound())


def unnamed_projects() -> set[int]:
    """The ids of the projects in which not even super admins may see people's names."""
    return {id for (id,) in _bound().tuples()}


def numbers(scope: Scope, people: Iterable[int]) -> dict[int, int]:
    """The pseudonymous number of each person in the scope's project; a new one is drawn and kept.

    Numbers are drawn at random, so that neither order nor age tells who is who.
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
                # Another process may have drawn a number meanwhile: then it is drawn again.
                Pseudonym.insert_many(some, fields=fields).on_conflict_ignore().execute()
        known = dict(query.tuples())
        missing = sorted(set(missing) - known.keys())
    return known


def username(number: int) -> str:
    """The username, as in URLs, that stands for a number."""
    return f"{CONTRIBUTOR}{number}"


def display_name(number: int) -> str:
    """The display name that stands for a number."""
    return f"Contributor {number}"


def pseudonym(number: int) -> Name:
    """The Name that stands for a number."""
    return named(username(number), display_name(number))


def whose(scope: Scope, name: str) -> int | None:
    """The id of the person behind a pseudonym in the scope's project, None for nobody."""
    number = name.removeprefix(CONTRIBUTOR)
    if number == name or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    here = (Pseudonym.project_id == _key(scope)) & (Pseudonym.number == int(number))
    return Pseudonym.select(Pseudonym.user_id).where(here).scalar()


def _identity(project: VisibleProject, scope: Scope) -> str:
    """The policy of a project for the viewer: super admins may be exempt from it, keys never."""
    free = scope.horizon.sees_all and scope.horizon.person and not project.binds_all
    identity = NAMED if free else project.identity
    return max(identity, scope.horizon.identity, key=POLICIES.index)


def _bound() -> ModelSelect:
    return Project.select(Project.id).where(Project.binds_all, Project.identity != NAMED)


def _key(scope: Scope) -> int:
    # All projects together have numbers of their own, so that these tell nothing about one.
    return scope.project.id if scope.project else ALL_PROJECTS
