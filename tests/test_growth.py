"""flask copy-to and distribute - a board moves to PostgreSQL, and spreads over Citus."""

from datetime import timedelta
from threading import Thread
from urllib.parse import urlsplit

import pytest
from conftest import NOW, ON_ONE_DATABASE, ROOT
from playhouse import migrations

import models
from models import Budget, User
from models import Event as Stored
from usage import accounts, copying, distribution, merging, pruning
from usage.ingest.event import Event
from usage.ingest.record import Outcome, record
from usage.rollups import verify

TABLES = models.TABLES
pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch):
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 4)


@pytest.fixture
def target(app, apps, postgres):
    """The URL of a migrated, empty PostgreSQL database; the board stays where it is."""
    source = models.db.obj
    _, database = apps("postgresql")
    names = ", ".join(table._meta.table_name for table in TABLES)
    database.execute_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    database.execute_sql("DROP TABLE IF EXISTS copy_of")
    models.db.initialize(source)
    yield postgres
    database.close()


@pytest.fixture
def there(apps):
    """Makes the copy the board that is asked from now on."""
    return lambda: models.db.initialize(apps("postgresql")[1])


def call(number, user="vera", **fields):
    return Event(id=f"call-{number}", user=user, time=NOW, prompt_tokens=10, **fields)


def other_database(url, name):
    """The URL of another database of the same server."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{name}").geturl()


def fill():
    """A board on which a little of everything happened."""
    accounts.create_user("ada", NOW, role="super_admin")
    some = [call(n, project="Café ☕", also=(f"req-{n}",), failed=n % 3 == 0) for n in range(6)]
    record([*some, call(7, "vm"), call(8, "max", bucket=True, calls=4)], "UTC", NOW)
    merging.merge("vm", "vera", NOW)
    pruning.begin(NOW.date() - timedelta(days=9), NOW)


def everything():
    """All rows of all tables, as Python values."""
    return {table._meta.table_name: sorted(map(repr, table.select().tuples())) for table in TABLES}


def copied(run, target):
    """Copy, and expect that it went well."""
    code, out, told = run("copy-to", target)
    assert (code, told) == (0, "")
    return out


@ON_ONE_DATABASE
def test_the_copy_is_the_board_row_by_row_and_goes_on_as_one(run, target, there):
    fill()
    out = copied(run, target)
    rows = everything()
    there()

    assert everything() == rows
    assert verify() == []
    assert "events: 8 rows, all equal\n" in out
    assert out.endswith("Next: start the servers with DATABASE_URL set to the new database.\n")
    assert not models.db.table_exists("copy_of")
    assert record([call(1), call(20, "new")], "UTC", NOW) == [Outcome.DUPLICATE, Outcome.ACCEPTED]
    assert User.select().order_by(User.id.desc()).get().username == "new"


@ON_ONE_DATABASE
@pytest.mark.parametrize(("table", "step"), [("events", 2), ("daily_usage", 1)])
def test_interrupted_it_goes_on_and_follows_what_changed_meanwhile(
    run, target, there, monkeypatch, table, step
):
    fill()
    insert, steps = copying._insert, []

    def fail(database, layout, rows):
        steps.append(layout.name)
        if steps.count(table) == step:
            raise KeyboardInterrupt
        insert(database, layout, rows)

    monkeypatch.setattr(copying, "_insert", fail)
    assert run("copy-to", target)[0] == 1
    monkeypatch.setattr(copying, "_insert", insert)
    record([call(0, project="other"), call(30)], "UTC", NOW)
    merging.part("vm")
    merging.merge("max", "vera", NOW)
    Stored.delete().where(Stored.event_id == "call-1").execute()

    copied(run, target)
    rows = everything()
    there()
    assert everything() == rows


@ON_ONE_DATABASE
def test_whoever_comes_while_it_copies_comes_along(run, target, there, monkeypatch):
    fill()
    insert, came = copying._insert, []

    def come():
        with models.db.connection_context():
            came.extend(record([call(n, user="new") for n in range(40, 50)], "UTC", NOW))

    def insert_while_somebody_comes(database, layout, rows):
        if layout.name == "events" and not came:
            somebody = Thread(target=come)
            somebody.start()
            somebody.join()
        insert(database, layout, rows)

    monkeypatch.setattr(copying, "_insert", insert_while_somebody_comes)
    copied(run, target)
    rows = everything()
    there()

    assert came == [Outcome.ACCEPTED] * 10
    assert everything() == rows


@ON_ONE_DATABASE
def test_what_was_removed_and_made_again_between_two_runs_is_no_obstacle(run, target, there):
    def interrupt():
        raise KeyboardInterrupt

    fill()
    Budget.create(id=1, project_id=1, amount="9", created_at=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "_kept_still", interrupt)
        assert run("copy-to", target)[0] == 1
    Budget.delete().execute()
    Budget.create(id=2, project_id=1, amount="8", created_at=NOW)

    copied(run, target)
    rows = everything()
    there()
    assert everything() == rows


@ON_ONE_DATABASE
def test_looking_for_surplus_rows_takes_one_question_for_many_of_them(
    run, target, monkeypatch, apps
):
    fill()
    still, asked = copying._kept_still, []
    at = copying.Layout.at

    def still_with_surplus():
        row = "INSERT INTO call_ids SELECT 'surplus' || n, 1, 'call' FROM generate_series(1, 8) n"
        apps("postgresql")[1].execute_sql(row)
        return still()

    def ask(layout, database, keys):
        if database is models.db:
            asked.append(layout.name)
        return at(layout, database, keys)

    monkeypatch.setattr(copying, "_kept_still", still_with_surplus)
    monkeypatch.setattr(copying.Layout, "at", ask)
    copied(run, target)

    rows = 8 + models.CallId.select().count()
    assert asked.count("call_ids") == -(-rows // copying.ROWS_AT_ONCE)


@ON_ONE_DATABASE
def test_a_table_comes_after_those_that_its_rows_stand_for():
    for place, table in enumerate(TABLES):
        assert {field.rel_model for field in table._meta.refs} <= set(TABLES[:place])


@ON_ONE_DATABASE
def test_what_differs_is_found_whatever_it_is(run, target, there, apps):
    fill()
    check, touched = copying._kept_still, []
    database = apps("postgresql")[1]
    tampered = (
        "UPDATE events SET prompt_tokens = 11 WHERE event_id = 'call-2'",
        "DELETE FROM daily_usage",
        "INSERT INTO call_ids VALUES ('surplus', 1, 'call-1')",
    )

    def still():
        touched.extend(database.execute_sql(statement) for statement in tampered)
        return check()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "_kept_still", still)
        copied(run, target)
    rows = everything()
    there()

    assert len(touched) == 3
    assert everything() == rows


@ON_ONE_DATABASE
def test_a_board_in_use_is_not_written_over(run, target):
    fill()
    copied(run, target)

    told = "Error: The target holds a board already (there are rows in users).\n"
    assert run("copy-to", target) == (1, "", told)


@ON_ONE_DATABASE
def test_half_a_copy_of_another_board_is_left_alone(run, target, apps):
    database = apps("postgresql")[1]
    database.execute_sql("CREATE TABLE copy_of (origin text)")
    database.execute_sql("INSERT INTO copy_of VALUES ('sqlite:///other.db')")
    code, _, told = run("copy-to", target)
    assert code == 1
    assert told.endswith("a copy, half made, of another board: sqlite:///other.db.\n")


@ON_ONE_DATABASE
def test_a_target_with_other_tables_is_left_as_it_is(run, apps, postgres):
    board = models.db.obj
    _, server = apps("postgresql")
    models.db.initialize(board)
    server.execute_sql("CREATE DATABASE others_board")
    others = models.connect(other_database(postgres, "others_board"))
    others.execute_sql("CREATE TABLE theirs (id bigint)")
    code, _, told = run("copy-to", other_database(postgres, "others_board"))
    tables = others.get_tables()
    others.close_all()
    server.execute_sql("DROP DATABASE others_board")

    assert (code, tables) == (1, ["theirs"])
    assert "migrate it first" in told


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:///copy.db", "A board is copied into PostgreSQL; for a SQLite file, use backup."),
        ("mysql://x/y", "The target must look like sqlite:///path/to/file or postgresql://"),
    ],
)
def test_what_is_no_place_for_a_copy_is_refused(run, url, sentence):
    code, _, told = run("copy-to", url)

    assert code == 1
    assert told.startswith(f"Error: {sentence}")


@ON_ONE_DATABASE
def test_every_table_keyed_by_a_user_is_declared_to_grow_or_known_to_be_small():
    small = {"project_admins", "pseudonyms"}
    keyed = {
        layout.name for layout in copying.LAYOUTS if "user_id" in layout.columns[: layout.keys]
    }

    assert keyed - small == {table._meta.table_name for table in distribution.GROWING}


@ON_ONE_DATABASE
def test_citus_gets_small_tables_everywhere_and_the_others_by_user():
    asked = dict(distribution.statements(set()))

    assert set(asked) == {table._meta.table_name for table in TABLES}
    assert next(iter(asked)) == "users"
    assert list(asked.values())[-4:] == [
        "SELECT create_distributed_table('events', 'user_id')",
        "SELECT create_distributed_table('call_ids', 'user_id', colocate_with => 'events')",
        "SELECT create_distributed_table('daily_usage', 'user_id', colocate_with => 'events')",
        "SELECT create_distributed_table('weekly_usage', 'user_id', colocate_with => 'events')",
    ]
    assert asked["projects"] == "SELECT create_reference_table('projects')"


@ON_ONE_DATABASE
def test_what_is_spread_already_is_left_alone():
    assert [
        name
        for name, _ in distribution.statements({one.name for one in copying.LAYOUTS} - {"events"})
    ] == ["events"]


@ON_ONE_DATABASE
def test_sqlite_can_not_be_spread(run):
    told = "Error: SQLite is one file; copy the board into PostgreSQL first: copy-to.\n"
    assert run("distribute") == (1, "", told)


@ON_ONE_DATABASE
def test_without_citus_there_is_nothing_to_spread_over(run, target, there):
    there()

    told = "Error: This database has no Citus; as its owner: CREATE EXTENSION citus;\n"
    assert run("distribute") == (1, "", told)


@ON_ONE_DATABASE
def test_a_database_without_tables_is_migrated_first(run, apps, postgres):
    board = models.db.obj
    _, server = apps("postgresql")
    server.execute_sql("DROP DATABASE IF EXISTS new_board")
    server.execute_sql("CREATE DATABASE new_board")
    models.db.initialize(board)
    fill()
    copied(run, other_database(postgres, "new_board"))
    rows = everything()
    new = models.connect(other_database(postgres, "new_board"))
    models.db.initialize(new)
    try:
        assert everything() == rows
        assert verify() == []
    finally:
        models.db.initialize(board)
        new.close_all()


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_one_postgresql_is_copied_into_another(run, postgres):
    source = models.db.obj
    source.execute_sql("DROP DATABASE IF EXISTS second_board")
    source.execute_sql("CREATE DATABASE second_board")
    url = other_database(postgres, "second_board")
    second = models.connect(url)
    migrations.run(second, str(ROOT / "migrations"))
    fill()

    out = copied(run, url)
    rows = everything()
    models.db.initialize(second)
    try:
        assert "users: 4 rows, all equal\n" in out
        assert everything() == rows
        assert verify() == []
    finally:
        models.db.initialize(source)
        second.close_all()
        source.execute_sql("DROP DATABASE second_board WITH (FORCE)")
