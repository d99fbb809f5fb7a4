"""Projects as far as a scope needs them: all, or those that somebody runs, used or may show."""

import json
from collections.abc import Collection, Iterable
from functools import lru_cache

from peewee import Expression, ModelSelect, Value

from models import DailyUsage, Project, ProjectAdmin
from usage import looks, prepared
from usage.horizon import Projects, VisibleProject
from usage.looks import ORDER, SEEN
from usage.pricing import Rates, read_rate


def every(rates: Rates) -> Projects:
    """All there are."""
    return _listed(looks.projects(), rates)


def only(project_id: int, rates: Rates) -> Projects:
    """That one, if it is there."""
    return _made(prepared.rows(_one, project_id), rates)


def run_by(person: int, rates: Rates) -> Projects:
    """Those that a person administers."""
    return _made(prepared.rows(_run_by, person), rates)


def used_by(users: Collection[int], rates: Rates) -> Projects:
    """Those that any of these users has usage in."""
    used = DailyUsage.select(DailyUsage.project_id).where(DailyUsage.user.in_(users))
    return _made(_where(Project.id.in_(used)).tuples(), rates)


def among(ids: Collection[int], rates: Rates) -> Projects:
    """Those of these that are there."""
    return _made(_where(Project.id.in_(ids)).tuples(), rates)


def runs_any(person: int) -> bool:
    """True for who administers any project."""
    return bool(prepared.rows(_administered, person))


def _administered(person: Value) -> ModelSelect:
    return ProjectAdmin.select(ProjectAdmin.project_id).where(ProjectAdmin.user_id == person)


def _where(which: Expression) -> ModelSelect:
    return Project.select(*SEEN).where(which).order_by(*ORDER)


def _one(id: Value) -> ModelSelect:
    return _where(Project.id == id)


def _run_by(person: Value) -> ModelSelect:
    return _where(Project.id.in_(_administered(person)))


@lru_cache(maxsize=8)
def _listed(projects: str, rates: Rates) -> Projects:
    # Nearly always they are what they were with the request before.
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
