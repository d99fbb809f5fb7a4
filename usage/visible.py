"""The projects that a viewer may see: all, or those they run, used or were granted."""

import json
from collections.abc import Collection, Iterable
from functools import lru_cache

from peewee import Expression, ModelSelect, Value

from models import DailyUsage, Project, ProjectAdmin
from usage import looks, prepared
from usage.horizon import Projects, VisibleProject
from usage.looks import PROJECT_COLUMNS, PROJECT_ORDER
from usage.pricing import Rates, read_rate


def every(rates: Rates) -> Projects:
    """All projects of the board."""
    return _listed(looks.projects(), rates)


def only(project_id: int, rates: Rates) -> Projects:
    """One project by its id; none if there is no such project."""
    return _made(prepared.rows(_one, project_id), rates)


def run_by(person: int, rates: Rates) -> Projects:
    """The projects that a person is admin of."""
    return _made(prepared.rows(_run_by, person), rates)


def used_by(users: Collection[int], rates: Rates) -> Projects:
    """The projects in which any of these users has usage."""
    used = DailyUsage.select(DailyUsage.project_id).where(DailyUsage.user.in_(users))
    return _made(_where(Project.id.in_(used)).tuples(), rates)


def among(ids: Collection[int], rates: Rates) -> Projects:
    """The projects of these ids, as far as they exist."""
    return _made(_where(Project.id.in_(ids)).tuples(), rates)


def runs_any(person: int) -> bool:
    """True for an admin of any project."""
    return bool(prepared.rows(_administered, person))


def _administered(person: Value) -> ModelSelect:
    return ProjectAdmin.select(ProjectAdmin.project_id).where(ProjectAdmin.user_id == person)


def _where(which: Expression) -> ModelSelect:
    return Project.select(*PROJECT_COLUMNS).where(which).order_by(*PROJECT_ORDER)


def _one(id: Value) -> ModelSelect:
    return _where(Project.id == id)


def _run_by(person: Value) -> ModelSelect:
    return _where(Project.id.in_(_administered(person)))


@lru_cache(maxsize=8)
def _listed(projects: str, rates: Rates) -> Projects:
    # Projects seldom change from one request to the next.
    return _made(json.loads(projects), rates)


def _made(rows: Iterable[tuple], rates: Rates) -> Projects:
    return Projects(_visible(row, rates) for row in rows)


def _visible(row: tuple, rates: Rates) -> VisibleProject:
    *named, prompt, completion, identity, least_users, binds_all = row
    own = Rates(
        read_rate(prompt) if prompt else rates.prompt,
        read_rate(completion) if completion else rates.completion,
    )
    return VisibleProject(*named, own, identity, least_users, bool(binds_all))
