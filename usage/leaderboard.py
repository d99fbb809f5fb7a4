"""Standings in a scope: who used how much, ranked, with the totals of the whole scope."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter, neg
from unicodedata import normalize

from models import DailyUsage
from usage import naming, warm
from usage.counting import COUNTERS
from usage.counts import Standing, Totals
from usage.daily import CALLS, COMPLETION, PROMPT, cost_of, is_unknown
from usage.kept_names import Name
from usage.pricing import RATES
from usage.ranking import Keys, Order
from usage.rows import LAST, Row
from usage.scope import Scope
from usage.tally import Tally
from usage.uncosted import Uncosted, uncosted


@dataclass(frozen=True, slots=True)
class Board:
    """One page of the ranked table; `least_users` when there are too few people to show any.

    `uncosted` are the models whose calls have no cost on the scope's basis.
    """

    standings: list[Standing]
    totals: Totals
    found: int
    pages: int
    most_tokens: int
    least_users: int
    uncosted: Sequence[Uncosted] = ()


MEASURES: Mapping[str, Sequence[str]] = {
    "activity": ("calls", "tokens", "cost"),
    "calls": ("calls", "tokens", "cost"),
    "prompt_tokens": ("prompt_tokens", "calls", "tokens", "cost"),
    "completion_tokens": ("completion_tokens", "calls", "tokens", "cost"),
    "cost": ("cost", "calls", "tokens"),
}
"""The amounts that a column is sorted by: the first that differs decides."""
Amounts = Callable[[Sequence[Row]], Iterable[int]]
AMOUNTS: Mapping[str, Amounts] = {
    "calls": partial(map, itemgetter(CALLS)),
    "prompt_tokens": partial(map, itemgetter(PROMPT)),
    "completion_tokens": partial(map, itemgetter(COMPLETION)),
    "tokens": lambda rows: [row[PROMPT] + row[COMPLETION] for row in rows],
}


def board(scope: Scope) -> Board:
    """The page of standings that a scope asks for, and the totals of the whole scope."""
    return _page(scope) if scope.basis == RATES else warm.of_one_state(lambda: _listed(scope))


def _listed(scope: Scope) -> Board:
    shown = _page(scope)
    # Where people are hidden, models that few people use are too.
    lists_models = shown.totals.uncosted_calls and not naming.least_users(scope)
    return replace(shown, uncosted=uncosted(scope)) if lists_models else shown


def _page(scope: Scope) -> Board:
    with warm.store.tally(scope) as tally:
        ranking = _Ranking(tally, scope)
        found = ranking.search(scope.q) if scope.q else ranking.people
        start = (scope.page - 1) * scope.per_page
        page = found[start : start + scope.per_page]
        return Board(
            standings=list(ranking.rows(page)),
            totals=ranking.totals,
            found=len(found),
            pages=max(1, -(-len(found) // scope.per_page)),
            most_tokens=ranking.most_tokens,
            least_users=0 if ranking.totals.users else naming.least_users(scope),
        )


def standings(
    scope: Scope, leave_out: Collection[int] = (), keep_first: int = 0
) -> tuple[list[Standing], Totals]:
    """Everyone with an answered call, ranked in the scope's order; and the scope's totals.

    Only those whom the viewer may see are listed, under the names that the viewer may know. The
    people to leave out stay if they are among the first `keep_first`.
    """
    with warm.store.tally(scope) as tally:
        ranking = _Ranking(tally, scope)
        first, rest = ranking.people[:keep_first], ranking.people[keep_first:]
        people = [*first, *(person for person in rest if person not in leave_out)]
        return list(ranking.rows(people)), ranking.totals


def people_of(scope: Scope) -> tuple[frozenset[int], Totals]:
    """The ids of everyone that standings() lists; and the scope's totals."""
    with warm.store.tally(scope) as tally:
        ranking = _Ranking(tally, scope)
        return frozenset(ranking.people), ranking.totals


def rows_of(scope: Scope, people: Iterable[int]) -> tuple[dict[int, Standing], Totals]:
    """The rows of those of these people who are ranked, by person; and the scope's totals."""
    with warm.store.tally(scope) as tally:
        ranking = _Ranking(tally, scope)
        ranks = {person: ranking.order.rank(person) for person in people if person in tally.people}
        rows = {person: ranking.standing(person, rank) for person, rank in ranks.items() if rank}
        return rows, ranking.totals


def totals_of(scope: Scope) -> Totals:
    """The totals of everyone in a scope."""
    return rank_of(scope, 0)[1]


def rank_of(scope: Scope, person: int) -> tuple[int | None, Totals]:
    """The rank of somebody whom the viewer may see, None without a row; and the scope's totals."""
    with warm.store.tally(scope) as tally:
        ranking = _Ranking(tally, scope)
        return ranking.order.rank(person) if person in tally.people else None, ranking.totals


class _Ranking:
    """The people of a tally in the scope's order, named as the viewer may know them."""

    def __init__(self, tally: Tally, scope: Scope):
        self.scope, self.tally = scope, tally
        self.policy = naming.policy(scope)
        self.name: Callable[[int], Name] = lambda person: tally.names[person]
        self.order = tally.order((scope.sort, scope.rates, scope.basis), self._keys())
        if naming.too_few(scope, len(self.order)):
            self.order = Order((), self.order.keys)
            self.totals = Totals(*[0] * len(COUNTERS), 0, 0, users=0, as_of=None)
        else:
            self.totals = self._totals()
        if self.policy == naming.PSEUDONYMS:
            self.name = _pseudonyms(scope, self.order.people, tally.names)
            # Among equals, even the order of their real names would tell of them.
            self.order = Order(self.order.people, self._keys())
        self.people = self.order.people
        if self.policy == naming.OWN:
            self.people = [one for one in self.people if one == scope.horizon.person]

    @property
    def most_tokens(self) -> int:
        """The most tokens that anyone used whom the viewer sees."""
        if len(self.people) == len(self.order):
            return self.tally.aggregate.most_tokens if self.people else 0
        rows = (self.tally.people[one] for one in self.people)
        return max((row[PROMPT] + row[COMPLETION] for row in rows), default=0)

    def search(self, q: str) -> list[int]:
        """The people in whose names the text occurs, upper and lower case alike."""
        q = normalize("NFC", q).casefold()
        others = self._others() if self.policy in (naming.NAMED, naming.HIDDEN) else {}
        name = self.name
        return [one for one in self.people if q in name(one).folded or q in others.get(one, "")]

    def _others(self) -> Mapping[int, str]:
        """The merged names of each person who has some, ready to be searched.

        Who doesn't know everybody hears only of those that were used in what they see.
        """
        everybody, tally = self.scope.horizon.knows_everybody, self.tally
        folded: dict[int, str] = defaultdict(str)
        for user, person in tally.owners.items():
            if everybody or tally.holds(user):
                folded[person] += f"\n{tally.names[user].folded}"
        return folded

    def rows(self, people: Sequence[int]) -> Iterator[Standing]:
        """The rows of some people in this order."""
        ranks = self.order.ranks(people)
        return (self.standing(one, rank) for one, rank in zip(people, ranks, strict=True))

    def standing(self, person: int, rank: int | None) -> Standing:
        """The row of somebody."""
        row, name = self.tally.people[person], self.name(person)
        return Standing(
            *row[: len(COUNTERS)],
            *cost_of(row, self.scope),
            rank,
            name.username,
            name.display_name,
            name.email,
            person,
            row[LAST],
        )

    def _totals(self) -> Totals:
        sums, newest = self.tally.aggregate.totals, self.tally.aggregate.newest
        as_of = DailyUsage.last_time.python_value(newest)
        cost = cost_of(sums, self.scope)
        return Totals(*sums, *cost, users=len(self.order), as_of=as_of)

    def _keys(self) -> Keys:
        """The sort keys of people in the scope's order; equals by the names the viewer may know."""
        people, name, descending = self.tally.people, self.name, not self.scope.ascending
        amounts = AMOUNTS | {"cost": _costing(self.scope)}
        measure = [amounts[one] for one in MEASURES[self.scope.column]]

        def keys(some: Iterable[int]) -> Iterable[tuple]:
            rows = [people[one] for one in some]
            columns = [amounts(rows) for amounts in measure]
            if descending:
                columns = [map(neg, column) for column in columns]
            return zip(*columns, [name(one).username for one in some], strict=True)

        return keys


def _costing(scope: Scope) -> Amounts:
    """What each row costs, for sorting: an unknown cost comes after every other."""
    if scope.basis == RATES:
        cost_at_rates = scope.rates.picodollars
        return lambda rows: [cost_at_rates(row[PROMPT], row[COMPLETION]) for row in rows]

    def cost(row: Row) -> int:
        amount, missing = cost_of(row, scope)
        return -1 if is_unknown(row[CALLS], amount, missing) else amount

    return partial(map, cost)


def _pseudonyms(
    scope: Scope, people: Sequence[int], names: Mapping[int, Name]
) -> Callable[[int], Name]:
    numbers = naming.numbers(scope, people)
    own = scope.horizon.person

    def name(person: int) -> Name:
        return names[person] if person == own else naming.pseudonym(numbers[person])

    return name
