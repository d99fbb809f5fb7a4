"""Many rows in one statement, written once for each kind instead of value by value."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from peewee import Field, Query

from models import db

ROWS_AT_ONCE = 500

Make = Callable[[Sequence[tuple]], Query]
"""A module's function that makes the query for such rows; their values are all its parameters."""


def run(make: Make, fields: Sequence[Field], rows: Iterable[tuple]) -> Iterator[tuple]:
    """Run a query for all rows, some at a time, before this returns; what it found or returned.

    Peewee writes the statement for one row and it is kept: to build each value into a tree of its
    own costs six times what the database takes to store it.
    """
    special = [
        (place, field.db_value)
        for place, field in enumerate(fields)
        if type(field).db_value is not Field.db_value
    ]
    found: list[tuple] = []
    rows = list(rows)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        before, one, after = _parts(make, type(db.obj), len(fields))
        text = f"{before}{', '.join([one] * len(some))}{after}"
        cursor = db.execute_sql(text, list(_values(some, special)))
        found += cursor.fetchall() if cursor.description else []
    return map(tuple, found)


def _values(rows: Sequence[tuple], special: Sequence[tuple[int, Callable]]) -> Iterator[object]:
    for row in rows:
        values = list(row)
        for place, db_value in special:
            values[place] = db_value(values[place])
        yield from values


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
