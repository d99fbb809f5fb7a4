"""Tally: everybody's usage in one scope, read once and then kept up to date by the change log."""

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from threading import Lock

from models import db
from usage import changes, tally_query
from usage.changes import NEVER, NOTHING, State
from usage.counting import COSTS, COUNTERS
from usage.daily import MOST_AS_FLOATS, projects_of, stored
from usage.growth import NAMES, Changes, Growth
from usage.horizon import ALL
from usage.kept_names import Name, Names
from usage.pricing import RATES
from usage.ranking import Keys, Order
from usage.rows import (
    LAST,
    Aggregate,
    Row,
    by_user,
    columns,
    combined,
    digest,
    digests,
    grown,
    is_active,
)
from usage.scope import Scope

AT_ONCE = 512
# Each is for another column to sort by, or another pair of rates.
MOST_ORDERS = 6


class Tally:
    """The people of one scope with their rows; whoever uses it holds its lock.

    On the basis of rates the other costs are left 0: summing them would take a fifth longer.
    """

    def __init__(self, scope: Scope):
        self.lock = Lock()
        self.people: dict[int, Row] = {}
        self.aggregate = Aggregate(self.people)
        self.content = NOTHING
        """The state of the board in which any of it last changed."""
        self.names: Mapping[int, Name] = {}
        self.owners: Mapping[int, int] = {}
        self._scope = scope
        self.state = self.content
        """The state of the board that all of it is of."""
        # Statements by kind of database and number of users.
        self._statements: dict[tuple[type, int], tuple[str, Sequence]] = {}
        # By user; a person with several names has several rows here, one in `people`.
        self._rows: dict[int, Row] = {}
        self._orders: OrderedDict[object, Order] = OrderedDict()
        self._rows_digest = 0
        # With the state of the names that it is of; None when people came or went.
        self._names_digest: tuple[State | None, int] = None, 0

    def __len__(self) -> int:
        return len(self._rows)

    def holds(self, user: int) -> bool:
        """True if a name was used in the scope by itself, merged or not."""
        return user in self._rows

    def is_current(self, now: State) -> bool:
        """True if nothing changed on the board since it was brought up to date."""
        same = self.state.epoch == now.epoch != NEVER
        return same and self.state.version >= now.version

    def refresh(self, now: State, names: Names) -> None:
        """Read again what changed; within the snapshot that `now` was read in."""
        changed = changes.changes_since(self.state, now)
        users = self._changed(changed)
        # If this fails half-way, everything is read again.
        self.state = NOTHING
        if users is None:
            self._rows = self._read()
            names.learn(self._rows)
        elif users:
            users = self._mend(users, self._growth(users, changed))
            names.learn(users & self._rows.keys())
        # These may be newer than the snapshot, but no row gets lost or doubled by that.
        owners, self.names = names.owners, names.known
        if users is None or owners is not self.owners:
            self.owners = owners
            self._put_all(_by_person(self._rows, owners))
        elif users:
            self._put(self._people_of(users))
        if users is None or users:
            self.content = now
        self.state = now

    def order(self, kind: Hashable, keys: Keys) -> Order:
        """Everyone with an answered call, sorted by keys; kept under its kind."""
        if kind not in self._orders:
            self._orders[kind] = Order(self._active(self.people), keys)
        self._orders.move_to_end(kind)
        while len(self._orders) > MOST_ORDERS:
            self._orders.popitem(last=False)
        order = self._orders[kind]
        if order.moved:
            order.mend(self._active(order.moved & self.people.keys()))
        return order

    def digest(self, names: State) -> tuple[int, int]:
        """Digests of all rows and of all names, the same in every process.

        `names` is the state of the board in which a name last changed.
        """
        if self._names_digest[0] != names:
            whose = map(self.names.__getitem__, (*self.people, *self.owners))
            self._names_digest = names, sum(map(attrgetter("digest"), whose))
        return self._rows_digest, self._names_digest[1]

    def _changed(self, changed: Changes | None) -> set[int] | None:
        """The users whose rows may have changed; None if too many, or unknown."""
        if changed is None:
            return None
        parts = [changed.users.get(project, set()) for project in self._projects(changed)]
        if None in parts:
            return None
        users = set().union(*parts)
        return users if len(users) <= 100 + len(self._rows) // 5 else None

    def _growth(self, users: Iterable[int], changed: Changes) -> dict[int, list[Growth]]:
        """What rows gained in this scope, of the users for whom growth is all that changed."""
        told: dict[int, list[Growth]] = {}
        projects = self._projects(changed)
        for user in users:
            pairs = [(one, user) for one in projects if user in changed.users.get(one, ())]
            if all(pair in changed.growth for pair in pairs):
                rows = chain.from_iterable(changed.growth[pair] for pair in pairs)
                told[user] = [row for row in rows if self._holds(row)]
        return told

    def _holds(self, row: Growth) -> bool:
        first, last = self._scope.window.first, self._scope.window.last
        within = first.toordinal() <= row.day <= last.toordinal()
        return within and (self._scope.source == ALL or row.source == stored(self._scope.source))

    def _projects(self, changed: Changes) -> Collection[int]:
        projects = projects_of(self._scope)
        return changed.users.keys() - {NAMES} if projects is None else projects

    def _mend(self, users: Iterable[int], growth: Mapping[int, Sequence[Growth]]) -> set[int]:
        """Bring the rows of some users up to date; returns the users whose rows changed.

        Users without a known growth are read from the database.
        """
        ids, new = sorted(users - growth.keys()), {}
        for start in range(0, len(ids), AT_ONCE):
            new |= self._read(ids[start : start + AT_ONCE])
        counters = len(COUNTERS) - len(COSTS) * (self._scope.basis == RATES)
        for user, rows in growth.items():
            known = self._rows.get(user)
            row = grown(known, rows, counters, self._scope.source == ALL) if rows else known
            if row:
                new[user] = row
        changed = {user for user in users if new.get(user) != self._rows.get(user)}
        for user in changed - new.keys():
            del self._rows[user]
        self._rows |= {user: new[user] for user in changed & new.keys()}
        return changed

    def _people_of(self, users: Iterable[int]) -> dict[int, Row | None]:
        """The people to whom these users belong, with their rows; None for those who have none."""
        people: dict[int, Row | None] = {self.owners.get(user, user): None for user in users}
        names = [*people, *(name for name, person in self.owners.items() if person in people)]
        rows = {name: self._rows[name] for name in names if name in self._rows}
        return people | _by_person(rows, self.owners)

    def _put_all(self, people: dict[int, Row]) -> None:
        """Replace all people and their rows."""
        self.people, self.aggregate = people, Aggregate(people)
        self._rows_digest = digests(people)
        self._names_digest = None, 0
        self._orders.clear()

    def _put(self, people: Mapping[int, Row | None]) -> None:
        """Replace the rows of some people, None for no row any more, and update the totals."""
        for person, row in people.items():
            before = self.people.pop(person, None)
            if row:
                self.people[person] = row
                self._rows_digest += digest(person, row)
            if before:
                self._rows_digest -= digest(person, before)
            if not (row and before):
                self._names_digest = None, 0
            self.aggregate.replace(before, row)
        # Mended only when asked for: most orders are not, before the next change.
        for order in self._orders.values():
            order.moved |= people.keys()

    def _active(self, people: Iterable[int]) -> list[int]:
        return [person for person in people if is_active(self.people[person])]

    def _read(self, users: Sequence[int] = ()) -> dict[int, Row]:
        """The rows of everyone, or of some users, AT_ONCE at most."""
        if not db.for_update or users:
            return self._found(users)
        # Enough for PostgreSQL to group in memory instead of sorting on disk.
        db.execute_sql("SET LOCAL work_mem = '64MB'")
        rows = self._found((), as_floats=True)
        most = max(map(max, columns(rows)[:LAST]), default=0)
        return rows if most < MOST_AS_FLOATS else self._found(())

    def _found(self, users: Sequence[int], as_floats: bool = False) -> dict[int, Row]:
        if not users:
            text, values = tally_query.query(self._scope, 0, as_floats).sql()
            return by_user(db.execute_sql(text, values).fetchall())
        # Writing a statement takes as long as reading a few people: keep one per power of two.
        size = 1 << (len(users) - 1).bit_length()
        if (kind := (type(db.obj), size)) not in self._statements:
            self._statements[kind] = tally_query.query(self._scope, size, as_floats).sql()
        text, values = self._statements[kind]
        padded = [*users, *users[:1] * (size - len(users))]
        found = db.execute_sql(text, (*values[: len(values) - size], *padded))
        return by_user(found.fetchall())


def _by_person(rows: Mapping[int, Row], owners: Mapping[int, int]) -> dict[int, Row]:
    """Rows by user, combined to rows by person."""
    people: dict[int, Row] = {}
    for user, row in rows.items():
        person = owners.get(user, user)
        before = people.get(person)
        people[person] = combined(before, row) if before else row
    return people
