"""The change log: whose numbers changed with which commit, so that kept rows can follow."""

import json
import secrets
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import NamedTuple

from peewee import EXCLUDED, JOIN, SQL, Expression, ModelSelect, Query, Value, fn

from models import BoardState, Change, db
from usage import bulk, prepared
from usage.growth import DAYS, GROWTH, NAMES, Changes, Growth

# How many versions the log keeps, and how many people and rows one of them may name.
KEPT, MOST_PEOPLE, MOST_GROWTH = 5000, 1000, 200
PRUNED_EVERY = 100
ONLY, STATE = 1, (BoardState.id, BoardState.epoch, BoardState.version)
TOLD = Change.version, Change.touched
COLUMNS = fn.MAX(BoardState.epoch), fn.MAX(BoardState.version)
NEVER = 0


class State(NamedTuple):
    """A state of the board: each commit that changes numbers or names raises the version.

    A new epoch means that everything may have changed; no board has the epoch NEVER.
    """

    epoch: int
    version: int


NOTHING = State(NEVER, 0)
"""The state of what was never read."""


class _Open(threading.local):
    """What this thread's noted() transaction changed so far, and the state one_look() saw.

    `told` are the states of numbers that compared() sees.
    """

    touched: dict[int, set[int]] | None = None
    growth: list[Growth]
    # Pairs of project and user with other changes than growth.
    otherwise: set[tuple[int, int]]
    everything = False
    looking = False
    looked: State | None = None
    told: set[State] | None = None


_open = _Open()


@contextmanager
def noted() -> Iterator[None]:
    """A transaction whose changes are written to the log at its end.

    Only then, because the lock on the version, which puts commits in order, is held for a short
    time then, and nobody who holds it waits for another lock.
    """
    if _open.touched is not None:
        with db.atomic():
            yield
        return
    _open.touched, _open.everything = defaultdict(set), False
    _open.growth, _open.otherwise = [], set()
    try:
        with db.atomic():
            yield
            if _open.touched or _open.everything:
                _write(_open.touched, _open.everything)
    finally:
        _open.touched = None


def touch(keys: Iterable[tuple[int, date, int]]) -> None:
    """Note that numbers of these projects, days and users change in this transaction."""
    touched = _touched()
    for project, day, user in keys:
        touched[project].add(user)
        touched[DAYS].add(day.toordinal())
        _open.otherwise.add((project, user))


def grow(rows: Iterable[Growth]) -> None:
    """Note by how much numbers grow in this transaction: kept rows follow without a query."""
    touched = _touched()
    for row in rows:
        touched[row.project].add(row.user)
        touched[DAYS].add(row.day)
        _open.growth.append(row)


def touch_names(users: Iterable[int]) -> None:
    """Note that these users get other names, or belong to another person."""
    _touched()[NAMES].update(users)


def touch_everything() -> None:
    """Note that everything may have changed: a new epoch begins."""
    _touched()
    _open.everything = True


def state() -> State:
    """The state of the board, as this connection sees it."""
    row = db.execute_sql("SELECT epoch, version FROM board_state").fetchone()
    return State(*row) if row else NOTHING


def joined(query: ModelSelect) -> ModelSelect:
    """A grouped query in which COLUMNS can be selected: what it finds is of the state they tell."""
    return query.join(BoardState, JOIN.LEFT_OUTER, on=BoardState.id == ONLY)


def snapshot() -> AbstractContextManager:
    """A transaction that sees one state of the board throughout, and locks nothing."""
    return db.atomic("repeatable read" if db.for_update else "deferred")


@contextmanager
def one_look(seen: State | None = None) -> Iterator[None]:
    """Inside, latest() asks once, or with `seen` not at all: all answers are of one moment."""
    before = _open.looking, _open.looked
    _open.looking, _open.looked = True, seen
    try:
        yield
    finally:
        _open.looking, _open.looked = before


def latest() -> State:
    """The state of the board: read now, or inside one_look() only once."""
    if not _open.looking:
        return state()
    _open.looked = _open.looked or state()
    return _open.looked


@contextmanager
def compared() -> Iterator[set[State]]:
    """Inside, the states are collected that numbers are of; an inner one leaves it to the outer."""
    outer = _open.told
    _open.told = set()
    try:
        yield _open.told
    finally:
        if outer is not None:
            outer |= _open.told
        _open.told = outer


def told(state: State) -> None:
    """Note which state some numbers are of."""
    if _open.told is not None:
        _open.told.add(state)


def since(known: State, now: State) -> Mapping[int, set[int] | None] | None:
    """The users who changed by project, None for all of it; None if the log does not tell."""
    changed = changes_since(known, now)
    return changed and changed.users


def days_since(known: State, now: State) -> set[date] | None:
    """The days on which anybody's numbers changed; None if the log does not tell."""
    changed = changes_since(known, now)
    days = changed and changed.days
    return None if days is None else set(map(date.fromordinal, days))


def changes_since(known: State, now: State) -> Changes | None:
    """What changed between two states of the board; None if the log does not tell."""
    if NEVER in (known.epoch, now.epoch) or known.epoch != now.epoch:
        return None
    changed = Changes()
    if known.version >= now.version:
        return changed
    rows = prepared.rows(_between, known.version, now.version)
    # A version that isn't in the log any longer may have changed anything.
    if len(rows) != now.version - known.version:
        return None
    for (text,) in rows:
        changed.add(json.loads(text))
    return changed


def _between(known: Value, now: Value) -> Query:
    later = (Change.version > known) & (Change.version <= now)
    return Change.select(Change.touched).where(later)


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
    growth = [one for one in _open.growth if (one.project, one.user) not in _open.otherwise]
    if 0 < len(growth) <= MOST_GROWTH:
        told[GROWTH] = growth
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
