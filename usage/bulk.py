"""Statements for many rows, whose SQL is written once and kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from peewee import EXCLUDED, Case, Expression, Field, ForeignKeyField, Query, Tuple, ValuesList

from models import db

ROWS_AT_ONCE = 500

Values = tuple
"""The values of some rows, one row after another: the parameters of one statement."""
Make = Callable[[Sequence[tuple]], Query]
"""A function of a module that makes a query of rows; it has no other parameters than these."""


def run(make: Make, fields: Sequence[Field], rows: Iterable[tuple]) -> Iterator[tuple]:
    """Run a query for all rows, some at a time; returns the rows that it selects or returns.

    All of it is done before this returns. Foreign keys are given as ids. Peewee writes the SQL for
    one row, which is kept: it would need six times as long as the database, value by value.
    """
    found: list[tuple] = []
    for cursor in _executed(make, len(fields), values(fields, rows)):
        found += cursor.fetchall() if cursor.description else []
    return map(tuple, found)


def count(make: Make, fields: Sequence[Field], batches: Iterable[Values]) -> int:
    """Run a query for batches from values(); returns how many rows it inserted or changed."""
    return sum(map(db.rows_affected, _executed(make, len(fields), batches)))


def values(fields: Sequence[Field], rows: Iterable[tuple]) -> Iterator[Values]:
    """The rows as the database stores them, in batches of one statement each."""
    special = [(place, field.db_value) for place, field in enumerate(fields) if _is_special(field)]
    rows = list(rows)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        stored = list(chain.from_iterable(rows[start : start + ROWS_AT_ONCE]))
        for place, db_value in special:
            stored[place :: len(fields)] = map(db_value, stored[place :: len(fields)])
        yield tuple(stored)


def among(columns: Sequence[Field], rows: Iterable[Sequence]) -> Expression:
    """True where the columns together hold one of these rows, on every database."""
    return Tuple(*columns).in_(ValuesList(list(rows)))


def added(fields: Iterable[Field]) -> dict[str, Expression]:
    """An ON CONFLICT that adds to what a row holds what an insert brings."""
    return {field.name: field + _brought(field) for field in fields}


def earlier(field: Field) -> Case:
    """The lesser of what a row holds and what an insert brings."""
    return Case(None, [(_brought(field) < field, _brought(field))], field)


def later(field: Field) -> Case:
    """The greater of what a row holds and what an insert brings."""
    return Case(None, [(_brought(field) > field, _brought(field))], field)


def _brought(field: Field) -> Expression:
    return getattr(EXCLUDED, field.name)


def _executed(make: Make, width: int, batches: Iterable[Values]) -> Iterator[Any]:
    for batch in batches:
        yield db.execute_sql(_text(make, type(db.obj), width, len(batch) // width), batch)


def _is_special(field: Field) -> bool:
    kind = type(field)
    return kind is not ForeignKeyField and kind.db_value is not Field.db_value


@lru_cache(256)
def _text(make: Make, kind: type, width: int, rows: int) -> str:
    before, one, after = _parts(make, kind, width)
    return f"{before}{', '.join([one] * rows)}{after}"


@cache
def _parts(make: Make, _kind: type, width: int) -> tuple[str, str, str]:
    """The SQL before, for and after one row. Raises ValueError for parameters anywhere else."""
    text, values = make([(None,) * width]).sql()
    one = ", ".join([db.param] * width)
    one = one if width == 1 else f"({one})"
    before, row, after = text.partition(one)
    if not row or len(values) != width or db.param in before + after:
        raise ValueError(f"has other parameters than those of a row: {text}")
    return before, row, after
