"""Many rows in one statement, written once for each shape instead of value by value."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from peewee import Database, Field, Insert

from models import InstantField, Table, db

ROWS_AT_ONCE = 500
TUPLE = re.compile(r"VALUES (\([^()]*\))")
Finish = Callable[[Insert], Insert]
"""What an insert does on a conflict, and what it returns."""


def insert(
    table: type[Table], fields: Sequence[Field], rows: Iterable[Sequence], finish: Finish
) -> list[tuple]:
    """Insert rows of values in the order of the fields; what the statements return.

    Peewee writes the statement for one row, and it is kept: building each value into a tree of its
    own costs six times what the database takes to store it.
    """
    moments = [place for place, field in enumerate(fields) if isinstance(field, InstantField)]
    made: list[tuple] = []
    rows = list(rows)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        values: list[object] = []
        for row in some:
            row = list(row)
            for place in moments:
                row[place] = fields[place].db_value(row[place])
            values += row
        cursor = db.execute_sql(_statement(db.obj, table, tuple(fields), finish, len(some)), values)
        made += cursor.fetchall() if cursor.description else []
    return made


@cache
def _statement(
    _database: Database, table: type[Table], fields: tuple[Field, ...], finish: Finish, count: int
) -> str:
    sql, values = finish(table.insert_many([(None,) * len(fields)], fields=fields)).sql()
    # Values of its own after those of the row would have to be repeated as well.
    assert len(values) == len(fields), sql
    row = TUPLE.search(sql)
    return sql[: row.start(1)] + ", ".join([row[1]] * count) + sql[row.end(1) :]
