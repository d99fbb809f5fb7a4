"""Standings in a scope: who used how much, ranked, with the totals of the whole scope."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from unicodedata import normalize

from peewee import fn

from models import DailyUsage, User
from usage import naming
from usage.daily import in_scope, sums
from usage.pricing import dollars
from usage.rollups import COUNTERS
from usage.scope import Scope


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
    """One user's row, named as the viewer may know them.

    The rank is None for someone without an answered call in the scope.
    """

    rank: int | None
    username: str
    display_name: str
    email: str
    user_id: int


@dataclass(frozen=True, slots=True)
class Totals(Counts):
    """The whole scope, whatever the page or the search shows of it."""

    users: int
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Board:
    """One page of the ranked table; `least_users` when there are too few people to show any."""

    standings: list[Standing]
    totals: Totals
    found: int
    pages: int
    most_tokens: int
    least_users: int


ORDER: Mapping[str, Callable[[Standing], tuple[int, ...]]] = {
    "activity": attrgetter("calls", "total_tokens", "picodollars"),
    "calls": attrgetter("calls", "total_tokens", "picodollars"),
    "prompt_tokens": attrgetter("prompt_tokens", "calls", "total_tokens", "picodollars"),
    "completion_tokens": attrgetter("completion_tokens", "calls", "total_tokens", "picodollars"),
    "cost": attrgetter("picodollars", "calls", "total_tokens"),
}
WHO = (User.username, User.display_name, User.email)


def board(scope: Scope) -> Board:
    """The page of standings that a scope asks for, and the totals of everyone in it."""
    everyone, totals = standings(scope)
    found = everyone
    if scope.q:
        others = _other_names() if naming.policy(scope) == naming.NAMED else {}
        found = [one for one in everyone if matches(one, scope.q, others.get(one.username, ()))]
    start = (scope.page - 1) * scope.per_page
    return Board(
        standings=found[start : start + scope.per_page],
        totals=totals,
        found=len(found),
        pages=max(1, -(-len(found) // scope.per_page)),
        most_tokens=max((one.total_tokens for one in everyone), default=0),
        least_users=0 if totals.users else naming.least_users(scope),
    )


def standings(scope: Scope) -> tuple[list[Standing], Totals]:
    """Everyone with an answered call, ranked in the scope's order; and the scope's totals.

    Only those whom the viewer may see are listed, under the names that the viewer may know.
    """
    rows, as_of = _by_user(scope)
    # A vendor's sum may tell tokens without saying over how many calls.
    active = [row for row in rows if row.calls or row.total_tokens]
    if naming.too_few(scope, len(active)):
        return [], Totals(*[0] * len(COUNTERS), 0, users=0, as_of=None)
    ranked = rank(_named(active, scope), scope)
    sums = [sum(getattr(row, name) for row in rows) for name in COUNTERS]
    totals = Totals(*sums, sum(row.picodollars for row in rows), users=len(ranked), as_of=as_of)
    if naming.policy(scope) == naming.OWN:
        ranked = [row for row in ranked if row.user_id == scope.horizon.person]
    return ranked, totals


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


def _by_user(scope: Scope) -> tuple[list[Standing], datetime | None]:
    """Unranked rows of everyone in the scope, and the time of the newest event."""
    added = in_scope(
        DailyUsage.select(
            DailyUsage.user.alias("id"), *sums(), fn.MAX(DailyUsage.last_time).alias("last")
        ),
        scope,
    ).group_by(DailyUsage.user)
    named = added.alias("added")
    columns = [getattr(named.c, name) for name in COUNTERS]
    query = (
        User.select(User.id, User.owner_id, *WHO, named.c.last, *columns)
        .join(named, on=(named.c.id == User.id))
        .tuples()
    )
    sums_of: dict[int, list[int]] = {}
    names: dict[int, tuple[str, str, str]] = {}
    newest = 0
    for id, owner_id, username, display_name, email, last, *counters in query:
        # PostgreSQL adds bigints up to a numeric, SQLite to an integer: callers see int.
        counts = [int(value) for value in counters]
        person = owner_id or id
        if person in sums_of:
            counts = [one + more for one, more in zip(counts, sums_of[person], strict=True)]
        sums_of[person] = counts
        if not owner_id:
            names[id] = username, display_name, email
        newest = max(newest, last)
    names |= _names_of(sums_of.keys() - names.keys())
    cost = scope.rates.picodollars
    rows = [
        Standing(*counts, cost(counts[3], counts[4]), None, *names[person], person)
        for person, counts in sums_of.items()
    ]
    return rows, DailyUsage.last_time.python_value(newest or None)


def _names_of(people: Iterable[int]) -> dict[int, tuple[str, str, str]]:
    """What people are called who have usage under other names only."""
    ids = sorted(people)
    query = User.select(User.id, *WHO).where(User.id.in_(ids)).tuples() if ids else ()
    return {id: tuple(names) for id, *names in query}


def _other_names() -> dict[str, list[str]]:
    """Per username of a person with several names, what those names say."""
    owner = User.alias()
    query = User.select(owner.username, User.username, User.display_name, User.email)
    others = defaultdict(list)
    for username, *names in query.join(owner, on=(owner.id == User.owner_id)).tuples():
        others[username] += names
    return others


def _named(rows: list[Standing], scope: Scope) -> list[Standing]:
    """The rows under pseudonyms where those are in force, but for the viewer's own."""
    if naming.policy(scope) != naming.PSEUDONYMS:
        return rows
    numbers = naming.numbers(scope, (row.user_id for row in rows))
    return [
        row if row.user_id == scope.horizon.person else veiled(row, numbers[row.user_id])
        for row in rows
    ]


def veiled(row: Standing, number: int) -> Standing:
    """A row under a pseudonym."""
    names = {"username": naming.username(number), "display_name": naming.display_name(number)}
    return replace(row, email="", **names)


def _with_rank(row: Standing, rank: int | None) -> Standing:
    values = [getattr(row, name) for name in Counts.__dataclass_fields__]
    return Standing(*values, rank, row.username, row.display_name, row.email, row.user_id)
