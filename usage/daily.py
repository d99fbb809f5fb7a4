"""The daily rows that every number comes from: narrowed to a scope, and added up."""

from collections.abc import Collection, Sequence

from peewee import SQL, Cast, Expression, Field, ModelSelect, fn

from models import DailyUsage, Rollup, User, db
from usage.counting import COUNTERS
from usage.horizon import ALL
from usage.pricing import LIST, RATES, REPORTED
from usage.scope import Scope

CALLS, PROMPT, COMPLETION = map(COUNTERS.index, ("calls", "prompt_tokens", "completion_tokens"))
BY_BASIS = {
    LIST: ("list_nanodollars", "unpriced_calls"),
    REPORTED: ("reported_nanodollars", "unreported_calls"),
}
"""For each recorded basis: the counter of its costs, and that of calls without one."""
MOST_AS_FLOATS = 2**53
"""Below this a float holds every whole number exactly."""
PLACES = {basis: tuple(map(COUNTERS.index, names)) for basis, names in BY_BASIS.items()}


def cost_of(counters: Sequence[int], scope: Scope) -> tuple[int, int]:
    """What these COUNTERS cost on the scope's basis in 10⁻¹² dollars, and calls without a cost."""
    if scope.basis == RATES:
        return scope.rates.picodollars(counters[PROMPT], counters[COMPLETION]), 0
    nanodollars, missing = PLACES[scope.basis]
    return counters[nanodollars] * 1000, counters[missing]


def is_unknown(calls: int, picodollars: int, uncosted: int) -> bool:
    """True if none of the calls has a cost, so that their cost is unknown and not 0."""
    return not picodollars and uncosted > 0 and uncosted >= calls


def any_usage(project_id: int | None = None) -> bool:
    """True if the board holds any usage, or that project does."""
    query = DailyUsage.select()
    return (
        query if project_id is None else query.where(DailyUsage.project_id == project_id)
    ).exists()


def active() -> Expression:
    """The daily rows with calls or tokens: a vendor's sum may have tokens, but no calls."""
    return DailyUsage.calls + DailyUsage.prompt_tokens + DailyUsage.completion_tokens > 0


def in_scope(query: ModelSelect, scope: Scope, of_few: bool = False) -> ModelSelect:
    """Narrow any query of daily rows to the scope's project, days and source.

    `of_few` is for a query of a few users, which should use the index by user.
    """
    query = query.where(DailyUsage.day.between(scope.window.first, scope.window.last))
    return narrowed(query, DailyUsage, scope, of_few)


def narrowed(
    query: ModelSelect, table: type[Rollup], scope: Scope, of_few: bool = False
) -> ModelSelect:
    """Narrow a query of daily or weekly rows to the scope's project and source."""
    projects = projects_of(scope)
    if projects is not None:
        # "+ 0" keeps SQLite from using the index by project instead.
        project = table.project_id + 0 if of_few else table.project_id
        query = query.where(project.in_(projects))
    if scope.source != ALL:
        query = query.where(table.source == stored(scope.source))
    return query


def per_user(query: ModelSelect, scope: Scope) -> ModelSelect:
    """Group a query of a scope's daily rows by user."""
    return user_by_user(query, DailyUsage, scope).group_by(DailyUsage.user)


def user_by_user(query: ModelSelect, table: type[Rollup], scope: Scope) -> ModelSelect:
    """Let a query of a scope's daily or weekly rows go from user to user where that is quickest."""
    if not db.for_update and projects_of(scope) is None:
        # Without this SQLite reads all days of each user, or looks each weekly row up by itself.
        return query.where(table.user.in_(User.select(User.id)))
    return query


def within_locks(query: ModelSelect, scope: Scope) -> ModelSelect:
    """Narrow any query of daily rows to the most that this viewer's filters could show."""
    horizon = scope.horizon
    if not horizon.sees_all:
        query = query.where(DailyUsage.project_id.in_([one.id for one in horizon.projects]))
    if not horizon.offers("dates"):
        query = query.where(DailyUsage.day.between(scope.window.first, scope.window.last))
    if not horizon.offers("source") and scope.source != ALL:
        query = query.where(DailyUsage.source == stored(scope.source))
    return query


def projects_of(scope: Scope) -> tuple[int, ...] | None:
    """The projects whose usage is in the scope; None for all that there are."""
    if scope.project:
        return (scope.project.id,)
    if scope.horizon.sees_all or scope.horizon.only_self:
        return None
    return tuple(sorted(project.id for project in scope.horizon.projects))


def stored(source: str) -> str:
    """A source as the tables hold it: unassigned is the empty text."""
    return "" if source == "unassigned" else source


def sums(leave_out: Collection[str] = (), as_floats: bool = False, of: object = DailyUsage) -> list:
    """The sums of all COUNTERS as columns of a query; 0 in the place of those left out."""
    return [
        sum_of(getattr(of, name), as_floats=as_floats).alias(name)
        if name not in leave_out
        else SQL("0")
        for name in COUNTERS
    ]


def sum_of(
    counter: Expression | Field, where: Expression | None = None, as_floats: bool = False
) -> Cast:
    """The sum of a counter as an integer, over all rows or those `where` says.

    PostgreSQL sums bigints to a numeric, which is slow to read; the cast avoids that. Summing
    floats takes a quarter less time, and is exact below MOST_AS_FLOATS.
    """
    total = fn.SUM(counter.cast("float8") if as_floats else counter)
    return (total if where is None else total.filter(where)).cast("bigint")
