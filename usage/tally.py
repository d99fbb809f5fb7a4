"""What everyone used in one scope: read once, then only what changed is read again."""

from array import array
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from peewee import Case, fn

from models import DailyUsage, db
from usage import changes
from usage.changes import NAMES, NEVER, NOTHING, State
from usage.daily import CALLS, COMPLETION, PROMPT, in_scope, projects_of, sums
from usage.horizon import ALL
from usage.names import Name, Names
from usage.ranking import Key, Order
from usage.rollups import COUNTERS
from usage.scope import Scope

SOURCES = ("", "ui", "cli", "ide", "api")
LAST = len(COUNTERS)
BY_SOURCE = LAST + 1
AT_ONCE = 500
# Each is another column to sort by, or another pair of rates.
MOST_ORDERS = 6

ABSENT = -1
Row = Sequence[int]
"""The counters, the time of the newest event and, unless the scope is of one source only, the
calls by source: ABSENT where there was no event from that source."""


class Summary(NamedTuple):
    """The most that anyone used, the newest event, and calls and people by source."""

    most_tokens: int
    newest: int | None
    by_source: Mapping[str, tuple[int, int]]


class Tally:
    """The people of one scope with their rows; whoever uses it holds its lock."""

    def __init__(self, scope: Scope):
        self.lock = Lock()
        self.people: dict[int, Row] = {}
        self.totals = [0] * len(COUNTERS)
        self.content = NOTHING
        """When any of it last changed."""
        self.names: Mapping[int, Name] = {}
        self.owners: Mapping[int, int] = {}
        self._scope = scope
        self._state = self.content
        # By user: somebody may have several names.
        self._rows: dict[int, Row] = {}
        self._orders: OrderedDict[object, Order] = OrderedDict()
        self._summary: Summary | None = None
        self._rows_digest = 0
        self._names_digest: tuple[object, int] = None, 0

    def __len__(self) -> int:
        return len(self._rows)

    def is_right(self, now: State) -> bool:
        """True while nothing is known to have happened since it was read."""
        same = self._state.epoch == now.epoch != NEVER
        return same and self._state.version >= now.version

    def refresh(self, now: State, names: Names) -> None:
        """Read again what changed; within the snapshot that `now` was read in."""
        users = self._changed(now)
        # What fails half-way has to be done anew.
        self._state = NOTHING
        if users is None:
            self._rows = self._read()
            names.learn(self._rows)
        elif users:
            users = self._mend(users)
            names.learn(users & self._rows.keys())
        # They may be newer than the snapshot: no row is lost or doubled by who owns it.
        owners, self.names = names.owners, names.known
        if users is None or owners is not self.owners:
            self.owners, self.people = owners, {}
            self.totals, self._rows_digest = [0] * len(COUNTERS), 0
            self._orders.clear()
            self._put(_added_up(self._rows, owners))
        elif users:
            self._put(self._people_of(users))
        if users is None or users:
            self.content, self._summary = now, None
        self._state = now

    def order(self, kind: Hashable, key: Key) -> Order:
        """Everyone with an answered call, by a key; kept for who asks for that kind again."""
        if kind not in self._orders:
            active = [person for person, row in self.people.items() if is_active(row)]
            self._orders[kind] = Order(active, key)
        self._orders.move_to_end(kind)
        while len(self._orders) > MOST_ORDERS:
            self._orders.popitem(last=False)
        return self._orders[kind]

    @property
    def summary(self) -> Summary:
        """What the rows say of everyone together."""
        if not self._summary:
            self._summary = _summary_of(self.people.values())
        return self._summary

    def digest(self, names: State) -> tuple[int, int]:
        """What tells these rows and names from others, alike in every process.

        `names` is when a name last changed.
        """
        told = self.content, names
        if self._names_digest[0] != told:
            whose = (*self.people, *self.owners)
            self._names_digest = told, sum(self.names[one].digest for one in whose)
        return self._rows_digest, self._names_digest[1]

    def _changed(self, now: State) -> set[int] | None:
        """Whose rows may have changed since; None: too many, or nobody can tell."""
        changed = changes.since(self._state, now)
        if changed is None:
            return None
        projects = projects_of(self._scope)
        here = changed.keys() - {NAMES} if projects is None else projects
        parts = [changed.get(project, set()) for project in here]
        if None in parts:
            return None
        users = set().union(*parts)
        return users if len(users) <= 100 + len(self._rows) // 5 else None

    def _mend(self, users: Iterable[int]) -> set[int]:
        """Read some users again; returns whose rows are others now."""
        ids, new = sorted(users), {}
        for start in range(0, len(ids), AT_ONCE):
            new |= self._read(ids[start : start + AT_ONCE])
        changed = {user for user in ids if new.get(user) != self._rows.get(user)}
        for user in changed - new.keys():
            del self._rows[user]
        self._rows |= {user: new[user] for user in changed & new.keys()}
        return changed

    def _people_of(self, users: Iterable[int]) -> dict[int, Row | None]:
        """The people to whom these users belong, with their rows; None for those who have none."""
        people: dict[int, Row | None] = {self.owners.get(user, user): None for user in users}
        names = [*people, *(name for name, person in self.owners.items() if person in people)]
        rows = {name: self._rows[name] for name in names if name in self._rows}
        return people | _added_up(rows, self.owners)

    def _put(self, people: Mapping[int, Row | None]) -> None:
        """Give people their new rows, and bring totals and orders up to date."""
        for person, row in people.items():
            before = self.people.pop(person, None)
            if row:
                self.people[person] = row
            self._rows_digest += _digest(person, row) - _digest(person, before)
            for place in range(len(COUNTERS)):
                self.totals[place] += (row[place] if row else 0) - (before[place] if before else 0)
        present = [person for person, row in people.items() if row and is_active(row)]
        for order in self._orders.values():
            order.mend(people.keys(), present)

    def _read(self, users: Collection[int] = ()) -> dict[int, Row]:
        """The rows of everyone, or of some users."""
        columns = [DailyUsage.user, *sums(), fn.MAX(DailyUsage.last_time)]
        if self._scope.source == ALL:
            columns += [
                fn.SUM(Case(None, [(DailyUsage.source == one, DailyUsage.calls)]))
                for one in SOURCES
            ]
        query = in_scope(DailyUsage.select(*columns), self._scope, of_few=bool(users))
        query = query.group_by(DailyUsage.user)
        if users:
            query = query.where(DailyUsage.user.in_(users))
        # PostgreSQL adds bigints up to a numeric, SQLite to an integer: callers see int.
        return {
            user: _packed([ABSENT if value is None else int(value) for value in values])
            for user, *values in db.execute(query)
        }


def _packed(values: list[int]) -> Row:
    """A row in a third of the memory, unless PostgreSQL's sums are beyond 64 bits."""
    try:
        return array("q", values)
    except OverflowError:
        return tuple(values)


def _digest(person: int, row: Row | None) -> int:
    """A number that tells rows apart; hashes of numbers are the same in every process."""
    return hash((person, *row)) if row else 0


def _summary_of(rows: Collection[Row]) -> Summary:
    by_source = {}
    for place, source in enumerate(SOURCES, start=BY_SOURCE):
        calls = [row[place] for row in rows if len(row) > place and row[place] != ABSENT]
        if calls:
            by_source[source] = sum(calls), len(calls)
    return Summary(
        most_tokens=max((row[PROMPT] + row[COMPLETION] for row in rows), default=0),
        newest=max((row[LAST] for row in rows), default=None),
        by_source=by_source,
    )


def is_active(row: Row) -> bool:
    """True for who is ranked: a vendor's sum may tell tokens without saying over how many calls."""
    return bool(row[CALLS] or row[PROMPT] or row[COMPLETION])


def _added_up(rows: Mapping[int, Row], owners: Mapping[int, int]) -> dict[int, Row]:
    """Rows by person instead of by user."""
    people: dict[int, Row] = {}
    for user, row in rows.items():
        person = owners.get(user, user)
        before = people.get(person)
        people[person] = _sum(before, row) if before else row
    return people


def _sum(one: Row, other: Row) -> Row:
    added = [a + b for a, b in zip(one[:LAST], other[:LAST], strict=True)]
    sources = zip(one[BY_SOURCE:], other[BY_SOURCE:], strict=True)
    calls = [b if a == ABSENT else a if b == ABSENT else a + b for a, b in sources]
    return _packed([*added, max(one[LAST], other[LAST]), *calls])
