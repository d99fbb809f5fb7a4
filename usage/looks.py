"""What a look at the board begins with: how far it has come, and which projects there are.

Asked along with who is looking: of an answer that says nothing new, statements take the most.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from peewee import SQL, Case, Expression, ModelSelect, Node, fn

from models import BoardState, Project, db
from usage import changes, prepared
from usage.changes import NOTHING, State

SEEN = (
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
"""What of a project decides what is seen of it."""
ORDER = Project.name, Project.slug


class Look(NamedTuple):
    """The state of the board, and SEEN of all its projects as JSON; None where nobody asked."""

    state: State
    projects: str | None


class _Looking(threading.local):
    projects: str | None = None


_looking = _Looking()


def along(everything: Expression) -> tuple[Node, ...]:
    """The columns of a Look for any query that finds who is looking, and whether at everything."""
    state = BoardState.select(BoardState.epoch), BoardState.select(BoardState.version)
    return *state, Case(None, [(everything, _projects())])


def made(epoch: int | None, version: int | None, projects: str | None) -> Look:
    """What these columns found."""
    return Look(NOTHING if epoch is None else State(epoch, version), projects)


@contextmanager
def one_look(look: Look | None) -> Iterator[None]:
    """Inside, what is told of the board is of the moment of that look, or of a later one."""
    with changes.one_look(look and look.state):
        _looking.projects = look and look.projects
        try:
            yield
        finally:
            _looking.projects = None


def projects() -> str:
    """SEEN of all projects by name, as JSON: as of now, or of the moment of this look."""
    return _looking.projects or prepared.rows(_projects)[0][0]


def _projects() -> ModelSelect:
    one, all = (
        (fn.JSON_BUILD_ARRAY, fn.JSON_AGG)
        if db.for_update
        else (fn.JSON_ARRAY, fn.JSON_GROUP_ARRAY)
    )
    listed = all(one(*SEEN)).order_by(*ORDER).cast("text")
    return Project.select(fn.COALESCE(listed, SQL("'[]'")))
