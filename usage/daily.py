"""The daily rows that every number comes from: narrowed to a scope, and added up."""

from collections.abc import Collection, Sequence

from peewee import SQL, Cast, Expression, Field, ModelSelect, fn

from models import DailyUsage, User, db
from usage.counting import COUNTERS
from usage.horizon import ALL
from usage.pricing import LIST, RATES, REPORTED
from usage.scope import Scope

CALLS, PROMPT, COMPLETION = map(COUNTERS.index, ("calls", "prompt_tokens", "completion_tokens"))
BY_BASIS = {
    LIST: ("list_nanodollars", "unpriced_calls"),
    REPORTED: ("reported_nanodollars", "unreported_calls"),
}
"""Per basis that is recorded the counter of its costs, and the one of calls that have none."""
MOST_AS_FLOATS = 2**53
"""Up to here a float holds every whole number."""
PLACES = {basis: tuple(map(COUNTERS.index, names)) for basis, names in BY_BASIS.items()}


def cost_of(counters: Sequence[int], scope: Scope) -> tuple[int, int]:
    """What these COUNTERS cost in 10⁻¹² dollars, and how many calls have no cost on that basis."""
    if scope.basis == RATES:
        return scope.rates.picodollars(counters[PROMPT], counters[COMPLETION]), 0
    nanodollars, missing = PLACES[scope.basis]
    return counters[nanodollars] * 1000, counters[missing]


def is_unknown(calls: int, picodollars: int, uncosted: int) -> bool:
    """True for the cost of calls none of which has one: that is not nothing."""
    return not picodollars and uncosted > 0 and uncosted >= calls


def any_usage(project_id: int | None = None) -> bool:
    """True when there is usage at all, or any in that project."""
    query = DailyUsage.select()
    return (
        query if project_id is None else query.where(DailyUsage.project_id == project_id)
    ).exists()


def active() -> Expression:
    """The daily rows of use: a vendor's sum may tell tokens without saying over how many calls."""
    return DailyUsage.calls + DailyUsage.prompt_tokens + DailyUsage.completion_tokens > 0


def in_scope(query: ModelSelect, scope: Scope, of_few: bool = False) -> ModelSelect:
    """Narrow any query of daily rows to the scope's project, days and source.

    With `of_few` the query names some users, whose index is the way to their rows.
    """
    query = query.where(DailyUsage.day.between(scope.window.first, scope.window.last))
    projects = projects_of(scope)
    if projects is not None:
        # SQLite takes the project's index wherever it may: a sum is not in it.
        project = DailyUsage.project_id + 0 if of_few else DailyUsage.project_id
        query = query.where(project.in_(projects))
    if scope.source != ALL:
        query = query.where(DailyUsage.source == stored(scope.source))
    return query


def per_user(query: ModelSelect, scope: Scope) -> ModelSelect:
    """Group what is in a scope by user."""
    if not db.for_update and projects_of(scope) is None:
        # SQLite would go through all days of each user, not just the scope's.
        query = query.where(DailyUsage.user.in_(User.select(User.id)))
    return query.group_by(DailyUsage.user)


def within_locks(query: ModelSelect, scope: Scope) -> ModelSelect:
    """Narrow any query of daily rows to what no choice of the viewer could widen."""
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


def sums(but: Collection[str] = (), as_floats: bool = False) -> list:
    """The counters of daily rows, added up; 0 in the place of those that nobody asks for."""
    return [
        added_up(getattr(DailyUsage, name), as_floats=as_floats).alias(name)
        if name not in but
        else SQL("0")
        for name in COUNTERS
    ]


def added_up(
    counter: Expression | Field, where: Expression | None = None, as_floats: bool = False
) -> Cast:
    """The sum of a counter, of some of the rows if asked to.

    PostgreSQL adds bigints up to a numeric, which takes a reader far longer than an integer.
    Floats take it a quarter less time; a sum of them is right unless it comes to MOST_AS_FLOATS.
    """
    total = fn.SUM(counter.cast("float8") if as_floats else counter)
    return (total if where is None else total.filter(where)).cast("bigint")
