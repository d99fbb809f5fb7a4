"""The change log: whose numbers changed with which commit, so that kept ones can be mended."""

import json
import secrets
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

from peewee import EXCLUDED, SQL, Expression, Query

from models import BoardState, Change, db
from usage import bulk

NAMES = -1
"""Stands in place of a project where names, not numbers, changed."""
DAYS = -2
"""And where days stand in place of users: those on which numbers changed, by their ordinals."""
# An older state than that has to be read anew, as does a project where more people changed at once.
KEPT, MOST_PEOPLE = 5000, 1000
PRUNED_EVERY = 100
ONLY, STATE = 1, (BoardState.id, BoardState.epoch, BoardState.version)
TOLD = Change.version, Change.touched
NEVER = 0


class State(NamedTuple):
    """How far the board has come. Each commit that changes numbers or names raises the version.

    With another epoch nothing that was known before holds; none is that of NEVER.
    """

    epoch: int
    version: int


NOTHING = State(NEVER, 0)
"""The state of what was never read."""


class _Open(threading.local):
    """What the transaction of this thread has touched so far, None outside of one; what it saw."""

    touched: dict[int, set[int]] | None = None
    everything = False
    looking = False
    looked: State | None = None


_open = _Open()


@contextmanager
def noted() -> Iterator[None]:
    """A transaction at whose end the log tells what it touched.

    At its end, because the lock on the version that makes commits come in order is then held
    shortly, and nobody who holds it waits for another.
    """
    if _open.touched is not None:
        with db.atomic():
            yield
        return
    _open.touched, _open.everything = defaultdict(set), False
    try:
        with db.atomic():
            yield
            if _open.touched or _open.everything:
                _write(_open.touched, _open.everything)
    finally:
        _open.touched = None


def touch(keys: Iterable[tuple[int, date, int]]) -> None:
    """Tell that numbers of these projects, days and users change in this transaction."""
    touched = _touched()
    for project, day, user in keys:
        touched[project].add(user)
        touched[DAYS].add(day.toordinal())


def touch_names(users: Iterable[int]) -> None:
    """Tell that these users get other names, or another person to belong to."""
    _touched()[NAMES].update(users)


def touch_everything() -> None:
    """Tell that nothing of what was known holds any longer."""
    _touched()
    _open.everything = True


def state() -> State:
    """How far the board has come, as this connection sees it."""
    row = db.execute_sql("SELECT epoch, version FROM board_state").fetchone()
    return State(*row) if row else NOTHING


@contextmanager
def one_look() -> Iterator[None]:
    """Inside, latest() asks once: for a request that needs several answers of the same moment."""
    _open.looking, _open.looked = True, None
    try:
        yield
    finally:
        _open.looking, _open.looked = False, None


def latest() -> State:
    """How far the board has come, at the latest when this look at it began."""
    if not _open.looking:
        return state()
    _open.looked = _open.looked or state()
    return _open.looked


def since(known: State, now: State) -> Mapping[int, set[int] | None] | None:
    """The users who changed by project, where None stands for everyone; None: who can tell."""
    changed = _read(known, now)
    return changed and {project: users for project, users in changed.items() if project != DAYS}


def days_since(known: State, now: State) -> set[date] | None:
    """The days on which numbers of anybody changed; None: who can tell."""
    changed = _read(known, now)
    days = None if changed is None else changed.get(DAYS, set())
    return None if days is None else set(map(date.fromordinal, days))


def _read(known: State, now: State) -> Mapping[int, set[int] | None] | None:
    if NEVER in (known.epoch, now.epoch) or known.epoch != now.epoch:
        return None
    if known.version >= now.version:
        return {}
    later = (Change.version > known.version) & (Change.version <= now.version)
    rows = Change.select(Change.touched).where(later).tuples()
    changed: dict[int, set[int] | None] = {}
    count = 0
    for count, (text,) in enumerate(rows, start=1):  # noqa: B007
        told = json.loads(text)
        if str(DAYS) not in told and told.keys() != {str(NAMES)}:
            # An older release told none.
            told[str(DAYS)] = None
        for project, users in told.items():
            before = changed.get(int(project), set())
            both = None if users is None or before is None else before.union(users)
            changed[int(project)] = both
    # A version that isn't in the log any longer may have changed anything.
    return changed if count == now.version - known.version else None


def _touched() -> dict[int, set[int]]:
    if _open.touched is None:
        raise RuntimeError("what changes numbers or names has to run inside changes.noted()")
    return _open.touched


def _write(touched: Mapping[int, Collection[int]], everything: bool) -> None:
    row = ONLY, secrets.randbelow(2**62) + 1, 1
    ((version,),) = bulk.run(_anew if everything else _next, STATE, [row])
    told = {
        project: sorted(users) if len(users) <= MOST_PEOPLE else None
        for project, users in touched.items()
    }
    bulk.run(_tell, TOLD, [(version, json.dumps(told, separators=(",", ":")))])
    if version % PRUNED_EVERY == 0:
        Change.delete().where(Change.version <= version - KEPT).execute()


def _next(rows: Sequence[tuple], **also: Expression) -> Query:
    update = {"version": BoardState.version + SQL("1")} | also
    query = BoardState.insert_many(rows, fields=STATE)
    query = query.on_conflict(conflict_target=(BoardState.id,), update=update)
    return query.returning(BoardState.version)


def _anew(rows: Sequence[tuple]) -> Query:
    return _next(rows, epoch=EXCLUDED.epoch)


def _tell(rows: Sequence[tuple]) -> Query:
    return Change.insert_many(rows, fields=TOLD)
