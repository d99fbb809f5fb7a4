"""Standings in a scope: who used how much, ranked, with the totals of the whole scope."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from unicodedata import normalize

from peewee import JOIN, Case, ModelSelect, fn

from models import DailyUsage, User
from usage.pricing import dollars
from usage.rollups import COUNTERS
from usage.scope import ALL, Scope


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls, tokens and their cost; prompt and completion hold their parts already."""

    calls: int
    failed_calls: int
    unknown_calls: int
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    picodollars: int

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def cost(self) -> Decimal:
        """Approximate cost in dollars, exact at the scope's rates."""
        return dollars(self.picodollars)


@dataclass(frozen=True, slots=True)
class Standing(Counts):
    """One user's row; rank None for someone without an answered call in the scope."""

    rank: int | None
    username: str
    display_name: str
    email: str


@dataclass(frozen=True, slots=True)
class Totals(Counts):
    """The whole scope, whatever the page or the search shows of it."""

    users: int
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Board:
    """One page of the ranked table."""

    standings: list[Standing]
    totals: Totals
    found: int
    pages: int
    most_tokens: int


ORDER: Mapping[str, Callable[[Standing], tuple[int, ...]]] = {
    "activity": attrgetter("calls", "total_tokens", "picodollars"),
    "calls": attrgetter("calls", "total_tokens", "picodollars"),
    "prompt_tokens": attrgetter("prompt_tokens", "calls", "total_tokens", "picodollars"),
    "completion_tokens": attrgetter("completion_tokens", "calls", "total_tokens", "picodollars"),
    "cost": attrgetter("picodollars", "calls", "total_tokens"),
}


def board(scope: Scope) -> Board:
    """The page of standings that a scope asks for, and the totals of everyone in it."""
    everyone, totals = standings(scope)
    found = everyone
    if scope.q:
        others = _other_names()
        found = [one for one in everyone if matches(one, scope.q, others.get(one.username, ()))]
    start = (scope.page - 1) * scope.per_page
    return Board(
        standings=found[start : start + scope.per_page],
        totals=totals,
        found=len(found),
        pages=max(1, -(-len(found) // scope.per_page)),
        most_tokens=max((one.total_tokens for one in everyone), default=0),
    )


def standings(scope: Scope) -> tuple[list[Standing], Totals]:
    """Everyone with an answered call, ranked in the scope's order; and the scope's totals."""
    rows, as_of = _by_user(scope)
    # A vendor's sum may tell tokens without saying over how many calls.
    ranked = rank([row for row in rows if row.calls or row.total_tokens], scope)
    sums = [sum(getattr(row, name) for row in rows) for name in COUNTERS]
    cost = sum(row.picodollars for row in rows)
    return ranked, Totals(*sums, cost, users=len(ranked), as_of=as_of)


def rank(rows: Iterable[Standing], scope: Scope) -> list[Standing]:
    """Order by the scope's column; equals in all but the name share a rank: 1, 2, 2, 4."""
    order = ORDER[scope.column]
    rows = sorted(rows, key=attrgetter("username"))
    rows.sort(key=order, reverse=not scope.ascending)
    ranked: list[Standing] = []
    for place, row in enumerate(rows, start=1):
        tied = ranked and order(row) == order(ranked[-1])
        ranked.append(_with_rank(row, ranked[-1].rank if tied else place))
    return ranked


def matches(standing: Standing, q: str, others: Iterable[str] = ()) -> bool:
    """True when the search text occurs in a name, username or e-mail of theirs, in any case."""
    q = normalize("NFC", q).casefold()
    names = (standing.display_name, standing.username, standing.email, *others)
    return any(q in name.casefold() for name in names)


def calls_by_source(scope: Scope) -> dict[str, int]:
    """Answered calls per source in the scope's project and days; "" is unassigned."""
    query = in_scope(DailyUsage.select(DailyUsage.source, fn.SUM(DailyUsage.calls)), scope, ALL)
    return {source: int(calls) for source, calls in query.group_by(DailyUsage.source).tuples()}


def any_usage(project_id: int | None = None) -> bool:
    """True when there is usage at all, or any in that project."""
    query = DailyUsage.select()
    return (
        query if project_id is None else query.where(DailyUsage.project_id == project_id)
    ).exists()


def in_scope(query: ModelSelect, scope: Scope, source: str | None = None) -> ModelSelect:
    """Narrow any query of daily rows to the scope's project, days and source."""
    source = source or scope.source
    query = query.where(DailyUsage.day.between(scope.window.first, scope.window.last))
    if scope.project:
        query = query.where(DailyUsage.project_id == scope.project.id)
    if source != ALL:
        query = query.where(DailyUsage.source == stored(source))
    return query


def stored(source: str) -> str:
    """A source as the tables hold it: unassigned is the empty text."""
    return "" if source == "unassigned" else source


def sums() -> list:
    """The counters of daily rows, added up."""
    return [fn.SUM(getattr(DailyUsage, name)).alias(name) for name in COUNTERS]


def _by_user(scope: Scope) -> tuple[list[Standing], datetime | None]:
    """Unranked rows of everyone in the scope, and the time of the newest event."""
    added = in_scope(
        DailyUsage.select(
            DailyUsage.user.alias("id"), *sums(), fn.MAX(DailyUsage.last_time).alias("last")
        ),
        scope,
    ).group_by(DailyUsage.user)
    named, owner = added.alias("added"), User.alias()
    columns = [getattr(named.c, name) for name in COUNTERS]
    who = [
        Case(None, [(owner.id.is_null(), getattr(User, name))], getattr(owner, name))
        for name in ("id", "username", "display_name", "email")
    ]
    query = (
        User.select(*who, named.c.last, *columns)
        .join(named, on=(named.c.id == User.id))
        .join_from(User, owner, JOIN.LEFT_OUTER, on=(owner.id == User.owner_id))
        .tuples()
    )
    people: dict[int, tuple[list[int], tuple[str, str, str]]] = {}
    newest = 0
    for id, username, display_name, email, last, *counters in query:
        # PostgreSQL adds bigints up to a numeric, SQLite to an integer: callers see int.
        counts = [int(value) for value in counters]
        if id in people:
            counts = [one + more for one, more in zip(counts, people[id][0], strict=True)]
        people[id] = counts, (username, display_name, email)
        newest = max(newest, last)
    rows = [
        Standing(*counts, scope.rates.picodollars(counts[3], counts[4]), None, *names)
        for counts, names in people.values()
    ]
    return rows, DailyUsage.last_time.python_value(newest or None)


def _other_names() -> dict[str, list[str]]:
    """Per username of a person with several names, what those names say."""
    owner = User.alias()
    query = User.select(owner.username, User.username, User.display_name, User.email)
    others = defaultdict(list)
    for username, *names in query.join(owner, on=(owner.id == User.owner_id)).tuples():
        others[username] += names
    return others


def _with_rank(row: Standing, rank: int | None) -> Standing:
    values = [getattr(row, name) for name in Counts.__dataclass_fields__]
    return Standing(*values, rank, row.username, row.display_name, row.email)
