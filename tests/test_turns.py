"""usage/ingest/turns.py - those who wait for SQLite are stored together, each with its own fate."""

import json
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_UN, flock
from io import BytesIO
from threading import Semaphore
from time import monotonic

import cysqlite
import pytest
from conftest import NOW, ON_ONE_DATABASE, account, native
from peewee import OperationalError

import models
from usage import audit, projects
from usage.ingest import turns
from usage.ingest.batches import Batch

pytestmark = [ON_ONE_DATABASE, pytest.mark.usefixtures("app")]


def makes(name, error=None):
    """Work that makes a project, or fails after that."""

    def work():
        with models.db.atomic():
            project = projects.create(name, "UTC", NOW)
            if error:
                raise error
            return project.slug

    return work


def slugs():
    """The projects there are."""
    return sorted(slug for (slug,) in models.Project.select(models.Project.slug).tuples())


@contextmanager
def stored_together(*works):
    """Does the works in threads of their own, all of which wait in line until the context ends."""
    with ThreadPoolExecutor(len(works)) as pool:
        with turns.IN_LINE:
            done = [pool.submit(in_its_own_connection, work) for work in works]
            while len(turns.WAITING) < len(works):
                assert not wait(done, timeout=0.001).done
            yield done
        wait(done)


def in_its_own_connection(work):
    with models.db.connection_context():
        return turns.in_turn(work)


@pytest.fixture
def commits(monkeypatch):
    """Every commit from now on."""
    made, commit = [], models.db.obj.commit
    monkeypatch.setattr(models.db.obj, "commit", lambda: made.append(commit()))
    return made


def test_all_who_wait_are_stored_with_one_commit(commits):
    with stored_together(*map(makes, "abc")) as done:
        assert slugs() == []

    assert [one.result() for one in done] == ["a", "b", "c"]
    assert slugs() == ["a", "b", "c"]
    assert len(commits) == 1


def begun(work):
    """Work of a batch in hand."""

    def in_hand():
        with turns.in_hand():
            return in_its_own_connection(work)

    return in_hand


@pytest.fixture
def patient(monkeypatch):
    """Whoever is ready waits for another as long as it takes."""
    monkeypatch.setattr(turns, "LONGEST_WAIT_FOR_ANOTHER", 60)


@pytest.mark.usefixtures("patient")
def test_what_is_ready_waits_for_another_in_hand_and_shares_its_commit(commits):
    with ThreadPoolExecutor(1) as pool, turns.in_hand():
        first = pool.submit(begun(makes("a")))
        assert not wait([first], timeout=0.1).done
        assert turns.in_turn(makes("b")) == "b"

    assert first.result() == "a"
    assert len(commits) == 1


@pytest.mark.usefixtures("patient")
def test_nobody_waits_for_what_is_refused_before_its_turn(commits):
    with ThreadPoolExecutor(1) as pool:
        with suppress(ValueError), turns.in_hand():
            first = pool.submit(begun(makes("a")))
            assert not wait([first], timeout=0.1).done
            raise ValueError("a body that can't be read")

        assert first.result(timeout=30) == "a"
    assert begun(makes("b"))() == "b"
    assert len(commits) == 2


def test_nobody_waits_long_for_another_in_hand(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_WAIT_FOR_ANOTHER", 0.001)

    with turns.in_hand():
        assert begun(makes("a"))() == "a"


def test_what_fails_takes_no_other_along():
    with stored_together(makes("a"), makes("b", KeyError("b")), makes("c")) as (a, b, c):
        pass

    assert isinstance(b.exception(), KeyError)
    assert [a.result(), c.result()] == ["a", "c"]
    assert slugs() == ["a", "c"]


def test_nobody_is_told_of_what_was_not_committed(monkeypatch):
    def full():
        raise OperationalError("database or disk is full")

    with stored_together(*map(makes, "abc")) as done, monkeypatch.context() as broken:
        broken.setattr(models.db.obj, "commit", full)
        turns.IN_LINE.release()
        wait(done)
        turns.IN_LINE.acquire()

    assert [type(one.exception()) for one in done] == [OperationalError] * 3
    assert slugs() == []
    assert turns.in_turn(makes("d")) == "d"


def test_a_full_disk_is_full_for_all():
    with stored_together(makes("a"), makes("b", OperationalError("full")), makes("c")) as done:
        pass

    assert [type(one.exception()) for one in done] == [OperationalError] * 3
    assert slugs() == []


def test_whoever_waits_too_long_is_told_to_come_back(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_WAIT", 0.001)

    with turns.IN_LINE, pytest.raises(OperationalError, match="locked"):
        turns.in_turn(makes("a"))

    assert turns.in_turn(makes("b")) == "b"
    assert slugs() == ["b"]


def test_whoever_is_being_stored_waits_for_what_comes_of_it(monkeypatch):
    class Line:
        """Comes too late for its timeout: somebody takes the work along, and then tells of it."""

        def acquire(self, timeout=None):
            if timeout:
                self.taken = turns.WAITING.popleft()
                return False
            self.taken.done, self.taken.result = True, "stored by another"
            return True

        def release(self):
            pass

    monkeypatch.setattr(turns, "IN_LINE", Line())

    assert turns.in_turn(makes("a")) == "stored by another"


def test_who_reads_a_batch_gives_way_to_who_stores():
    with ThreadPoolExecutor(1) as pool:

        def work():
            reading = pool.submit(turns.give_way)
            assert not wait([reading], timeout=0.05).done
            return reading

        assert turns.in_turn(work).result(timeout=5) is None
        # With nobody who stores, nothing is waited for.
        turns.give_way()


def test_a_body_is_read_only_after_giving_way(anonymous, make_key, monkeypatch):
    body, read = BytesIO(json.dumps(native(1)).encode()), []
    monkeypatch.setattr(turns, "give_way", lambda: read.append(body.tell()))
    sent = {"input_stream": body, "content_type": "application/json", "headers": make_key("ingest")}
    sent["content_length"] = len(body.getvalue())

    assert account(anonymous.post("/api/v1/events", **sent)) == (200, 1, 0, 0)
    assert read[0] == 0 < read[-1]


@pytest.mark.parametrize("address", ["/api/v1/events", "/ingest/litellm", "/v1/traces"])
@pytest.mark.parametrize("body", [b"[]", b"{"])
def test_what_is_sent_is_in_hand_until_it_is_stored_or_refused(
    anonymous, make_key, monkeypatch, address, body
):
    told = []
    monkeypatch.setattr(turns.IN_HAND, "add", told.append)
    sent = {"data": body, "content_type": "application/json", "headers": make_key("ingest")}

    anonymous.post(address, **sent)

    assert (told[0], told[-1], sum(told)) == (1, -1, 0)


@pytest.mark.parametrize("failing", [False, True])
def test_batches_are_worked_out_one_after_the_other(monkeypatch, failing):
    monkeypatch.setattr(turns, "LONGEST_DELAY", 5)
    order = []

    def prepare(name):
        with turns.preparing():
            order.append(name)

    with ThreadPoolExecutor(1) as pool, suppress(ValueError), turns.preparing():
        second = pool.submit(prepare, "second")
        assert not wait([second], timeout=0.05).done
        order.append("first")
        if failing:
            raise ValueError("wrong")
    second.result(timeout=5)

    assert order == ["first", "second"]
    assert not turns.PREPARING.locked()


def test_a_batch_is_worked_out_while_no_other_is(monkeypatch, send):
    held = []
    monkeypatch.setattr(Batch, "guessed", lambda *_: held.append(turns.PREPARING.locked()))

    assert account(send(native(1))) == (200, 1, 0, 0)
    assert held == [True]


def test_a_batch_does_not_wait_for_ever_for_a_large_one(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_DELAY", 0.001)

    def prepare():
        with turns.preparing():
            return "ready"

    with ThreadPoolExecutor(1) as pool, turns.preparing():
        assert pool.submit(prepare).result(timeout=5) == "ready"
    assert not turns.PREPARING.locked()


def test_nobody_gives_way_to_what_failed():
    with pytest.raises(ValueError, match="wrong"):
        turns.in_turn(makes("a", error=ValueError("wrong")))

    assert turns.UNDISTURBED.is_set()


def test_other_processes_stand_in_the_same_line():
    # A file that is opened twice is locked as if by two processes.
    with open(f"{models.db.database}-turn", "ab") as file, ThreadPoolExecutor(1) as pool:
        flock(file, LOCK_EX)
        done = pool.submit(in_its_own_connection, makes("a"))
        assert not wait([done], timeout=0.05).done
        flock(file, LOCK_UN)
        assert done.result() == "a"


@contextmanager
def others_writing():
    """SQLite lets nobody write until the context ends."""
    with closing(cysqlite.connect(models.db.database)) as others:
        others.begin("immediate")
        try:
            yield
        finally:
            others.rollback()


def one_statement():
    """A write without a transaction around it."""
    audit.note("looked", NOW, "vera")


def one_transaction():
    """A write that begins with a transaction."""
    with models.db.atomic():
        one_statement()


@pytest.mark.parametrize("write", [one_statement, one_transaction])
def test_who_writes_without_a_turn_looks_again_until_others_are_done(monkeypatch, write):
    looks = Semaphore(0)
    monkeypatch.setattr(models, "monotonic", lambda: looks.release() or monotonic())

    def in_its_own_connection():
        with models.db.connection_context():
            write()

    with ThreadPoolExecutor(1) as pool:
        with others_writing():
            done = pool.submit(in_its_own_connection)
            # Who looks asks for the time before, and each time that others are found.
            assert all(looks.acquire(timeout=10) for _ in range(4))
        done.result()

    assert audit.entries()[1] == 1


@pytest.mark.parametrize("write", [one_statement, one_transaction])
def test_who_looks_too_long_is_told_to_come_back(monkeypatch, write):
    monkeypatch.setattr(models, "LONGEST_WAIT", 0)

    with others_writing(), pytest.raises(OperationalError, match="locked"):
        write()

    assert audit.entries()[1] == 0


def test_a_line_that_can_not_be_stood_in_is_busy(monkeypatch):
    monkeypatch.setattr(models.db.obj, "database", "/no/such/folder/board.db")

    with pytest.raises(OperationalError, match="no turn"):
        turns.in_turn(makes("a"))


def test_the_log_is_moved_to_the_file_after_the_answer(monkeypatch, send):
    assert account(send(native(1))) == (200, 1, 0, 0)
    assert left_in_the_log() > 0

    monkeypatch.setattr(turns, "PAGES_AT_ONCE", 1)
    response = send(native(2))
    assert left_in_the_log() > 0
    response.close()

    assert left_in_the_log() == 0


def left_in_the_log():
    _, pages, moved = models.db.execute_sql("PRAGMA wal_checkpoint(NOOP)").fetchone()
    return pages - moved
