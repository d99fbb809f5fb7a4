"""The tallies of this process, kept in memory and brought up to date with each request."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from models import db
from usage import changes
from usage.daily import projects_of
from usage.kept_names import Names
from usage.pricing import RATES
from usage.scope import Scope
from usage.tally import Tally

DEFAULT_ROWS = 250_000
# What a tally without rows weighs: there is no end of empty scopes to ask for.
LEAST_ROWS = 20


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
            tally, names = Tally(scope), Names()
            names.refresh(changes.state())
            tally.refresh(changes.state(), names)
            yield tally
            return
        tally = self._kept(scope)
        with tally.lock:
            if not tally.is_current(changes.latest()):
                with changes.snapshot():
                    now = changes.state()
                    self.names.refresh(now)
                    tally.refresh(now, self.names)
            yield tally
        self._let_go()

    def kept(self) -> list[tuple]:
        """The keys of the tallies in memory, the most recently used last."""
        return list(self._tallies)

    def _kept(self, scope: Scope) -> Tally:
        days, costs = (scope.window.first, scope.window.last), scope.basis != RATES
        key = projects_of(scope), *days, scope.source, costs
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


def _weight(tally: Tally) -> int:
    return LEAST_ROWS + len(tally)
