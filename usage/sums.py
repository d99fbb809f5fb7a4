"""A scope's usage by day and by dimension, from which an overview is put together."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from operator import add
from typing import NamedTuple

from models import DailyUsage, db
from usage.daily import in_scope, sums
from usage.scope import Scope

PROJECT, SOURCE, SERVED, TEST_TYPE = KEPT = ("project", "source", "served", "test_type")
"""The dimensions; an entry of SERVED is a pair of provider and model."""
COLUMNS = (
    DailyUsage.project_id,
    DailyUsage.source,
    DailyUsage.provider,
    DailyUsage.model,
    DailyUsage.test_type,
)
Sums = Mapping[object, Sequence[int]]
"""COUNTERS by the entries of one dimension."""


class Sum(NamedTuple):
    """What one entry of a dimension comes to."""

    dimension: str
    key: object
    counters: Sequence[int]


def by_day(scope: Scope, days: Collection[date] = ()) -> dict[date, tuple[Sum, ...]]:
    """The sums of each day of the scope with usage, or of some of its days, in one query."""
    query = in_scope(DailyUsage.select(DailyUsage.day, *COLUMNS, *sums()), scope)
    query = query.where(DailyUsage.day.in_(days)) if days else query
    if db.for_update and not days:
        # PostgreSQL expects far more sums than there are, and would sort all the rows on disk.
        db.execute_sql("SET LOCAL enable_sort = off")
    found: dict[object, dict] = defaultdict(dict)
    for day, project, source, provider, model, test_type, *counters in db.execute(
        query.group_by(DailyUsage.day, *COLUMNS)
    ):
        _add(found[day], (PROJECT, project), counters)
        _add(found[day], (SOURCE, source), counters)
        _add(found[day], (SERVED, (provider, model)), counters)
        _add(found[day], (TEST_TYPE, test_type), counters)
    # Row by row, Peewee would read the same few days over and over.
    day_of = cache(DailyUsage.day.python_value)
    return {
        day_of(day): tuple(Sum(*key, counters) for key, counters in entries.items())
        for day, entries in found.items()
    }


def all_days(days: Iterable[tuple[Sum, ...]]) -> Mapping[str, Sums]:
    """The sums of all these days by dimension, also by provider alone and by model alone."""
    found: dict[str, dict[object, list[int]]] = {name: {} for name in (*KEPT, "provider", "model")}
    for rows in days:
        for dimension, key, counters in rows:
            _add(found[dimension], key, counters)
    for (provider, model), counters in found[SERVED].items():
        _add(found["provider"], provider, counters)
        _add(found["model"], model, counters)
    return found


def total(rows: Iterable[Sum]) -> list[int]:
    """The COUNTERS of a day."""
    columns = zip(*(row.counters for row in rows if row.dimension == SOURCE), strict=True)
    return [sum(column) for column in columns]


def _add(found: dict, key: object, counters: Sequence[int]) -> None:
    held = found.get(key)
    found[key] = list(map(add, held, counters)) if held else list(counters)
