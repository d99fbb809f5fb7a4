"""Rows read for a scope, kept in this process until something in the scope changes."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from threading import Lock

from models import db
from usage import changes
from usage.changes import NAMES, NOTHING, State
from usage.daily import projects_of
from usage.scope import Scope

MOST_ROWS = 20_000
# What an answer without rows weighs.
LEAST_ROWS = 20
# If more days than that changed, reading all days is as fast.
MOST_DAYS = 10

ByDay = Callable[..., Mapping[date, tuple]]
"""A question about a scope, or about some days of it."""


class _Answer:
    """Rows, and the state of the board that they were read in."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.state: State = NOTHING
        self.rows: tuple = ()
        self.by_day: Mapping[date, tuple] = {}

    def __len__(self) -> int:
        return LEAST_ROWS + len(self.rows) + sum(map(len, self.by_day.values()))


Mend = Callable[[_Answer, State], None]
"""A function that brings an answer up to date with a state of the board."""


class Answers:
    """Answers to questions about scopes, up to `most_rows` rows; the least recently used go first.

    They hold what the daily rows say, whoever asks: rates, cost basis and identity policy are
    applied to them afterwards.
    """

    def __init__(self, most_rows: int = MOST_ROWS):
        self.most_rows = most_rows
        self._kept: OrderedDict[tuple, _Answer] = OrderedDict()
        self._lock = Lock()

    def to(self, question: Callable[..., tuple], scope: Scope, *about: str) -> tuple:
        """The rows that answer a question about a scope's project, days and source, up to date."""
        if db.in_transaction():
            # This transaction may have changed rows that nobody else sees yet.
            return question(scope, *about)

        def anew(answer: _Answer, now: State) -> None:
            answer.rows, answer.state = question(scope, *about), now

        with self._of_now(question, scope, about, anew) as answer:
            return answer.rows

    def by_day(self, question: ByDay, scope: Scope) -> Mapping[date, tuple]:
        """The same by day of the scope; later only the days that changed are read again."""
        if db.in_transaction():
            return question(scope)

        def mend(answer: _Answer, now: State) -> None:
            _mend(answer, question, scope, now)

        with self._of_now(question, scope, (), mend) as answer:
            return answer.by_day

    @contextmanager
    def _of_now(
        self, question: Callable, scope: Scope, about: tuple[str, ...], mend: Mend
    ) -> Iterator[_Answer]:
        answer = self._of(question, scope, about)
        with answer.lock:
            now = changes.latest()
            if not _changed(scope, answer.state, now):
                answer.state = max(answer.state, now, key=lambda state: state.version)
            else:
                with changes.snapshot():
                    mend(answer, changes.state())
            changes.told(answer.state)
            yield answer
        self._let_go()

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def _of(self, question: Callable, scope: Scope, about: tuple[str, ...]) -> _Answer:
        window = scope.window
        key = question, about, projects_of(scope), window.first, window.last, scope.source
        with self._lock:
            answer = self._kept.setdefault(key, _Answer())
            self._kept.move_to_end(key)
            return answer

    def _let_go(self) -> None:
        with self._lock:
            rows = len(self)
            while rows > self.most_rows and len(self._kept) > 1:
                rows -= len(self._kept.popitem(last=False)[1])


def _mend(answer: _Answer, question: ByDay, scope: Scope, now: State) -> None:
    days = changes.days_since(answer.state, now)
    if days is None or len(days) > MOST_DAYS:
        answer.by_day = question(scope)
    else:
        # A new mapping: whoever got the former one may still be reading it.
        here = {day for day in days if scope.window.first <= day <= scope.window.last}
        kept = {day: rows for day, rows in answer.by_day.items() if day not in here}
        answer.by_day = kept | question(scope, here) if here else kept
    answer.state = now


def _changed(scope: Scope, known: State, now: State) -> bool:
    """False only if nobody's numbers or names in the scope changed between these states."""
    changed = changes.since(known, now)
    if not changed:
        return changed is None
    projects = projects_of(scope)
    return projects is None or not changed.keys().isdisjoint({*projects, NAMES})


answers = Answers()
"""The answers of this process."""
