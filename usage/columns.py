"""What the columns that a viewer adds to the table say of the people in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from models import DailyUsage, User, db
from usage import naming
from usage.answers import answers
from usage.counts import Counts, Standing, Totals
from usage.daily import active, added_up, in_scope
from usage.leaderboard import rows_of
from usage.movement import Difference, change
from usage.scope import PAGE_SIZES, Scope
from usage.window import Window

DAILY = ("trend", "active_days")


@dataclass(frozen=True, slots=True)
class More:
    """What else there is to say of somebody.

    `before` is their row of the equal window before, None where they had none; `known` is False
    where nothing may be told of those days. `trend` is their calls by day; an active day has at
    least one answered call, or tokens of a vendor's sum.
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


def more(scope: Scope, rows: Iterable[Standing]) -> dict[int, More]:
    """Per person what the scope's added columns need, for some rows of its table."""
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
) -> More:
    calls_before = before.calls if before else 0
    return More(
        known=totals is not None,
        before=before,
        moved=change(row.calls, calls_before, calls_before) if totals else None,
        climbed=before.rank - row.rank if before and row.rank else None,
        trend=tuple(calls.get(day, 0) for day in span),
        active_days=len(calls),
    )


def cost_per_call(counts: Counts) -> Decimal | None:
    """What an answered call of known cost cost on average, to the micro-dollar; None of none."""
    costed = counts.calls - counts.uncosted_calls
    if costed <= 0 or counts.cost is None:
        return None
    return (counts.cost / costed).quantize(Decimal("0.000001"))


def cached_share(counts: Counts) -> float | None:
    """Which part of the prompt tokens came from a cache, in four places; None of no tokens."""
    whole = counts.prompt_tokens
    return round(counts.cache_read_tokens / whole, 4) if whole else None


def _before(scope: Scope, people: list[int]) -> tuple[dict[int, Standing], Totals | None]:
    """Their rows in the equal window before; None for the totals where nothing may be told."""
    past = scope.before()
    if not past:
        return {}, None
    rows, totals = rows_of(past, people)
    return rows, totals if totals.users or not naming.least_users(past) else None


def _days(scope: Scope, people: list[int]) -> dict[int, dict[date, int]]:
    """Per person the calls of each day on which they used AI, under whichever name."""
    # Pages are asked for again and again; an export would push everything else out.
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
    columns = (DailyUsage.user, DailyUsage.day, added_up(DailyUsage.calls))
    query = in_scope(DailyUsage.select(*columns), scope, of_few=True)
    query = query.where(DailyUsage.user.in_(list(owners)), active())
    # Row by row, Peewee would read the same few days over and over.
    day_of = cache(DailyUsage.day.python_value)
    return tuple(
        (owners[user], day_of(day), calls)
        for user, day, calls in db.execute(query.group_by(DailyUsage.user, DailyUsage.day))
    )


def _span(window: Window, days: dict[int, dict[date, int]]) -> list[date]:
    """The days of a trend: the window's, or of a window of centuries those that were used."""
    used = {day for calls in days.values() for day in calls}
    return window.span(used) if used else []
