"""The audit: what is kept of every change, on its page and on the command line."""

import io
import json

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, native, noted
from reading import persons, text

from models import AuditEntry
from usage import audit

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/admin/audit"


@pytest.fixture
def note():
    """Keeps an entry of Ada's."""
    return lambda action, *rest: audit.note(action, NOW, "ada", *rest)


def actions():
    """What was noted: who, what, to whom."""
    return [(one.actor, one.action, one.subject) for one in noted()]


def test_the_newest_comes_first_with_who_when_and_from_where(client, note):
    note("role changed", "vera", "Member", "192.0.2.7")

    page = client.get(PAGE)

    assert persons(page) == ["role changed", "sign-in"]
    assert "role changed Member ada vera 192.0.2.7 just now" in text(page.text)


def test_it_can_be_searched(client, note):
    note("role changed", "vera", "Member")
    note("key revoked", "gateway")

    for q in ("gateway", "KEY REV"):
        assert persons(client.get(PAGE, query_string={"q": q})) == ["key revoked"]
    assert "No entry matches “100%”." in client.get(PAGE, query_string={"q": "100%"}).text


@ON_ONE_DATABASE
def test_it_comes_in_pages_and_typing_swaps_the_list_alone(client, note):
    for number in range(60):
        note("key revoked", f"key {number}")

    assert len(persons(client.get(PAGE))) == 50
    assert len(persons(client.get(f"{PAGE}?page=2"))) == 11
    assert client.get(f"{PAGE}?page=x").status_code == 422
    typed = HTMX | {"HX-Target": "region", "HX-Trigger": "find"}
    response = client.get(f"{PAGE}?q=key+7", headers=typed)
    assert "<html" not in response.text
    assert len(persons(response)) == 1


def test_mapping_and_importing_are_noted(client, make_usage):
    make_usage("vera")
    make_usage("v.m")
    path = "/admin/identities/v.m/person"
    client.post(path, data={"do": "merge", "into": "vera"}, headers=OWN)
    client.post(path, data={"do": "part"}, headers=OWN)
    for do in ("preview", "import"):
        files = (io.BytesIO(json.dumps([native(1)]).encode()), "usage.json")
        client.post("/admin/import", data={"files": files, "do": do}, headers=OWN)

    assert actions()[1:] == [
        ("ada", "identity merged", "v.m"),
        ("ada", "identity parted", "v.m"),
        ("ada", "import", "usage.json"),
    ]


def test_who_asks_for_what_is_not_theirs_is_noted(visitors):
    ann, bob = (visitors.arrive(f"admin of {letter}")[0] for letter in "AB")
    ann.get("/leaderboard?project=mobile")
    ann.get("/users/otto")
    bob.get("/admin/people", headers=HTMX)
    bob.get("/leaderboard")
    bob.get("/no-such-page")

    refused = AuditEntry.select().where(AuditEntry.action == "refused").order_by(AuditEntry.id)
    assert [(one.actor, one.subject, one.detail) for one in refused] == [
        ("ann", "/leaderboard", 'There is no project "mobile" here.'),
        ("ann", "/users/otto", "There is no such person here."),
        ("bob", "/admin/people", "There is no such page."),
    ]


def test_what_commands_change_is_noted_without_a_name(run, make_usage, tmp_path):
    make_usage("v.m")
    (tmp_path / "usage.json").write_text(json.dumps([native(1)]))
    secrets = [
        run("user", "create", "otto")[1].split()[-1].rpartition("/")[2],
        run("user", "link")[1].split()[-1].rpartition("/")[2],
        run("key", "create", "ci", "--scope", "read")[1].strip(),
    ]
    run("key", "revoke", "ci")
    run("user", "merge", "v.m", "otto")
    run("user", "merge", "--undo", "v.m")
    run("project", "create", "search")
    run("import", tmp_path / "usage.json", "--dry-run")
    run("import", tmp_path / "usage.json")

    assert actions() == [
        ("", "user created", "otto"),
        ("", "user created", "admin"),
        ("", "sign-in link made", "admin"),
        ("", "key created", "ci"),
        ("", "key revoked", "ci"),
        ("", "identity merged", "v.m"),
        ("", "identity parted", "v.m"),
        ("", "project created", "search"),
        ("", "import", "usage.json"),
    ]
    kept = str(list(AuditEntry.select().dicts()))
    assert not [secret for secret in secrets if secret in kept]


def test_the_command_shows_the_last_entries_on_lines_of_their_own(run, note):
    note("role changed", "vera", "Member", "192.0.2.7")
    run("project", "create", "search")

    assert run("audit") == (
        0,
        "2026-11-22 12:00:00Z command line: project created search (UTC)\n"
        "2026-11-22 12:00:00Z ada from 192.0.2.7: role changed vera (Member)\n",
        "",
    )
    assert run("audit", "--last", 1)[1].count("\n") == 1
    assert run("audit", "--last", 0)[0] == 2


@ON_ONE_DATABASE
def test_what_was_typed_at_the_door_moves_no_cursor(run, client, anonymous):
    form = {"name": "\x1b[2J\x00ada<b>", "password": "wrong and secret"}
    anonymous.post("/sign-in", data=form, headers=OWN)

    out, page = run("audit")[1], client.get(PAGE).text
    assert "\x1b" not in out
    assert "<b>" not in page
    assert "wrong and secret" not in out + page
