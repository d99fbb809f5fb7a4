"""The least that an answer costs: one statement on a bare driver, and nothing around it."""

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import date
from pathlib import Path

import cysqlite
import psycopg

with suppress(ImportError):
    import duckdb
ROLLED_UP = """
SELECT user_id, SUM(calls), SUM(prompt_tokens), SUM(completion_tokens) FROM daily_usage
WHERE day BETWEEN '{first}' AND '{last}' GROUP BY user_id ORDER BY 2 DESC, 3 DESC LIMIT 25
"""
NAIVE = """
SELECT user_id, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens) FROM events
WHERE day BETWEEN '{first}' AND '{last}' GROUP BY user_id ORDER BY 2 DESC, 3 DESC LIMIT 25
"""
COLUMNS = "day, user_id, calls, prompt_tokens, completion_tokens"
Ask = Callable[[str, date, date], list]


def bare(url: str) -> Ask:
    """Asks a statement of a SQLite file or PostgreSQL, on one connection that stays open."""
    if url.startswith("sqlite"):
        connection = cysqlite.connect(url.removeprefix("sqlite:///"))
        connection.execute("PRAGMA cache_size = -16000")
    else:
        connection = psycopg.connect(url, autocommit=True)
    return lambda text, first, last: list(connection.execute(text.format(first=first, last=last)))


def duck(url: str, folder: str | Path) -> Ask | None:
    """Asks DuckDB, in memory, with the same daily rows; None where it is not installed."""
    if "duckdb" not in globals():
        return None
    path = Path(folder) / "daily.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(_daily(url))
    connection = duckdb.connect()
    kinds = "day DATE, user_id BIGINT, calls BIGINT, prompt_tokens BIGINT, completion_tokens BIGINT"
    connection.execute(f"CREATE TABLE daily_usage ({kinds})")
    connection.execute(f"COPY daily_usage FROM '{path}'")
    path.unlink()
    return lambda text, first, last: connection.execute(
        text.format(first=first, last=last)
    ).fetchall()


def _daily(url: str) -> Iterator[tuple]:
    with closing(cysqlite.connect(url.removeprefix("sqlite:///"))) as connection:
        yield from connection.execute(f"SELECT {COLUMNS} FROM daily_usage")


def milliseconds(act: Callable[[], object]) -> float:
    """How long that takes."""
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000
