"""Keep the weekly rows equal to the daily ones: add to them, rebuild them, find differences."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple, Self

from peewee import JOIN, SQL, Column, Field, Function, ModelSelect, Query, ValuesList, fn

from models import DailyUsage, WeeklyUsage, db
from usage import bulk
from usage.counting import COUNTERS, DayKey, Delta

KEY = (WeeklyUsage.user, WeeklyUsage.week, WeeklyUsage.project_id, WeeklyUsage.source)
COUNTED = tuple(getattr(WeeklyUsage, name) for name in COUNTERS)
ROW = (*KEY, *COUNTED, WeeklyUsage.last_time)
SPAN = (WeeklyUsage.user, WeeklyUsage.week, DailyUsage.day, *KEY[2:])
SIX_DAYS = timedelta(days=6)


class WeekKey(NamedTuple):
    """Which weekly row a daily row belongs to; a week is named by its Monday."""

    user_id: int
    week: date
    project_id: int
    source: str

    @classmethod
    def of(cls, key: DayKey) -> Self:
        """The weekly row of a daily one."""
        return cls(key.user_id, monday(key.day), key.project_id, key.source)


@lru_cache(1024)
def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


class Gains(NamedTuple):
    """What weekly rows gain, as it is stored, and those of them that shrink."""

    values: list[bulk.Values]
    shrinking: list[WeekKey]


def gains(deltas: Mapping[DayKey, Delta]) -> Gains:
    """What the weekly rows gain where daily ones gain this."""
    weeks: dict[WeekKey, Delta] = {}
    for key, delta in deltas.items():
        week = WeekKey.of(key)
        before = weeks.get(week)
        weeks[week] = before + delta if before else delta
    in_order = [(key, weeks[key]) for key in sorted(weeks)]
    rows = ((*key, *one.counters, one.last) for key, one in in_order)
    shrinking = [key for key, delta in in_order if delta.shrinks]
    return Gains(list(bulk.values(ROW, rows)), shrinking)


def store(gained: Gains) -> None:
    """Add the gains, once the daily rows have theirs: what shrank is added up from them.

    Everyone writes their daily rows first and weekly ones by their key: no two writers deadlock.
    """
    bulk.count(_upsert, ROW, gained.values)
    _add_up_again(gained.shrinking)


def rebuild(users: range) -> None:
    """Make the users' weekly rows anew from their daily ones."""
    WeeklyUsage.delete().where(WeeklyUsage.user.between(users[0], users[-1])).execute()
    # Week by week, as usage comes in: whoever reads some weeks finds them side by side.
    WeeklyUsage.insert_from(_due(users).order_by(SQL("2")), ROW).execute()


def differing(users: range) -> set[WeekKey]:
    """The users' weekly rows that differ from their daily ones, or that only one side has."""
    mine = WeeklyUsage.user.between(users[0], users[-1])
    stored, due = WeeklyUsage.select(*ROW).where(mine), _due(users)
    rows = [*(stored - due).tuples(), *(due - stored).tuples()]
    return {WeekKey(*row[: len(KEY)]) for row in rows}


def _upsert(rows: Sequence[tuple]) -> Query:
    update = bulk.added(COUNTED) | {"last_time": bulk.later(WeeklyUsage.last_time)}
    return WeeklyUsage.insert_many(rows, fields=ROW).on_conflict(conflict_target=KEY, update=update)


def _add_up_again(keys: Sequence[WeekKey]) -> None:
    """Add up weekly rows from what is left of their daily ones."""
    bulk.run(_delete, KEY, keys)
    spans = [(key.user_id, key.week, key.week + SIX_DAYS, *key[2:]) for key in keys]
    bulk.run(_insert_what_is_left, SPAN, spans)


def _delete(rows: Sequence[tuple]) -> Query:
    return WeeklyUsage.delete().where(bulk.among(KEY, rows))


def _insert_what_is_left(rows: Sequence[tuple]) -> Query:
    """Insert the weekly rows of these weeks; each is looked up by its user and days."""
    weeks = ValuesList(rows, alias="weeks")
    # Both databases name the columns of values like that.
    user, first, last, project, source = (getattr(weeks.c, f"column{n}") for n in range(1, 6))
    # SQLite begins on the left of a CROSS JOIN; "+ 0" keeps it from using the index by project.
    query = (
        _added_up(first)
        .from_(weeks.join(DailyUsage, JOIN.CROSS))
        .where(
            DailyUsage.user == user,
            DailyUsage.day.between(first, last),
            DailyUsage.project_id + SQL("0") == project,
            DailyUsage.source == source,
        )
    )
    return WeeklyUsage.insert_from(query, ROW)


def _due(users: range) -> ModelSelect:
    return _added_up(_monday(DailyUsage.day)).where(DailyUsage.user.between(users[0], users[-1]))


def _added_up(week: Column | Function) -> ModelSelect:
    """The query of the weekly rows that daily ones come to; `week` is the Monday of one."""
    key = DailyUsage.user, week, DailyUsage.project_id, DailyUsage.source
    counted = (fn.SUM(getattr(DailyUsage, name)) for name in COUNTERS)
    query = DailyUsage.select(*key, *counted, fn.MAX(DailyUsage.last_time))
    return query.group_by(*(SQL(str(place)) for place, _ in enumerate(KEY, start=1)))


def _monday(day: Field) -> Function:
    if db.for_update:
        return fn.DATE(fn.DATE_TRUNC("week", day.cast("timestamp")))
    return fn.DATE(day, "weekday 0", "-6 days").python_value(WeeklyUsage.week.python_value)
