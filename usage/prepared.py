"""Queries of every request, whose SQL is written once: Peewee takes longer than the database."""

from collections.abc import Callable
from functools import cache

from peewee import Query, Value

from models import Table, db

Make = Callable[..., Query]
"""A function of a module that makes a query of some values: all its parameters, in order."""


def rows(make: Make, *values) -> list[tuple]:
    """The rows that a query of these values finds, as the database holds them."""
    return db.execute_sql(_text(make, type(db.obj), len(values)), values).fetchall()


def models(row: tuple, *tables: type[Table]) -> list[Table]:
    """Model instances from a row that holds all fields of these tables, one table after another."""
    values, found = iter(row), []
    for table in tables:
        # Set at once: through Peewee's attributes it takes twice as long.
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
