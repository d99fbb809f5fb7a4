"""Whose turn it is to store: one batch at a time on SQLite, side by side on PostgreSQL if safe."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock

from peewee import OperationalError

from models import db
from usage.ingest.event import NOBODY, Event

# Any number, the same in every process.
LOCK = 7_220_311
IN_LINE = Lock()
LONGEST_WAIT = 5


class NotAlone(Exception):
    """What this batch has to do is only safe while nobody else stores anything."""


def needs_to_be_alone(events: Iterable[Event]) -> bool:
    """True when a batch may hold the same calls as another under different ids or people.

    Single calls of named people, known by one id each, are kept apart by the tables' keys.
    """
    return any(event.also or event.span or event.bucket or event.user == NOBODY for event in events)


def take(alone: bool) -> bool:
    """Wait until this transaction may go on, `alone` or beside others; whether it is alone."""
    if not db.for_update:
        return True
    act = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    db.execute_sql(f"SELECT {act}(%s)", (LOCK,))
    return alone


@contextmanager
def queue() -> Iterator[None]:
    """Wait in line for SQLite with the other threads of this process.

    SQLite itself makes writers try again and again, and whoever is unlucky waits for seconds.
    Raises OperationalError, as it does, for whoever waited too long.
    """
    if db.for_update:
        yield
        return
    if not IN_LINE.acquire(timeout=LONGEST_WAIT):
        raise OperationalError("database is locked")
    try:
        yield
    finally:
        IN_LINE.release()
