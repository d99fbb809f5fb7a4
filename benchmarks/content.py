"""A year of an organisation's usage, put straight into the tables as record() would leave them."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import NamedTuple

import cysqlite
import psycopg

from models import EPOCH, MICROSECOND, Event, Project, User
from usage.ingest.event import SOURCES

AT_ONCE = 20_000
PROJECTS = ("checkout", "storefront", "search", "docs", "mobile")
MODELS = ("gpt-4.1", "gpt-4.1-mini", "o3", "gpt-5", "gpt-5-codex")
TEST_TYPES = ("Unit Tests", "UI Tests", "API Tests", "")
IDLE = "idle"
RECENT = 30
# In ten days, so many rows of a person: 36 in the last 30 days, as in the issue that set the goals.
RECENT_ROWS = 12


class Size(NamedTuple):
    """How much there is: people, days, rows of a person in ten earlier days, calls of a row."""

    people: int
    days: int = 365
    earlier_rows: int = 4
    calls_a_row: int = 1


def fill(url: str, size: Size, today: date) -> int:
    """Put people, projects and calls into a migrated, empty database; returns how many calls."""
    return (_fill_sqlite if url.startswith("sqlite") else _fill_postgres)(url, size, today)


def username(number: int) -> str:
    """The name of the person of that number, from 1."""
    return f"person-{number:05}@example.com"


def rows(size: Size, today: date) -> Iterator[dict]:
    """The calls by day; whoever works at all does so for one project, mostly in one way."""
    count = 0
    for ago in reversed(range(size.days)):
        day = today - timedelta(days=ago)
        start = (datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH) // MICROSECOND
        tenths = RECENT_ROWS if ago < RECENT else size.earlier_rows
        for person in range(1, size.people + 1):
            for row in range((tenths + (person * 7 + ago * 3) % 10) // 10):
                for call in range(size.calls_a_row):
                    count += 1
                    yield _call(count, person, day, start + call * 10**6, row)


def _call(number: int, person: int, day: date, moment: int, row: int) -> dict:
    mixed = (number * 2_654_435_761 + person * 40_503) % 2**32
    return {
        "user": person,
        "event_id": f"chatcmpl-{number:012x}-{mixed:08x}",
        "time": moment + mixed % 36_000 * 10**6,
        "day": day.isoformat(),
        "project_id": person % len(PROJECTS) + 1,
        "source": SOURCES[(person + row) % 4],
        "provider": "openai",
        "model": MODELS[(person + row) % len(MODELS)],
        "test_type": TEST_TYPES[person % len(TEST_TYPES)],
        "prompt_tokens": 200 + mixed % 40_000,
        "completion_tokens": 10 + mixed % 4_000,
        "cache_read_tokens": mixed % 100,
        "reasoning_tokens": mixed % 10,
    }


def _people(size: Size) -> Iterator[dict]:
    for id in range(1, size.people + 1):
        name = {"username": username(id), "display_name": f"Person {id}"}
        yield {"id": id, "created_at": 0} | name


def _projects() -> Iterator[dict]:
    for id, slug in enumerate((*PROJECTS, IDLE), start=1):
        yield {"id": id, "slug": slug, "name": slug.title(), "timezone": "UTC", "created_at": 0}


Put = Callable[[str, str, list[tuple]], object]


def _fill_all(size: Size, today: date, put: Put) -> int:
    _put_all(User, _people(size), put)
    _put_all(Project, _projects(), put)
    return _put_all(Event, rows(size, today), put)


def _put_all(table: type, made: Iterator[dict], put: Put) -> int:
    """Put rows into a table, defaults filled in; returns how many."""
    fields, count = table._meta.sorted_fields, 0
    columns = ", ".join(field.column_name for field in fields)
    while some := list(islice(made, AT_ONCE)):
        values = [tuple(row.get(field.name, field.default) for field in fields) for row in some]
        put(table._meta.table_name, columns, values)
        count += len(some)
    return count


def _fill_sqlite(url: str, size: Size, today: date) -> int:
    connection = cysqlite.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")

    def put(table: str, columns: str, some: list[tuple]) -> None:
        marks = ", ".join("?" * len(some[0]))
        with connection.atomic():
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", some)

    count = _fill_all(size, today, put)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return count


def _fill_postgres(url: str, size: Size, today: date) -> int:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:

        def put(table: str, columns: str, some: list[tuple]) -> None:
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in some:
                    copy.write_row(row)

        count = _fill_all(size, today, put)
        for table in ("users", "projects"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), MAX(id)) FROM {table}"
            )
    return count


def settle(url: str) -> None:
    """What a database does for itself in a quiet hour, done before anything is measured."""
    if url.startswith("sqlite"):
        connection = cysqlite.connect(url.removeprefix("sqlite:///"))
        connection.execute("ANALYZE")
        connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
    # What was filled in is not on its way to the disk any longer, in the way of what is measured.
    os.sync()
