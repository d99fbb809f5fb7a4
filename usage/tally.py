"""What everyone used in one scope: read once, then only what changed is read again."""

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from threading import Lock

from peewee import ModelSelect, fn

from models import DailyUsage, db
from usage import changes
from usage.changes import NEVER, NOTHING, State
from usage.counting import COSTS, COUNTERS
from usage.daily import MOST_AS_FLOATS, in_scope, per_user, projects_of, stored, sum_of, sums
from usage.growth import NAMES, Changes, Growth
from usage.horizon import ALL
from usage.kept_names import Name, Names
from usage.pricing import RATES
from usage.ranking import Keys, Order
from usage.rows import (
    ABSENT,
    LAST,
    SOURCES,
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
# Each is another column to sort by, or another pair of rates.
MOST_ORDERS = 6


class Tally:
    """The people of one scope with their rows; whoever uses it holds its lock.

    What calls cost on other bases is not added up for rates: that would take a fifth longer.
    """

    def __init__(self, scope: Scope):
        self.lock = Lock()
        self.people: dict[int, Row] = {}
        self.aggregate = Aggregate(self.people)
        self.content = NOTHING
        """When any of it last changed."""
        self.names: Mapping[int, Name] = {}
        self.owners: Mapping[int, int] = {}
        self._scope = scope
        self._state = self.content
        # By database, how many users are asked for, 0 for everyone, and how it adds up.
        self._asked: dict[tuple[type, int, bool], tuple[str, Sequence]] = {}
        # By user: somebody may have several names.
        self._rows: dict[int, Row] = {}
        self._orders: OrderedDict[object, Order] = OrderedDict()
        self._rows_digest = 0
        # Of the names known at a time, None once others are here.
        self._names_digest: tuple[State | None, int] = None, 0

    def __len__(self) -> int:
        return len(self._rows)

    def is_right(self, now: State) -> bool:
        """True while nothing is known to have happened since it was read."""
        same = self._state.epoch == now.epoch != NEVER
        return same and self._state.version >= now.version

    def refresh(self, now: State, names: Names) -> None:
        """Read again what changed; within the snapshot that `now` was read in."""
        changed = changes.changes_since(self._state, now)
        users = self._changed(changed)
        # What fails half-way has to be done anew.
        self._state = NOTHING
        if users is None:
            self._rows = self._read()
            names.learn(self._rows)
        elif users:
            users = self._mend(users, self._growth(users, changed))
            names.learn(users & self._rows.keys())
        # They may be newer than the snapshot: no row is lost or doubled by who owns it.
        owners, self.names = names.owners, names.known
        if users is None or owners is not self.owners:
            self.owners = owners
            self._put_all(_by_person(self._rows, owners))
        elif users:
            self._put(self._people_of(users))
        if users is None or users:
            self.content = now
        self._state = now

    def order(self, kind: Hashable, keys: Keys) -> Order:
        """Everyone with an answered call, by their keys; kept for who asks for that kind again."""
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
        """What tells these rows and names from others, alike in every process.

        `names` is when a name last changed.
        """
        if self._names_digest[0] != names:
            whose = map(self.names.__getitem__, (*self.people, *self.owners))
            self._names_digest = names, sum(map(attrgetter("digest"), whose))
        return self._rows_digest, self._names_digest[1]

    def _changed(self, changed: Changes | None) -> set[int] | None:
        """Whose rows may have changed; None: too many, or nobody can tell."""
        if changed is None:
            return None
        parts = [changed.users.get(project, set()) for project in self._projects(changed)]
        if None in parts:
            return None
        users = set().union(*parts)
        return users if len(users) <= 100 + len(self._rows) // 5 else None

    def _growth(self, users: Iterable[int], changed: Changes) -> dict[int, list[Growth]]:
        """What the rows of users gained in this scope, of those of whom all is told."""
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
        """Bring the rows of some users up to date; returns whose rows are others now.

        What nobody tells how it changed is read again.
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
        """These are the people, with their rows."""
        self.people, self.aggregate = people, Aggregate(people)
        self._rows_digest = digests(people)
        self._names_digest = None, 0
        self._orders.clear()

    def _put(self, people: Mapping[int, Row | None]) -> None:
        """Give some people their new rows, and bring totals up to date."""
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
        # Nearly always only one of them is asked for before the next change.
        for order in self._orders.values():
            order.moved |= people.keys()

    def _active(self, people: Iterable[int]) -> list[int]:
        return [person for person in people if is_active(self.people[person])]

    def _read(self, users: Sequence[int] = ()) -> dict[int, Row]:
        """The rows of everyone, or of some users, AT_ONCE at most."""
        if not db.for_update or users:
            return self._found(users)
        # PostgreSQL would sort everybody's rows on the disk, before it adds up any.
        db.execute_sql("SET LOCAL work_mem = '64MB'")
        rows = self._found((), as_floats=True)
        most = max(map(max, columns(rows)[:LAST]), default=0)
        return rows if most < MOST_AS_FLOATS else self._found(())

    def _found(self, users: Sequence[int], as_floats: bool = False) -> dict[int, Row]:
        # To write the statement takes as long as to read a few people: there are ten of them.
        size = 1 << (len(users) - 1).bit_length() if users else 0
        if (kind := (type(db.obj), size, as_floats)) not in self._asked:
            self._asked[kind] = self._query(size, as_floats).sql()
        text, values = self._asked[kind]
        padded = [*users, *users[:1] * (size - len(users))]
        found = db.execute_sql(text, (*values[: len(values) - size], *padded))
        return by_user(found.fetchall())

    def _query(self, users: int, as_floats: bool) -> ModelSelect:
        """Asks for the rows of everyone, or of so many users, whose ids are its last values."""
        counted = sums(COSTS if self._scope.basis == RATES else (), as_floats)
        asked = [DailyUsage.user, *counted, fn.MAX(DailyUsage.last_time)]
        if self._scope.source == ALL:
            sources = [DailyUsage.source == one for one in SOURCES]
            by_source = [sum_of(DailyUsage.calls, one, as_floats) for one in sources]
            asked += [fn.COALESCE(one, ABSENT) for one in by_source]
        query = in_scope(DailyUsage.select(*asked), self._scope, of_few=bool(users))
        if users:
            return query.where(DailyUsage.user.in_(range(users))).group_by(DailyUsage.user)
        return per_user(query, self._scope)


def _by_person(rows: Mapping[int, Row], owners: Mapping[int, int]) -> dict[int, Row]:
    """Rows by person instead of by user."""
    people: dict[int, Row] = {}
    for user, row in rows.items():
        person = owners.get(user, user)
        before = people.get(person)
        people[person] = combined(before, row) if before else row
    return people
