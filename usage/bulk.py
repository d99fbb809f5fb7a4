"""Many rows in one statement, written once for each kind instead of value by value."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from peewee import Field, ForeignKeyField, Query

from models import db

ROWS_AT_ONCE = 500

Values = tuple
"""The values of some rows, one after the other."""
Make = Callable[[Sequence[tuple]], Query]
"""A module's function that makes the query for such rows; their values are all its parameters."""


def run(make: Make, fields: Sequence[Field], rows: Iterable[tuple]) -> Iterator[tuple]:
    """Run a query for all rows, some at a time, before this returns; what it found or returned.

    A row has ids where a field is another table's row. Peewee writes the statement for one row
    and it is kept: to build each value into a tree of its own costs six times what the database
    takes to store it.
    """
    found: list[tuple] = []
    for cursor in _executed(make, len(fields), values(fields, rows)):
        found += cursor.fetchall() if cursor.description else []
    return map(tuple, found)


def count(make: Make, fields: Sequence[Field], some: Iterable[Values]) -> int:
    """Run a query for values, as run() does for rows; how many rows it made or changed."""
    return sum(map(db.rows_affected, _executed(make, len(fields), some)))


def values(fields: Sequence[Field], rows: Iterable[tuple]) -> Iterator[Values]:
    """What the rows are to the database: so many at a time as one statement takes."""
    special = [(place, field.db_value) for place, field in enumerate(fields) if _is_special(field)]
    rows = list(rows)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        columns: list[Iterable] = list(zip(*rows[start : start + ROWS_AT_ONCE], strict=True))
        for place, db_value in special:
            columns[place] = map(db_value, columns[place])
        yield tuple(chain.from_iterable(zip(*columns, strict=True)))


def _executed(make: Make, width: int, some: Iterable[Values]) -> Iterator[Any]:
    for one in some:
        yield db.execute_sql(_text(make, type(db.obj), width, len(one) // width), one)


def _is_special(field: Field) -> bool:
    kind = type(field)
    return kind is not ForeignKeyField and kind.db_value is not Field.db_value


@lru_cache(256)
def _text(make: Make, kind: type, width: int, rows: int) -> str:
    before, one, after = _parts(make, kind, width)
    return f"{before}{', '.join([one] * rows)}{after}"


@cache
def _parts(make: Make, _kind: type, width: int) -> tuple[str, str, str]:
    """A statement before, for and after one row; parameters elsewhere would have to be repeated."""
    text, values = make([(None,) * width]).sql()
    one = ", ".join([db.param] * width)
    one = one if width == 1 else f"({one})"
    before, row, after = text.partition(one)
    if not row or len(values) != width or db.param in before + after:
        raise ValueError(f"has other parameters than those of a row: {text}")
    return before, row, after
