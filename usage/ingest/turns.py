"""Turns of writers: one at a time on SQLite, on PostgreSQL side by side where that is safe."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_UN, flock
from functools import cache
from re import Pattern
from threading import Condition, Lock
from threading import Event as Signal
from typing import Any, TypeVar

from peewee import OperationalError, PeeweeException
from playhouse.pool import MaxConnectionsExceeded

from models import LONGEST_WAIT, db
from usage.ingest.call_names import linked
from usage.ingest.event import NOBODY, Event

# Of PostgreSQL's advisory lock; any number will do.
LOCK = 7_220_311
IN_LINE = Lock()
PREPARING, LONGEST_DELAY = Lock(), 0.05
# 48 MB. Less often is better: pages that many batches change are then moved only once.
PAGES_AT_ONCE = 12_000
WAITING: "deque[_Job]" = deque()
# So many batches of one commit are enough; the first waits so long for another that is in hand.
ENOUGH, LONGEST_WAIT_FOR_ANOTHER = 2, 0.02
UNDISTURBED = Signal()
UNDISTURBED.set()
Result = TypeVar("Result")


class _InHand:
    """How many batches this process has in hand, those that wait for their turn among them."""

    def __init__(self):
        self._count, self._changed = 0, Condition()

    def add(self, batches: int) -> None:
        """Note that so many more are in hand, or that one of them waits from now on."""
        with self._changed:
            self._count += batches
            self._changed.notify_all()

    def wait_for_another(self) -> None:
        """Wait a moment for one that is not ready yet: one commit takes less time than two."""
        with self._changed:
            self._changed.wait_for(self._is_enough, LONGEST_WAIT_FOR_ANOTHER)

    def _is_enough(self) -> bool:
        return len(WAITING) >= min(ENOUGH, self._count)


IN_HAND = _InHand()


class NotAlone(Exception):
    """Raised when a batch turns out to be safe only while nobody else stores anything."""


def needs_to_be_alone(
    events: Iterable[Event], stand_in: str = "", unsure: Pattern | None = None
) -> bool:
    """True if a batch may hold calls that another has under other ids or people.

    Single calls of named people, known by one id each, are kept apart by the tables' keys. Where
    some names are `unsure`, so is the key's stand-in. Always true on SQLite, where each writer is
    alone anyway.
    """
    if not db.for_update:
        return True
    events = list(events)
    users = {event.user for event in events}
    return (
        NOBODY in users
        or (unsure is not None and (stand_in in users or any(map(unsure.fullmatch, users))))
        or any(linked(event) or event.bucket for event in events)
    )


def take(alone: bool) -> bool:
    """Wait until this transaction may go on, `alone` or not; returns whether it is alone."""
    if not db.for_update:
        return True
    act = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    db.execute_sql(f"SELECT {act}(%s)", (LOCK,))
    return alone


def in_turn(work: Callable[[], Result]) -> Result:
    """Do a transaction's work, on SQLite when its turn comes; returns what the work returns.

    SQLite lets in one writer, has the others retry, and waits for the disk with every commit. So
    writers queue, and whoever's turn it is does the work of all who wait, in one commit.
    Raises what the work raised, or OperationalError after waiting too long.
    """
    if db.for_update:
        return work()
    mine = _Job(work)
    WAITING.append(mine)
    IN_HAND.add(0)
    _wait_in_line(mine)
    try:
        if not mine.done:
            IN_HAND.wait_for_another()
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


@contextmanager
def in_hand() -> Iterator[None]:
    """Where a body becomes a batch and is stored: on SQLite one that is ready may wait for it."""
    IN_HAND.add(1)
    try:
        yield
    finally:
        IN_HAND.add(-1)


@contextmanager
def preparing() -> Iterator[None]:
    """Where a batch is worked out before its turn on SQLite: one at a time in each process.

    Threads share one processor: side by side, none would be ready when the turn is free. Whoever
    waits too long, as for a very large batch, goes on beside the others.
    """
    if db.for_update:
        yield
        return
    first = PREPARING.acquire(timeout=LONGEST_DELAY)
    try:
        yield
    finally:
        if first:
            PREPARING.release()


def give_way() -> None:
    """Wait while another thread of this process stores; at most LONGEST_WAIT seconds.

    Call it before a body is read, and between the steps of a batch.

    Threads share one processor, and all writers wait for the one that stores.
    """
    if not UNDISTURBED.is_set():
        UNDISTURBED.wait(LONGEST_WAIT)


def tidy_up() -> None:
    """Checkpoint SQLite's write-ahead log once it is large enough.

    Call it where nobody waits: otherwise a later commit does it, and takes that much longer.
    """
    if db.for_update:
        return
    # If it can't be done now, the next call will.
    with suppress(PeeweeException, MaxConnectionsExceeded), db.connection_context():
        _, pages, moved = db.execute_sql("PRAGMA wal_checkpoint(NOOP)").fetchone()
        if pages - moved < PAGES_AT_ONCE:
            return
        _, pages, moved = db.execute_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if moved < pages:
            # Only when all of it is moved can the log start over: move the little that is left.
            with IN_LINE, _alone_among_processes():
                db.execute_sql("PRAGMA wal_checkpoint(PASSIVE)")


class _Job:
    """Work in the queue. As a context it catches errors that concern this job alone."""

    def __init__(self, work: Callable[[], Any]):
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> bool:
        self.error = error
        # A busy or full database concerns all jobs.
        return isinstance(error, Exception) and not isinstance(error, OperationalError)


def _wait_in_line(job: _Job) -> None:
    if IN_LINE.acquire(timeout=LONGEST_WAIT):
        return
    try:
        WAITING.remove(job)
    except ValueError:
        # Another thread is doing it right now: wait for the result.
        IN_LINE.acquire()
    else:
        raise OperationalError("database is locked")


def _store_what_waits() -> None:
    """Do all queued jobs in one transaction; none is done before that is committed."""
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
    """A lock on a file: the system wakes the next process at once, where SQLite would poll."""
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
    # An empty file, only there to be locked.
    return os.open(f"{database}-turn", os.O_CREAT | os.O_RDONLY, 0o644)
