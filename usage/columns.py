"""The columns that a viewer may add to the table: their values for each person shown."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from models import DailyUsage, User, db
from usage import naming, warm
from usage.answers import answers
from usage.counts import Counts, Standing, Totals
from usage.daily import active, in_scope, sum_of
from usage.leaderboard import Board, board, rows_of
from usage.movement import Difference, change
from usage.scope import PAGE_SIZES, Scope
from usage.window import Window

DAILY = ("trend", "active_days")


@dataclass(frozen=True, slots=True)
class AddedColumns:
    """One person's values in the added columns.

    `before` is their row in the equal window before, None if they had none; `known` is False where
    the identity policy hides those days. `trend` is their calls by day; an active day has at least
    one answered call, or tokens of a vendor's sum.
    """

    known: bool
    before: Standing | None
    moved: Difference | None
    climbed: int | None
    trend: tuple[int, ...]
    active_days: int

    @property
    def most_calls(self) -> int:
        """The calls of the trend's busiest day."""
        return max(self.trend, default=0)


def with_columns(scope: Scope) -> tuple[Board, dict[int, AddedColumns]]:
    """The page of standings that a scope asks for, and added_columns() of its people."""

    def read() -> tuple[Board, dict[int, AddedColumns]]:
        shown = board(scope)
        return shown, added_columns(scope, shown.standings)

    return warm.of_one_state(read) if scope.columns else read()


def added_columns(scope: Scope, rows: Iterable[Standing]) -> dict[int, AddedColumns]:
    """The values of the scope's added columns for some rows of its table, by person."""
    if not scope.columns:
        return {}
    rows = list(rows)
    people = [row.user_id for row in rows]
    earlier, totals = _before(scope, people) if "movement" in scope.columns else ({}, None)
    days = _days(scope, people) if set(DAILY) & set(scope.columns) else {}
    span = _span(scope.window, days)
    return {
        row.user_id: _of(row, earlier.get(row.user_id), totals, days.get(row.user_id, {}), span)
        for row in rows
    }


def _of(
    row: Standing,
    before: Standing | None,
    totals: Totals | None,
    calls: dict[date, int],
    span: list[date],
) -> AddedColumns:
    calls_before = before.calls if before else 0
    return AddedColumns(
        known=totals is not None,
        before=before,
        moved=change(row.calls, calls_before, calls_before) if totals else None,
        climbed=before.rank - row.rank if before and row.rank else None,
        trend=tuple(calls.get(day, 0) for day in span),
        active_days=len(calls),
    )


def cost_per_call(counts: Counts) -> Decimal | None:
    """The average cost of an answered call whose cost is known, to 10⁻⁶ dollars; None of none."""
    costed = counts.calls - counts.uncosted_calls
    if costed <= 0 or counts.cost is None:
        return None
    return (counts.cost / costed).quantize(Decimal("0.000001"))


def cached_share(counts: Counts) -> float | None:
    """The share of prompt tokens read from a cache, to four places; None without tokens."""
    whole = counts.prompt_tokens
    return round(counts.cache_read_tokens / whole, 4) if whole else None


def _before(scope: Scope, people: list[int]) -> tuple[dict[int, Standing], Totals | None]:
    """Their rows in the equal window before, and its totals, or None where these are hidden."""
    past = scope.before()
    if not past:
        return {}, None
    rows, totals = rows_of(past, people)
    return rows, totals if totals.users or not naming.least_users(past) else None


def _days(scope: Scope, people: list[int]) -> dict[int, dict[date, int]]:
    """The calls of each person by day, under all their names."""
    # What a page shows is kept; an export would push everything else out of memory.
    ask = answers.to if len(people) <= PAGE_SIZES[-1] else _asked
    days: dict[int, dict[date, int]] = {person: {} for person in people}
    for person, day, calls in ask(_calls_by_day, scope, *map(str, people)):
        days[person][day] = days[person].get(day, 0) + calls
    return days


def _asked(question: Callable[..., tuple], scope: Scope, *about: str) -> tuple:
    return question(scope, *about)


def _calls_by_day(scope: Scope, *people: str) -> tuple:
    """A person's id, a day and their calls on it, once for each of their names."""
    ids = [int(person) for person in people]
    others = User.select(User.id, User.owner_id).where(User.owner_id.in_(ids))
    owners = {person: person for person in ids} | dict(others.tuples())
    columns = (DailyUsage.user, DailyUsage.day, sum_of(DailyUsage.calls))
    query = in_scope(DailyUsage.select(*columns), scope, of_few=True)
    query = query.where(DailyUsage.user.in_(list(owners)), active())
    # Row by row, Peewee would read the same few days over and over.
    day_of = cache(DailyUsage.day.python_value)
    return tuple(
        (owners[user], day_of(day), calls)
        for user, day, calls in db.execute(query.group_by(DailyUsage.user, DailyUsage.day))
    )


def _span(window: Window, days: dict[int, dict[date, int]]) -> list[date]:
    """The days of a trend: all of the window, or of a very long one from first to last use."""
    used = {day for calls in days.values() for day in calls}
    return window.span(used) if used else []
