"""Who is called what in a scope: the identity policy of its projects, in every answer."""

import secrets
from collections.abc import Iterable

from peewee import Expression, ModelSelect

from models import DailyUsage, Project, Pseudonym, db
from usage.scope import Scope

NAMED, HIDDEN, PSEUDONYMS, OWN = POLICIES = ("named", "hidden", "pseudonyms", "own")
"""From the most open to the most closed."""
CONTRIBUTOR = "contributor-"
ALL_PROJECTS = -1
ROWS_AT_ONCE = 500


def policy(scope: Scope) -> str:
    """How people are named to whoever asks for this scope: the most closed of its projects'."""
    if scope.horizon.only_self:
        return OWN
    here = (scope.project,) if scope.project else scope.horizon.projects
    bound = (one for one in here if one.binds_all or not scope.horizon.sees_all)
    return max((one.identity for one in bound), key=POLICIES.index, default=NAMED)


def least_users(scope: Scope) -> int:
    """How many people there must be for anyone to be shown; 0 where nothing is hidden."""
    if policy(scope) != HIDDEN:
        return 0
    here = (scope.project,) if scope.project else scope.horizon.projects
    return max(one.least_users for one in here if one.identity == HIDDEN)


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
        free = [n for n in range(1, 2 * (len(taken) + len(missing)) + 20) if n not in taken]
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


def whose(scope: Scope, name: str) -> int | None:
    """The person whom that pseudonym stands for in the scope's project."""
    number = name.removeprefix(CONTRIBUTOR)
    if number == name or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    here = (Pseudonym.project_id == _key(scope)) & (Pseudonym.number == int(number))
    return Pseudonym.select(Pseudonym.user_id).where(here).scalar()


def _bound() -> ModelSelect:
    return Project.select(Project.id).where(Project.binds_all, Project.identity != NAMED)


def _key(scope: Scope) -> int:
    # All projects together have numbers of their own: they shall not lead into a single one.
    return scope.project.id if scope.project else ALL_PROJECTS
