"""The commands of flask --app app: setting up, keys, people, projects and upkeep."""

import re
import sqlite3

import pytest
from conftest import ON_ONE_DATABASE, ROOT, native, settings
from reading import names

import models
from app import create_app
from models import DailyUsage, Event, Key, Project, User
from usage import rollups

MIGRATIONS = sorted(file.stem for file in (ROOT / "migrations").glob("[0-9]*.py"))


@pytest.fixture
def fresh(tmp_path):
    """Runs commands on a database of its own that holds nothing, not even tables."""
    before = models.db.obj
    app = create_app(settings(database_url=f"sqlite:///{tmp_path}/new.db"))

    def run(*args):
        result = app.test_cli_runner().invoke(args=args)
        return result.exit_code, result.stdout, result.stderr

    yield run
    models.db.obj.close_all()
    models.db.initialize(before)


def test_migrate_makes_the_tables_once(fresh):
    assert fresh("migrate") == (0, f"Applied {', '.join(MIGRATIONS)}.\n", "")
    assert fresh("migrate") == (0, "The database is up to date.\n", "")
    assert fresh("verify")[0] == 0


@pytest.mark.parametrize("command", [("demo",), ("verify",), ("key", "list"), ("user", "link")])
def test_without_tables_a_command_says_how_to_make_them(fresh, command):
    code, out, told = fresh(*command)

    assert (code, out) == (1, "")
    sentence = "tables are missing or out of date; run flask --app app migrate."
    assert told == f"Error: The database refused: {sentence}\n"


def test_a_key_stands_alone_on_the_last_line_and_works(run, anonymous):
    args = ("--scope", "ingest", "--scope", "read", "--project", "Check Out", "--user", "vera")
    code, out, told = run("key", "create", "ci", *args, "--source", "api")

    assert code == 0
    assert re.fullmatch(r"tb_[\w-]{43}\n", out)
    assert "not shown again" in told
    headers = {"X-API-Key": out.strip()}
    assert anonymous.post("/api/v1/events", json=native(1), headers=headers).status_code == 200
    answer = anonymous.get("/api/v1/leaderboard", headers=headers).get_json()
    assert answer["scope"]["project"] == "check-out"
    assert answer["totals"]["calls"] == 1


def test_keys_are_listed_without_being_shown_and_end_when_revoked(run, anonymous):
    token = run("key", "create", "ci", "--scope", "read")[1].strip()
    args = ("--scope", "ingest", "--scope", "embed", "--project", "checkout", "--user", "vera")
    run("key", "create", "bound", *args, "--source", "ide")

    bound, other = run("key", "list")[1].splitlines()
    assert bound == "bound: embed ingest, project checkout, user vera, source ide (live)"
    assert other == "ci: read (live)"
    assert run("key", "revoke", "ci") == (0, 'The key "ci" is revoked.\n', "")
    assert "ci: read (revoked)" in run("key", "list")[1]
    assert anonymous.get("/api/v1/leaderboard", headers={"X-API-Key": token}).status_code == 401
    assert run("key", "revoke", "ci")[0] == 1


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("ci", "--scope", "write"), '"write" is not a scope; choose from ingest, read, embed.'),
        (("ci", "--scope", "read", "--source", "web"), '"web" is not a source; choose from ui,'),
        (("taken", "--scope", "read"), 'There is a key named "taken" already.'),
        ((" ", "--scope", "read"), "A key needs a name."),
        (("ci", "--scope", "read", "--project", "all"), 'A project can\'t be named "all".'),
    ],
)
def test_a_key_that_can_not_be_made_says_why(run, args, sentence):
    run("key", "create", "taken", "--scope", "read")

    code, out, told = run("key", "create", *args)

    assert (code, out) == (1, "")
    assert told.startswith(f"Error: {sentence}")
    assert [key.name for key in Key] == ["taken"]


@ON_ONE_DATABASE
def test_a_refused_key_does_not_claim_to_have_made_its_project(run):
    _, _, told = run("key", "create", "ci", "--scope", "write", "--project", "checkout")

    assert not Project.select().exists()
    assert "Made" not in told


def test_a_person_is_made_ahead_of_their_usage(run, make_usage):
    args = ("vera", "--name", "Vera Kowalska", "--email", "vera@corp.com")

    code, out, errors = run("user", "create", *args)
    assert (code, errors) == (0, "")
    assert out.startswith('The user "vera" is made.')
    assert re.fullmatch(r"http://127.0.0.1:8000/set-password/[\w-]{43}", out.splitlines()[-1])
    make_usage("vera")

    (user,) = User
    assert (user.role, user.display_name, user.email) == ("member", *args[2::2])
    assert run("user", "create", "vera")[0] == 1


@pytest.mark.parametrize("typed", ["Vera@Corp.com", " vera@corp.com ", "Vera  K"])
def test_a_person_made_ahead_is_the_one_that_events_name(run, make_usage, typed):
    run("user", "create", typed)

    make_usage(typed)

    assert User.select().count() == 1


def test_a_disabled_person_keeps_their_usage_but_not_their_session(run, client, ada, make_usage):
    make_usage("ada")

    run("user", "create", "bea", "--role", "super-admin")
    assert run("user", "disable", "ada") == (0, 'The user "ada" is disabled.\n', "")
    assert client.get("/leaderboard").location == "/sign-in"
    assert Event.select().count() == 1
    assert run("user", "disable", "ada")[0] == run("user", "disable", "nobody")[0] == 1


def test_a_link_signs_its_super_admin_in(run, anonymous, make_usage):
    make_usage("vera")
    code, out, _ = run("user", "link")
    address = re.fullmatch(
        r"Sign in within the hour, once:\nhttp://127.0.0.1:8000(/sign-in/[\w-]{43})\n", out
    )[1]

    assert code == 0
    assert anonymous.get(address).location == "/leaderboard"
    assert names(anonymous.get("/leaderboard")) == ["vera"]
    assert run("user", "link", "vera") == (1, "", 'Error: "vera" is not a super admin.\n')


def test_there_is_no_link_for_someone_disabled(run, ada):
    run("user", "create", "bea", "--role", "super-admin")
    run("user", "disable", "ada")

    assert run("user", "link", "ada")[0] == 1


def test_projects_are_made_with_a_zone_and_listed(run):
    made = run("project", "create", "Check Out", "--timezone", "Europe/Berlin")
    run("project", "create", "Mobile")

    assert made == (0, 'The project "check-out" counts its days in Europe/Berlin.\n', "")
    listed = run("project", "list")[1]
    assert listed == "check-out: Check Out, Europe/Berlin\nmobile: Mobile, UTC\n"


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("Checkout",), 'There is a project "checkout" already.'),
        (("All",), 'A project can\'t be named "All".'),
        (("unassigned",), 'A project can\'t be named "unassigned".'),
        ((" ",), 'A project can\'t be named " ".'),
        (
            ("Mobile", "--timezone", "Mars/Base"),
            'The time zone must be an IANA name like Europe/Berlin, not "Mars/Base".',
        ),
    ],
)
def test_a_project_that_can_not_be_made_says_why(run, args, sentence):
    run("project", "create", "checkout")

    assert run("project", "create", *args) == (1, "", f"Error: {sentence}\n")


def test_verify_finds_what_was_tampered_with_and_rebuild_mends_it(run, make_usage, monkeypatch):
    monkeypatch.setattr(rollups, "USERS_AT_ONCE", 1)
    make_usage("vera", calls=2)
    make_usage("max", source="ide")
    assert run("verify") == (0, "0 daily rows differ from the events.\n", "")

    DailyUsage.update(prompt_tokens=1).where(DailyUsage.source == "ide").execute()

    code, out, _ = run("verify")
    assert code == 1
    assert re.search(r"Differs: 0|Differs: -", out)
    assert out.endswith("1 daily rows differ from the events.\n")
    assert run("rebuild") == (0, "Made 2 daily rows.\n", "")
    assert run("verify")[0] == 0


@ON_ONE_DATABASE
def test_a_backup_is_a_database_of_its_own(run, make_usage, tmp_path):
    make_usage("vera", calls=3)
    file = tmp_path / "copy.db"

    assert run("backup", file) == (0, f"Copied the database to {file}.\n", "")
    make_usage("vera")

    copy = sqlite3.connect(file)
    assert copy.execute("SELECT COUNT(*) FROM events").fetchone() == (3,)
    copy.close()
    assert run("backup", file) == (1, "", f"Error: {file} exists already.\n")


@ON_ONE_DATABASE
def test_a_backup_into_a_missing_folder_says_so(run, tmp_path):
    code, _, told = run("backup", tmp_path / "missing" / "copy.db")

    assert code == 1
    assert told.startswith("Error: ")


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_postgresql_has_a_backup_program_of_its_own(run, tmp_path):
    assert run("backup", tmp_path / "copy.db") == (1, "", "Error: For PostgreSQL, use pg_dump.\n")


def test_only_the_first_super_admin_is_made_by_a_link(run):
    assert run("user", "link", "root")[0] == 0

    assert run("user", "link", "rooot") == (1, "", 'Error: There is no super admin "rooot".\n')
