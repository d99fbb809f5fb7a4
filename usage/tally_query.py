"""The query that a tally reads its rows with: weekly ones where it can, daily ones for the rest."""

from collections.abc import Collection
from dataclasses import replace

from peewee import ModelSelect, Select, fn

from models import DailyUsage, Rollup, WeeklyUsage
from usage.counting import COSTS, COUNTERS
from usage.daily import in_scope, narrowed, per_user, sum_of, sums, user_by_user
from usage.horizon import ALL
from usage.pricing import RATES
from usage.rows import ABSENT, SOURCES
from usage.scope import Scope
from usage.window import Window


def query(scope: Scope, users: int, as_floats: bool) -> ModelSelect:
    """The rows of everyone, or of so many users, whose ids are the last parameters.

    That of everyone is right for the moment at which it is made.
    """
    if users:
        rows = in_scope(_asked(DailyUsage, scope, as_floats), scope, of_few=True)
        return rows.where(DailyUsage.user.in_(range(users))).group_by(DailyUsage.user)
    if weeks := _whole_weeks(scope):
        rows = _rows(scope, weeks).alias("rows")
        return _asked(rows.c, scope, as_floats).from_(rows).group_by(rows.c.user_id)
    return per_user(in_scope(_asked(DailyUsage, scope, as_floats), scope), scope)


def _whole_weeks(scope: Scope) -> Window | None:
    """The weeks of which weekly rows tell what the window holds.

    This week's do so too, unless something is counted after today already.
    """
    window = scope.window
    weeks = window.whole_weeks(is_all=window.last >= scope.today)
    if weeks and weeks.last > window.last:
        later = (DailyUsage.day > window.last) & (DailyUsage.day <= weeks.last)
        if DailyUsage.select().where(later).exists():
            return window.whole_weeks()
    return weeks


def _asked(rows: object, scope: Scope, as_floats: bool) -> ModelSelect:
    """A query of what a tally keeps; `rows` has the columns of daily rows that it needs."""
    asked = [rows.user_id, *sums(_left_out(scope), as_floats, rows), fn.MAX(rows.last_time)]
    if scope.source == ALL:
        by_source = (sum_of(rows.calls, rows.source == one, as_floats) for one in SOURCES)
        asked += [fn.COALESCE(one, ABSENT) for one in by_source]
    return DailyUsage.select(*asked)


def _rows(scope: Scope, weeks: Window) -> Select:
    """The rows of a scope: the weekly ones of these weeks, and the daily ones of its other days.

    The days before and after are asked for apart: with an OR SQLite may read all days there are.
    """
    weekly = _columns(WeeklyUsage, scope).where(WeeklyUsage.week.between(weeks.first, weeks.last))
    rows = user_by_user(narrowed(weekly, WeeklyUsage, scope), WeeklyUsage, scope)
    for days in scope.window.around(weeks):
        rows += in_scope(_columns(DailyUsage, scope), replace(scope, window=days))
    return rows


def _columns(table: type[Rollup], scope: Scope) -> ModelSelect:
    counted = [name for name in COUNTERS if name not in _left_out(scope)]
    return table.select(
        *(getattr(table, name) for name in ("user", "source", *counted, "last_time"))
    )


def _left_out(scope: Scope) -> Collection[str]:
    return COSTS if scope.basis == RATES else ()
