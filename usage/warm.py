"""The tallies of this process, kept in memory and brought up to date with each request."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, local
from typing import TypeVar

from models import db
from usage import changes
from usage.daily import projects_of
from usage.kept_names import Names
from usage.pricing import RATES
from usage.scope import Scope
from usage.tally import Tally

DEFAULT_ROWS = 250_000
# How often numbers are read again that changed in the middle, before nothing kept is used.
MOST_TRIES = 4
# What a tally without rows weighs: there is no end of empty scopes to ask for.
LEAST_ROWS = 20
Found = TypeVar("Found")


class _Snapshot(local):
    """The tallies of this thread's snapshot() so far; None outside of one."""

    tallies: dict[tuple, Tally] | None = None


_snapshot = _Snapshot()


class Store:
    """Tallies of up to `most_rows` rows in all; the least recently used go first."""

    def __init__(self, most_rows: int = DEFAULT_ROWS):
        self.most_rows = most_rows
        self.names = Names()
        self._tallies: OrderedDict[tuple, Tally] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def tally(self, scope: Scope) -> Iterator[Tally]:
        """The up-to-date tally of a scope; its lock is held inside."""
        if db.in_transaction():
            # This transaction may have changed rows that nobody else sees yet.
            yield _read(scope)
            return
        tally = self._kept(scope)
        with tally.lock:
            if not tally.is_current(changes.latest()):
                with changes.snapshot():
                    now = changes.state()
                    self.names.refresh(now)
                    tally.refresh(now, self.names)
            changes.told(tally.state)
            yield tally
        self._let_go()

    def kept(self) -> list[tuple]:
        """The keys of the tallies in memory, the most recently used last."""
        return list(self._tallies)

    def _kept(self, scope: Scope) -> Tally:
        key = _key(scope)
        with self._lock:
            if key not in self._tallies:
                self._tallies[key] = Tally(scope)
            self._tallies.move_to_end(key)
            return self._tallies[key]

    def _let_go(self) -> None:
        with self._lock:
            rows = sum(map(_weight, self._tallies.values()))
            while rows > self.most_rows and len(self._tallies) > 1:
                rows -= _weight(self._tallies.popitem(last=False)[1])


store = Store()
"""The store of this process."""


@contextmanager
def snapshot() -> Iterator[None]:
    """A transaction in which all numbers are of one state, and each tally is read once.

    Nothing may be written in it.
    """
    with changes.snapshot():
        _snapshot.tallies = {}
        try:
            yield
        finally:
            _snapshot.tallies = None


def of_one_state(read: Callable[[], Found]) -> Found:
    """What several questions find in one state of the board.

    They are asked again if the board changed in the middle: from memory, and at last in a snapshot.
    """
    seen = changes.latest()
    for _ in range(MOST_TRIES):
        with changes.one_look(seen), changes.compared() as states:
            found = read()
        if len(states) <= 1:
            return found
        seen = changes.state()
    with snapshot():
        return read()


def _read(scope: Scope) -> Tally:
    """The tally of a scope as this transaction sees it."""
    known = {} if _snapshot.tallies is None else _snapshot.tallies
    key = _key(scope)
    if key not in known:
        known[key], names = Tally(scope), Names()
        names.refresh(changes.state())
        known[key].refresh(changes.state(), names)
    return known[key]


def _key(scope: Scope) -> tuple:
    days, costs = (scope.window.first, scope.window.last), scope.basis != RATES
    return projects_of(scope), *days, scope.source, costs


def _weight(tally: Tally) -> int:
    return LEAST_ROWS + len(tally)
