"""Keep the daily rows equal to the events, and the weekly ones to these: add, rebuild, verify."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from peewee import EXCLUDED, Case, Expression, ModelSelect, Query, fn

from models import DailyUsage, Event, Table, User, db
from usage import bulk, changes, retention, weekly
from usage.bulk import ROWS_AT_ONCE, among
from usage.counting import COUNTERS, TOKEN_FIELDS, DayKey, Delta
from usage.growth import Growth
from usage.weekly import WeekKey

KEY = (
    DailyUsage.project_id,
    DailyUsage.day,
    DailyUsage.user,
    DailyUsage.source,
    DailyUsage.provider,
    DailyUsage.model,
    DailyUsage.test_type,
)
COUNTED = tuple(getattr(DailyUsage, name) for name in COUNTERS)
ROW = (*KEY, *COUNTED, DailyUsage.first_time, DailyUsage.last_time)
USERS_AT_ONCE = 500


class Gains(NamedTuple):
    """What daily and weekly rows gain, as it is stored, and what the log of changes says of it.

    `grown` is what the log tells by how much; of the rest, `touched` has project, day and user.
    """

    values: list[bulk.Values]
    shrinking: list[DayKey]
    weeks: weekly.Gains
    grown: list[Growth]
    touched: list[tuple[int, date, int]]


def add(deltas: Mapping[DayKey, Delta]) -> None:
    """Add each delta to its daily row, and to the weekly one; see store()."""
    store(gains(deltas))


def gains(deltas: Mapping[DayKey, Delta]) -> Gains:
    """What the deltas come to; it depends on nothing that is stored, so it can be made ahead."""
    in_order = [(key, deltas[key]) for key in sorted(deltas)]
    rows = ((*key, *one.counters, one.first, one.last) for key, one in in_order)
    shrinking = [key for key, delta in in_order if delta.shrinks]
    growing = {key: delta for key, delta in deltas.items() if not delta.shrinks}
    if len(growing) > changes.MOST_GROWTH:
        # The log would not tell by how much.
        growing = {}
    return Gains(
        list(bulk.values(ROW, rows)),
        shrinking,
        weekly.gains(deltas),
        [_growth(key, delta) for key, delta in growing.items()],
        [(key.project_id, key.day, key.user_id) for key in deltas if key not in growing],
    )


def store(gained: Gains) -> None:
    """Add the gains to their rows, sorted by key so that two writers never deadlock.

    Call it inside changes.noted(), like everything that changes the daily rows.
    """
    bulk.count(_upsert, ROW, gained.values)
    _settle(gained.shrinking)
    weekly.store(gained.weeks)
    changes.touch(gained.touched)
    changes.grow(gained.grown)


def _growth(key: DayKey, delta: Delta) -> Growth:
    last = DailyUsage.last_time.db_value(delta.last)
    day = key.day.toordinal()
    return Growth(key.project_id, key.user_id, day, key.source, last, delta.counters)


def _upsert(rows: Sequence[tuple]) -> Query:
    update = bulk.added(COUNTED)
    update["first_time"] = bulk.earlier(DailyUsage.first_time)
    update["last_time"] = bulk.later(DailyUsage.last_time)
    query = DailyUsage.insert_many(rows, fields=ROW)
    return query.on_conflict(conflict_target=KEY, update=update)


def closed_rows() -> int:
    """How many daily rows are of days whose events were dropped."""
    return DailyUsage.select().where(DailyUsage.day < retention.kept_from()).count()


def rebuild() -> int:
    """Recompute the daily rows from the events, and the weekly ones; returns how many daily ones.

    Rows of days whose events were dropped stay as they are.
    """
    with changes.noted():
        if db.for_update:
            # PostgreSQL would let new rows in between; SQLite has locked the file already.
            db.execute_sql("LOCK TABLE daily_usage IN SHARE ROW EXCLUSIVE MODE")
        changes.touch_everything()
        since = retention.kept_from()
        DailyUsage.delete().where(DailyUsage.day >= since).execute()
        for some in _some_at_once():
            DailyUsage.insert_from(_recomputed(since, some), ROW).execute()
            weekly.rebuild(some)
        return DailyUsage.select().where(DailyUsage.day >= since).count()


def verify() -> list[DayKey | WeekKey]:
    """The days whose row differs from a recount of the events; empty when all is right.

    Only days whose events are kept can be recounted. After them, the weeks whose row differs from
    its days.
    """
    differing: set[DayKey] = set()
    weeks: set[WeekKey] = set()
    for some in _some_at_once():
        with changes.snapshot():
            since = retention.kept_from()
            stored = DailyUsage.select(*ROW).where(DailyUsage.day >= since, _of(DailyUsage, some))
            due = _recomputed(since, some)
            rows = [*(stored - due).tuples(), *(due - stored).tuples()]
            weeks |= weekly.differing(some)
        differing.update(DayKey(*row[: len(KEY)]) for row in rows)
    return [*sorted(differing), *sorted(weeks)]


def _some_at_once() -> Iterator[range]:
    """Ranges over the ids of all users: SQLite holds all rows of one statement in memory."""
    last = User.select(fn.MAX(User.id)).scalar() or 0
    return (range(first, first + USERS_AT_ONCE) for first in range(0, last + 1, USERS_AT_ONCE))


def _of(table: type[Table], users: range) -> Expression:
    return table.user.between(users[0], users[-1])


def _settle(keys: Sequence[DayKey]) -> None:
    """After events were taken out: delete empty rows, and correct the others' first and last time.

    Rows of days whose events were pruned keep their times, which nobody can tell any more.
    """
    since = retention.kept_from() if keys else None
    empty = [getattr(DailyUsage, name) == 0 for name in COUNTERS]
    for key in (key for key in keys if key.day < since):
        DailyUsage.delete().where(among(KEY, [key]), *empty).execute()
    keys = [key for key in keys if key.day >= since]
    ends = {name: getattr(EXCLUDED, name) for name in ("first_time", "last_time")}
    zeros = (0,) * len(COUNTERS)
    for start in range(0, len(keys), ROWS_AT_ONCE):
        some = keys[start : start + ROWS_AT_ONCE]
        dimensions = [getattr(Event, column.name) for column in KEY]
        days = sorted({(key.user_id, key.day) for key in some})
        times = Event.select(*dimensions, fn.MIN(Event.time), fn.MAX(Event.time)).where(
            among((Event.user, Event.day), days), Event.counted
        )
        left = {DayKey(*row[:-2]): row[-2:] for row in times.group_by(*dimensions).tuples()}
        if gone := [key for key in some if key not in left]:
            DailyUsage.delete().where(among(KEY, gone)).execute()
        if rows := [(*key, *zeros, *left[key]) for key in some if key in left]:
            query = DailyUsage.insert_many(rows, fields=ROW)
            query.on_conflict(conflict_target=KEY, update=ends).execute()


def _recomputed(since: date, users: range) -> ModelSelect:
    """The query that recounts the users' daily rows from that day on from their events."""
    dimensions = [getattr(Event, column.name) for column in KEY]
    answered = Event.failed == False  # noqa: E712
    known = answered & (Event.usage_known == True)  # noqa: E712
    one = Case(None, [(Event.calls > 0, Event.calls)], 1)
    counts = [
        Case(None, [(known, Event.calls)], 0),
        Case(None, [(answered, 0)], Event.calls),
        Case(None, [(answered & (Event.usage_known == False), Event.calls)], 0),  # noqa: E712
        *(Case(None, [(answered, getattr(Event, name))], 0) for name in TOKEN_FIELDS),
    ]
    for cost in (Event.list_nanodollars, Event.cost_nanodollars):
        counts.append(Case(None, [(answered, fn.COALESCE(cost, 0))], 0))
        counts.append(Case(None, [(known & cost.is_null(), one)], 0))
    return (
        Event.select(
            *dimensions,
            *(fn.SUM(count) for count in counts),
            fn.MIN(Event.time),
            fn.MAX(Event.time),
        )
        .where(Event.counted, Event.day >= since, _of(Event, users))
        .group_by(*dimensions)
    )
