"""Nothing acknowledged is lost and nothing counted twice: kills, storms, locks, full disks."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from random import Random
from threading import Barrier, Lock, Semaphore

import psycopg
import pytest
import writer
from conftest import NOW, ROOT, SECRET, native, settings
from ledger import Ledger, as_native, daily_rows
from peewee import OperationalError
from playhouse import migrations

import models
from app import create_app
from usage import keys
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.rollups import verify

BUSY = 503


@pytest.fixture
def board(tmp_path):
    """The URL of a SQLite file with the tables of the board."""
    url = f"sqlite:///{tmp_path / 'board.db'}"
    before = models.db.obj
    models.db.initialize(models.connect(url))
    migrations.run(models.db, str(ROOT / "migrations"))
    models.db.close_all()
    yield url
    models.db.close_all()
    models.db.initialize(before)


class Kills:
    """What senders know of their batches, held after every kill against what is stored."""

    def __init__(self, events_of):
        self.events_of = events_of
        self.started = set()
        self.told = set()
        self.own = {}
        self.stored_untold = self.undone = 0

    @property
    def untold(self):
        """Batches that were sent and never acknowledged, in order."""
        return sorted(self.started - self.told)

    def next(self, random):
        """What a restarted sender sends: all that was not acknowledged, some that was, new."""
        again = self.untold + random.sample(sorted(self.told), len(self.told) // 10)
        random.shuffle(again)
        return again, max(self.started, default=0) + 1

    def ids(self, number):
        """The calls that are this batch's alone."""
        if number not in self.own:
            ids = {event.id for event in self.events_of(number)}
            self.own[number] = {one for one in ids if one.startswith(f"{number}-")}
        return self.own[number]

    def check(self):
        """Every batch is stored as a whole or not at all, if acknowledged then as a whole."""
        stored = {event_id for (event_id,) in models.Event.select(models.Event.event_id).tuples()}
        for number in self.started:
            own = self.ids(number)
            assert own <= stored or (number not in self.told and not own & stored)
            self.stored_untold += number not in self.told and own <= stored
            self.undone += not own & stored
        assert verify() == []
        if not models.db.for_update:
            assert models.db.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]

    def check_all(self):
        """After sending again: every event of every batch is counted exactly once."""
        ledger = Ledger(writer.ZONES)
        for number in self.started:
            ledger.take(self.events_of(number))
        assert self.untold == []
        assert daily_rows() == ledger.days()
        assert models.Event.select().count() == len(ledger.kept)
        self.check()
        return ledger


@pytest.mark.parametrize(
    ("app", "seed"), [("sqlite", 1), ("sqlite", 2), ("postgresql", 3)], indirect=["app"]
)
def test_a_writer_killed_22_times_loses_nothing_and_doubles_nothing(app, seed):
    random, kills = Random(seed), Kills(writer.batch)
    moments = [0] * 8 + [random.randrange(1, 100) for _ in range(7)]
    moments += [-random.randrange(1, 9) for _ in range(5)]
    random.shuffle(moments)
    # Batch 1 is first cut off in its transaction, then, sent again, before it is acknowledged.
    moments = [5, -1, *moments]

    with writers() as process:
        for moment in moments:
            write_until_killed(process, moment, kills, random)
            kills.check()
            models.db.close_all()

    assert kills.undone
    assert kills.stored_untold
    for number in [*kills.untold, *kills.started]:
        record(writer.batch(number), writer.ZONES[""], writer.START)
        kills.told.add(number)
    kills.check_all()


@contextmanager
def writers():
    """A process that forks writers; see writer.py."""
    command = [sys.executable, writer.__file__, address()]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=env, text=True, bufsize=1, **pipes) as process:
        yield process
        process.stdin.close()


def write_until_killed(process, moment, kills, random):
    """Let a writer work until it is killed, and note what it told."""
    again, first = kills.next(random)
    print(moment, first, *again, file=process.stdin)
    told = {mark: [] for mark in "#+=!"}
    while not told["!"]:
        mark, *number = process.stdout.readline().strip()
        told[mark].append(int("".join(number)))
        if not moment and mark == "+" and len(told["+"]) == 1:
            time.sleep(random.uniform(0, 0.05))
            os.kill(told["#"][0], signal.SIGKILL)
    assert told["!"] == [-signal.SIGKILL]
    kills.started.update(told["+"])
    kills.told.update(told["="])


def test_a_server_killed_6_times_loses_nothing_and_doubles_nothing(board, tmp_path):
    random, kills = Random(6), Kills(calls_of)
    models.db.connect()
    key = keys.create("gateway", ["ingest", "read"], NOW)
    models.db.close_all()

    for _ in range(6):
        with server(board, tmp_path) as (process, port):
            senders = Senders(port, key, kills, random)
            with ThreadPoolExecutor(4) as pool:
                work = [pool.submit(senders.send_until_cut_off) for _ in range(4)]
                senders.wait_for(random.randrange(1, 40))
                time.sleep(random.uniform(0, 0.02))
                os.killpg(process.pid, signal.SIGKILL)
            assert [one.result() for one in work] == [None] * 4
        kills.check()
        models.db.close_all()

    assert kills.stored_untold + kills.undone
    with server(board, tmp_path) as (process, port):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        for number in [*kills.untold, *random.sample(sorted(kills.told), 20)]:
            assert post(connection, key, number)["rejected"] == 0
            kills.told.add(number)
        path = "/api/v1/leaderboard?from=2025-01-01&to=2025-12-31"
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        totals = json.loads(connection.getresponse().read())["totals"]
        connection.close()
        process.terminate()
        assert process.wait() == 0
    rows = kills.check_all().days().values()
    assert totals["calls"] == sum(row[0] for row in rows)
    assert totals["prompt_tokens"] == sum(row[3] for row in rows)


def address():
    """The URL of the database in use."""
    path = models.db.database
    return path if models.db.for_update else f"sqlite:///{path}"


def calls_of(number):
    """The part of a batch that a sender can say in native events."""
    return [event for event in writer.batch(number) if event.usage_known and not event.replaces]


class Senders:
    """Threads that send over HTTP what was not acknowledged, then new batches."""

    def __init__(self, port, key, kills, random):
        again, first = kills.next(random)
        self.numbers = itertools.chain(again, itertools.count(first))
        self.port, self.key, self.kills = port, key, kills
        self.lock, self.answers = Lock(), Semaphore(0)

    def send_until_cut_off(self):
        """Send one batch after the other, until the server is gone."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        with suppress(OSError, HTTPException), closing(connection):
            while True:
                with self.lock:
                    number = next(self.numbers)
                    self.kills.started.add(number)
                post(connection, self.key, number)
                with self.lock:
                    self.kills.told.add(number)
                self.answers.release()

    def wait_for(self, answers):
        """Return after so many acknowledgements."""
        for _ in range(answers):
            assert self.answers.acquire(timeout=60)


def post(connection, key, number):
    """Send a batch as often as it takes; the account of it."""
    sent = [as_native(event) for event in calls_of(number)]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    status = BUSY
    while status == BUSY:
        connection.request("POST", "/api/v1/events", json.dumps(sent), headers)
        response = connection.getresponse()
        status, text = response.status, response.read()
    assert status == 200, text
    account = json.loads(text)
    assert account["accepted"] + account["duplicates"] == account["received"] == len(sent)
    return account


@contextmanager
def server(board, tmp_path):
    """The real server in a process group of its own, once it answers; and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {
        "DATABASE_URL": board,
        "SECRET_KEY": SECRET,
        "REPORTING_TIMEZONE": writer.ZONES[""],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_WORKERS": "1",
    }
    log = tmp_path / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"],
            cwd=ROOT,
            env=os.environ | env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while not answers(port):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield process, port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port):
    """True when the server there is ready."""
    with suppress(OSError, HTTPException), closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def deliver(client, headers, events):
    """Send events until they are taken; the account, and how often the board was busy."""
    sent = [as_native(event) for event in events]
    busy = 0
    while (
        response := client.post("/api/v1/events", json=sent, headers=headers)
    ).status_code == BUSY:
        assert response.headers["Retry-After"]
        busy += 1
    assert response.status_code == 200, response.text
    assert response.json["rejected"] == 0
    return response.json, busy


def in_threads(count, work):
    """The results of work(0), work(1), … at the same time."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def test_a_storm_of_retries_counts_like_one_sending(app, make_key, make_project):
    make_project("borneo", "Pacific/Kiritimati")
    headers, ledger = make_key("ingest"), Ledger({"borneo": "Pacific/Kiritimati"})
    # Neighbours share calls, and every batch has a new way to spell the same people.
    batches = [
        [e.but(display_name=f"{e.user} {n}") for e in [*calls_of(n), *calls_of(n + 1)[:3]]]
        for n in range(24)
    ]
    storm = batches * 5
    Random(5).shuffle(storm)

    def send(thread):
        client = app.test_client()
        return [deliver(client, headers, batch) for batch in storm[thread::8]]

    answers = [answer for mine in in_threads(8, send) for answer in mine]

    ledger.take(itertools.chain(*batches))
    assert daily_rows() == ledger.days()
    assert sum(account["accepted"] for account, _ in answers) == len(ledger.kept)
    assert verify() == []
    # PostgreSQL lets writers wait for each other: it would only refuse to let them deadlock.
    assert not models.db.for_update or not any(busy for _, busy in answers)


def test_16_writers_of_the_same_10_rows_add_up(app, make_key):
    headers = make_key("ingest")
    rows = [("vera" if n % 2 else "max", f"model-{n}") for n in range(10)]

    def send(thread):
        client, random, busy = app.test_client(), Random(thread), 0
        for turn in range(10):
            events = [
                Event(
                    id=f"{place}-{thread}-{turn}",
                    user=user,
                    model=model,
                    time=NOW - timedelta(minutes=thread * 10 + turn),
                    prompt_tokens=thread * 100 + turn,
                    completion_tokens=1,
                )
                for place, (user, model) in enumerate(random.sample(rows, 10))
            ]
            account, again = deliver(client, headers, events)
            assert account["accepted"] == 10
            busy += again
        return busy

    busy = sum(in_threads(16, send))

    prompt = sum(thread * 100 + turn for thread in range(16) for turn in range(10))
    first = NOW - timedelta(minutes=159)
    found = daily_rows()
    assert {(key[2], key[5]) for key in found} == set(rows)
    assert set(found.values()) == {(160, 0, 0, prompt, 160, 0, 0, 0, 0, 160, 0, 160, first, NOW)}
    assert verify() == []
    assert not models.db.for_update or not busy


def test_growing_records_told_by_8_writers_end_at_the_largest(app):
    tellings = [
        Event(
            id=f"session-{n % 5}",
            user=f"user-{n % 2}",
            model=f"model-{n % 5 % 3}",
            time=NOW - timedelta(hours=n % 10),
            prompt_tokens=n,
            replaces=True,
        )
        for n in range(240)
    ]

    def tell(thread):
        # All grow at the same time, so that nearly every telling replaces another.
        mine = tellings[thread::8]
        with models.db.connection_context():
            for start in range(0, len(mine), 3):
                insist(mine[start : start + 3])

    in_threads(8, tell)

    ledger = Ledger()
    ledger.take(tellings)
    assert daily_rows() == ledger.days()
    assert verify() == []


def insist(events):
    """Record events as soon as SQLite is free; PostgreSQL has to make its writers wait."""
    while True:
        try:
            return record(events, "UTC", NOW)
        except OperationalError:
            if models.db.for_update:
                raise


@pytest.fixture
def impatient(app):
    """The board has one connection, and that waits for locks only a moment."""
    models.db.close_all()
    waits = "SET lock_timeout = 50" if models.db.for_update else "PRAGMA busy_timeout = 50"
    models.db.execute_sql(waits)
    yield
    models.db.close_all()


@contextmanager
def locked():
    """Another program writes to the events and does not come to an end."""
    other = models.connect(address())
    with other.connection_context(), other.atomic() as transaction:
        if models.db.for_update:
            other.execute_sql("LOCK TABLE events IN EXCLUSIVE MODE")
        yield
        transaction.rollback()
    other.close_all()


@pytest.mark.usefixtures("impatient")
def test_a_locked_database_is_busy_for_now_and_works_again_without_a_restart(client, make_key):
    headers = make_key("ingest")
    assert client.post("/api/v1/events", json=native(1), headers=headers).status_code == 200

    with locked():
        for _ in range(3):
            response = client.post("/api/v1/events", json=native(2), headers=headers)
            assert (response.status_code, response.headers["Retry-After"]) == (BUSY, "1")
            assert "busy" in response.json["error"]["message"]
        assert client.get("/leaderboard").status_code == 200
        assert client.get("/readyz").status_code == 200

    again = [native(1), native(2)]
    account = client.post("/api/v1/events", json=again, headers=headers).json
    assert (account["accepted"], account["duplicates"]) == (1, 1)
    assert [row[0] for row in daily_rows().values()] == [2]
    assert verify() == []


@pytest.mark.usefixtures("impatient")
def test_a_recount_does_not_wait_for_who_writes(make_usage):
    make_usage("ada")

    with locked():
        assert verify() == []


def test_no_connection_waits_for_a_lock_for_ever(app):
    if models.db.for_update:
        names = ("lock_timeout",)
        limits = [models.db.execute_sql(f"SHOW {name}").fetchone()[0] for name in names]
    else:
        limits = models.db.execute_sql("PRAGMA busy_timeout").fetchone()

    assert set(limits) - {"0", 0}


def test_a_full_disk_is_busy_for_now_keeps_nothing_half_and_is_logged(board, caplog):
    client = create_app(settings(database_url=board)).test_client()
    headers = {"X-API-Key": keys.create("gateway", ["ingest"], NOW)}
    events = [native(n, model=f"model-{n}") for n in range(2000)]
    models.db.execute_sql("PRAGMA max_page_count = 1")

    for _ in range(3):
        response = client.post("/api/v1/events", json=events, headers=headers)
        assert (response.status_code, response.headers["Retry-After"]) == (BUSY, "1")
        assert not models.Event.select().exists()
        assert not models.User.select().exists()

    assert caplog.text.count("disk is full") == 3
    models.db.execute_sql("PRAGMA max_page_count = 100000")
    assert client.post("/api/v1/events", json=events, headers=headers).json["accepted"] == 2000
    assert verify() == []


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_either_name_of_postgresql_leads_to_the_same_server(app, postgres):
    other = models.connect(postgres.replace("postgresql://", "postgres://"))

    tables = other.get_tables()

    other.close_all()
    assert tables == models.db.get_tables()


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_connections_that_broke_are_made_anew(app, make_key, postgres):
    headers = make_key("ingest")

    def send(thread):
        client = app.test_client()
        together.wait()
        return client.post("/api/v1/events", json=native(thread), headers=headers).status_code

    together = Barrier(4)
    assert in_threads(4, send) == [200] * 4
    with psycopg.connect(postgres, autocommit=True) as other:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        other.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")

    client = app.test_client()
    sent = [client.post("/api/v1/events", json=native(n), headers=headers) for n in range(4, 20)]

    statuses = [response.status_code for response in sent]
    assert set(statuses[:6]) <= {200, BUSY}
    assert set(statuses[6:]) == {200}
    assert models.Event.select().count() == 4 + statuses.count(200)
    assert verify() == []
