"""The state of the board and its projects, read in the same statement as the session or key.

Every request needs all three, and of an answer that is not modified statements take most time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from peewee import SQL, Case, Expression, ModelSelect, Node, fn

from models import BoardState, Project, db
from usage import changes, prepared
from usage.changes import NOTHING, State

PROJECT_COLUMNS = (
    Project.id,
    Project.slug,
    Project.name,
    Project.timezone,
    Project.prompt_cost,
    Project.completion_cost,
    Project.identity,
    Project.least_users,
    Project.binds_all,
)
"""What a VisibleProject is made of."""
PROJECT_ORDER = Project.name, Project.slug


class Look(NamedTuple):
    """The state of the board, and its projects as JSON; None where these were not asked for."""

    state: State
    projects: str | None


class _Reused(threading.local):
    projects: str | None = None


_reused = _Reused()


def columns(everything: Expression) -> tuple[Node, ...]:
    """The columns of a Look, to be added to the query that finds a session or key.

    Its projects are read only where `everything` is true.
    """
    state = BoardState.select(BoardState.epoch), BoardState.select(BoardState.version)
    return *state, Case(None, [(everything, _projects())])


def from_row(epoch: int | None, version: int | None, projects: str | None) -> Look:
    """The Look in what these columns found."""
    return Look(NOTHING if epoch is None else State(epoch, version), projects)


@contextmanager
def reused(look: Look | None) -> Iterator[None]:
    """Inside, state and projects are those of the look, and not asked for again."""
    with changes.one_look(look and look.state):
        _reused.projects = look and look.projects
        try:
            yield
        finally:
            _reused.projects = None


def projects() -> str:
    """PROJECT_COLUMNS of all projects by name, as JSON: read now, or taken from a reused look."""
    return _reused.projects or prepared.rows(_projects)[0][0]


def _projects() -> ModelSelect:
    array, list_of = (
        (fn.JSON_BUILD_ARRAY, fn.JSON_AGG)
        if db.for_update
        else (fn.JSON_ARRAY, fn.JSON_GROUP_ARRAY)
    )
    listed = list_of(array(*PROJECT_COLUMNS)).order_by(*PROJECT_ORDER).cast("text")
    return Project.select(fn.COALESCE(listed, SQL("'[]'")))
