"""Whose turn it is to store: one batch at a time on SQLite, side by side on PostgreSQL if safe."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_UN, flock
from functools import cache
from threading import Event as Signal
from threading import Lock
from typing import Any, TypeVar

from peewee import OperationalError, PeeweeException
from playhouse.pool import MaxConnectionsExceeded

from models import db
from usage.ingest.event import NOBODY, Event

# Any number, the same in every process.
LOCK = 7_220_311
IN_LINE, LONGEST_WAIT = Lock(), 5
# 48 MB: what many batches change, like the upper pages of an index, is moved once.
PAGES_AT_ONCE = 12_000
WAITING: "deque[_Job]" = deque()
UNDISTURBED = Signal()
UNDISTURBED.set()
Result = TypeVar("Result")


class NotAlone(Exception):
    """What this batch has to do is only safe while nobody else stores anything."""


def needs_to_be_alone(events: Iterable[Event]) -> bool:
    """True when a batch may hold the same calls as another under different ids or people.

    Single calls of named people, known by one id each, are kept apart by the tables' keys.
    """
    return any(
        (event.also or event.span or event.parent_span or event.alike or event.bucket)
        or event.user == NOBODY
        for event in events
    )


def take(alone: bool) -> bool:
    """Wait until this transaction may go on, `alone` or beside others; whether it is alone."""
    if not db.for_update:
        return True
    act = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    db.execute_sql(f"SELECT {act}(%s)", (LOCK,))
    return alone


def in_turn(work: Callable[[], Result]) -> Result:
    """Do work that is atomic in itself, on SQLite when its turn comes; returns what it returns.

    SQLite lets one writer in, makes the others try again and again, and waits for the disk with
    every commit: so they stand in line, and whoever's turn it is stores for all who wait.
    Raises what work raised, or OperationalError for whoever waited too long.
    """
    if db.for_update:
        return work()
    mine = _Job(work)
    WAITING.append(mine)
    _wait_in_line(mine)
    try:
        if not mine.done:
            _store_what_waits()
    finally:
        with suppress(ValueError):
            WAITING.remove(mine)
        IN_LINE.release()
    if mine.error:
        raise mine.error
    if not mine.done:
        raise OperationalError("whoever took it along was ended in the middle of it")
    return mine.result


def give_way() -> None:
    """Wait while this process stores: belongs between the records of a batch that is read.

    Two threads that compute share one processor, and everyone waits for the one that stores.
    """
    if not UNDISTURBED.is_set():
        UNDISTURBED.wait(LONGEST_WAIT)


def tidy_up() -> None:
    """Move what SQLite has committed from its log to its file, once that is worth while.

    Belongs where nobody waits for it: the next commit would do it, and take as long.
    """
    if db.for_update:
        return
    # Whatever is in the way now, the next one may find gone.
    with suppress(PeeweeException, MaxConnectionsExceeded), db.connection_context():
        _, pages, moved = db.execute_sql("PRAGMA wal_checkpoint(NOOP)").fetchone()
        if pages - moved < PAGES_AT_ONCE:
            return
        _, pages, moved = db.execute_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if moved < pages:
            # The log begins anew only when all of it was moved: the rest is little by now.
            with IN_LINE, _alone_among_processes():
                db.execute_sql("PRAGMA wal_checkpoint(PASSIVE)")


class _Job:
    """What somebody waits for. As a context it keeps an error that is no one else's."""

    def __init__(self, work: Callable[[], Any]):
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> bool:
        self.error = error
        # A database that is busy or full is so for all.
        return isinstance(error, Exception) and not isinstance(error, OperationalError)


def _wait_in_line(job: _Job) -> None:
    if IN_LINE.acquire(timeout=LONGEST_WAIT):
        return
    try:
        WAITING.remove(job)
    except ValueError:
        # Somebody stores it right now: only they can tell what comes of it.
        IN_LINE.acquire()
    else:
        raise OperationalError("database is locked")


def _store_what_waits() -> None:
    """All of it in one transaction; nothing is done before that is committed."""
    with _alone_among_processes():
        jobs = [WAITING.popleft() for _ in range(len(WAITING))]
        UNDISTURBED.clear()
        try:
            with db.atomic():
                for job in jobs:
                    with job:
                        job.result = job.work()
        except OperationalError as error:
            for job in jobs:
                job.error = error
        finally:
            UNDISTURBED.set()
        for job in jobs:
            job.done = True


@contextmanager
def _alone_among_processes() -> Iterator[None]:
    """The system wakes the next process at once, where SQLite would let it sleep for a while."""
    try:
        file = _file(db.database)
        flock(file, LOCK_EX)
    except OSError as error:
        raise OperationalError(f"no turn: {error}") from error
    try:
        yield
    finally:
        flock(file, LOCK_UN)


@cache
def _file(database: str) -> int:
    # To be locked is all it is for, whoever made it.
    return os.open(f"{database}-turn", os.O_CREAT | os.O_RDONLY, 0o644)
