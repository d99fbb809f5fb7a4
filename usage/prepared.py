"""Queries that every request asks, written once instead of with each: that takes far longer."""

from collections.abc import Callable
from functools import cache

from peewee import Query, Value

from models import Table, db

Make = Callable[..., Query]
"""A module's function that makes a query of some values; they are all its parameters, in order."""


def rows(make: Make, *values) -> list[tuple]:
    """What is found with these values, all of it as the database holds it."""
    return db.execute_sql(_text(make, type(db.obj), len(values)), values).fetchall()


def models(row: tuple, *tables: type[Table]) -> list[Table]:
    """The rows of several tables that are side by side in one that was found, all their fields."""
    values, found = iter(row), []
    for table in tables:
        # One by one, through the checks of what a program sets, takes twice as long.
        one = table(__no_default__=True)
        one.__data__ = {name: read(next(values)) for name, read in _fields(table)}
        found.append(one)
    return found


@cache
def _fields(table: type[Table]) -> list[tuple[str, Callable]]:
    return [(one.name, one.python_value) for one in table._meta.sorted_fields]


@cache
def _text(make: Make, _kind: type, count: int) -> str:
    text, values = make(*map(Value, range(count))).sql()
    if [str(value) for value in values] != [str(place) for place in range(count)]:
        raise ValueError(f"has other parameters than {count} in order: {text}")
    return text
