"""Models whose calls have no cost on a scope's basis, and how many calls of each there are."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

from peewee import Field

from models import DailyUsage
from usage.answers import answers
from usage.daily import in_scope, sum_of
from usage.pricing import LIST, REPORTED
from usage.scope import Scope


class Uncosted(NamedTuple):
    """A model with the number of its calls that have no cost."""

    provider: str
    model: str
    calls: int


def uncosted(scope: Scope) -> list[Uncosted]:
    """The models of a scope with uncosted calls; its basis is the list or reported costs."""
    calls: Counter[tuple[str, str]] = Counter()
    for found in answers.by_day(BY_BASIS[scope.basis], scope).values():
        for one in found:
            calls[one.provider, one.model] += one.calls
    return ranked(calls)


def ranked(calls: Mapping[tuple[str, str], int]) -> list[Uncosted]:
    """Pairs of provider and model with any uncosted calls, the most calls first."""
    found = [Uncosted(*pair, count) for pair, count in calls.items() if count]
    return sorted(found, key=lambda one: (-one.calls, one.model, one.provider))


def _unpriced(scope: Scope, days: Collection[date] = ()) -> Mapping[date, tuple[Uncosted, ...]]:
    return _by_day(scope, days, DailyUsage.unpriced_calls)


def _unreported(scope: Scope, days: Collection[date] = ()) -> Mapping[date, tuple[Uncosted, ...]]:
    return _by_day(scope, days, DailyUsage.unreported_calls)


BY_BASIS = {LIST: _unpriced, REPORTED: _unreported}


def _by_day(
    scope: Scope, days: Collection[date], calls: Field
) -> Mapping[date, tuple[Uncosted, ...]]:
    columns = DailyUsage.day, DailyUsage.provider, DailyUsage.model
    query = in_scope(DailyUsage.select(*columns, sum_of(calls)), scope)
    query = query.where(DailyUsage.day.in_(days)) if days else query
    found = defaultdict(tuple)
    # Most rows have none, and grouping by text is slow.
    for day, *row in query.where(calls > 0).group_by(*columns).tuples():
        found[day] += (Uncosted(*row),)
    return found
