"""/leaderboard.csv, .json and .tsv, the same of a person: all pages of what is on screen."""

import csv
import re
from io import StringIO
from urllib.parse import quote

import pytest
from conftest import NOW, ON_ONE_DATABASE, browser_of, days_ago
from reading import element, file_rows, rows

from models import AuditEntry
from usage import accounts, projects

pytestmark = ON_ONE_DATABASE
FORMS = ("csv", "json", "tsv")
COUNTS = ("calls", "prompt_tokens", "completion_tokens")
HOSTILE = ("=1+1", "+1", "-1", "@SUM(1)", " =1", "＝1", "\u200b=1", "Smith;=1")


def seen(row):
    """What the page shows of a row, from whichever form."""
    name = row.get("name") or row["display_name"] or row["username"]
    return str(row["rank"]), name, row["username"], *(int(row[n]) for n in COUNTS), row["cost"]


def files(client, path, **args):
    """The rows in each of the forms."""
    answers = [client.get(f"{path}.{form}", query_string=args) for form in FORMS]
    assert [answer.status_code for answer in answers] == [200] * 3
    return [file_rows(answers[0]), answers[1].get_json()["standings"], file_rows(answers[2])]


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"sort": "cost-asc"},
        {"q": "user-01", "page": "2"},
        {"per_page": "100", "page": "2", "prompt_cost": "0.5"},
        {"source": "ide"},
        {"days": "1"},
        {"project": "mobile"},
        {"from": "2026-11-01", "to": "2026-11-20"},
        {"q": "nobody"},
    ],
)
def test_every_form_holds_all_pages_of_the_screen(client, make_crowd, make_usage, args):
    make_crowd(130, project="checkout")
    make_usage("nora", display_name="Nora\u2028=1", project="mobile", source="ide", calls=3)
    make_usage("user-007", day=days_ago(3), calls=2, failed=True)
    pages = [
        client.get("/leaderboard", query_string=args | {"per_page": "100", "page": page})
        for page in (1, 2)
    ]
    screen = [seen(row) for page in pages for row in rows(page)]

    for found in files(client, "/leaderboard", **args):
        shown = [seen(row) for row in found]
        assert [one[:1] + one[2:] for one in shown] == [one[:1] + one[2:] for one in screen]


def test_a_file_says_what_its_numbers_stand_for(client, make_usage, make_project):
    make_project("checkout", "Europe/Berlin")
    make_usage("vera", project="checkout")

    response = client.get("/leaderboard.csv?project=checkout&days=7&q=ve&prompt_cost=2.5")

    (row,) = file_rows(response)
    assert {name: row[name] for name in ("project", "source", "from", "to", "days", "q")} == {
        "project": "checkout",
        "source": "all",
        "from": "2026-11-16",
        "to": "2026-11-22",
        "days": "7",
        "q": "ve",
    }
    assert (row["timezone"], row["as_of"]) == ("Europe/Berlin", "2026-11-22T12:00:00Z")
    assert (row["prompt_rate"], row["completion_rate"]) == ("2.50", "15.00")
    name = "leaderboard-checkout-2026-11-16-to-2026-11-22.csv"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response.content_type == "text/csv; charset=utf-8"


def test_json_has_the_shape_of_the_api(client, anonymous, reader, make_crowd):
    make_crowd(30)

    told = client.get("/leaderboard.json?per_page=25").get_json()
    api = anonymous.get("/api/v1/leaderboard?per_page=100", headers=reader).get_json()

    assert told["standings"] == api["standings"]
    assert told["totals"] == api["totals"]
    assert told["scope"] == api["scope"] | {"q": "", "sort": "activity"}


@pytest.mark.parametrize("username", ["vera", "ve.ra", "a/b.csv", "//x", "vera.json", "Öl & co"])
def test_a_person_of_any_name_has_files_of_their_own(client, reader, make_usage, username):
    make_usage(username, source="ide", provider="openai", calls=2)
    make_usage(username, day=days_ago(3), project="checkout", failed=True)
    link = element(client.get(f"/users/{quote(username)}"), "export-csv")
    path = re.search(r'href="([^"]+)"', link)[1]

    assert path == f"/users.csv/{quote(username)}" or quote(username) != username
    found = file_rows(client.get(path))
    told = client.get(path.replace("/users.csv/", "/users.json/")).get_json()
    api = client.get(f"/api/v1/users/{quote(username)}", headers=reader).get_json()

    assert {name: told[name] for name in api if name != "scope"} == {
        name: api[name] for name in api if name != "scope"
    }
    assert {row["username"] for row in found} == {username}
    assert (found[0]["by"], found[0]["calls"], found[0]["failed_calls"]) == ("total", "2", "1")
    for name in ("source", "provider", "model", "test_type", "day"):
        listed = [(row["value"], row["calls"]) for row in found if row["by"] == name]
        parts = api[f"by_{name}"]
        assert listed == [(one[name] or "unassigned", str(one["calls"])) for one in parts]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_is_a_formula(client, make_usage, text):
    make_usage(f"u{text}", display_name=text, model=text)

    board = client.get("/leaderboard.csv").get_data(as_text=True)
    person = client.get(f"/users.csv/{quote(f'u{text}')}").get_data(as_text=True)

    for told in (board, person):
        cells = [cell for row in csv.reader(StringIO(told.strip("\ufeff"))) for cell in row]
        pieces = [piece.strip(" \u200b") for cell in cells for piece in cell.split(";")]
        assert any(piece.startswith("'") for piece in pieces)
        assert not [piece for piece in pieces if re.match(r"[=+@＝]|-\D", piece)]


@pytest.mark.parametrize(
    ("policy", "least", "shown"),
    [("named", 0, 3), ("hidden", 4, 0), ("hidden", 3, 3), ("pseudonyms", 0, 3), ("own", 0, 1)],
)
def test_an_admins_file_names_people_as_the_page_does(app, make_usage, policy, least, shown):
    for name in ("max", "vera", "otto"):
        make_usage(name, project="checkout")
    accounts.set_role("max", "project_admin", ["checkout"])
    projects.set_identity(projects.find("checkout"), policy, least, binds_all=False)
    client = browser_of(app, accounts.person("max"))
    screen = [seen(row) for row in rows(client.get("/leaderboard"))]

    found = files(client, "/leaderboard")

    assert len(screen) == shown
    assert [[seen(row) for row in one] for one in found] == [screen] * 3
    status = client.get("/users.csv/vera").status_code
    assert status == client.get("/users/vera").status_code
    assert status == (200 if policy == "named" or (policy, shown) == ("hidden", 3) else 404)


@pytest.mark.parametrize("form", FORMS)
def test_a_member_has_their_own_numbers_only(app, make_usage, form):
    make_usage("vera", calls=2)
    make_usage("otto")
    client = browser_of(app, accounts.person("vera"))

    assert client.get(f"/leaderboard.{form}").status_code == 404
    assert client.get(f"/users.{form}/otto").status_code == 404
    assert client.get(f"/users.{form}/vera").status_code == 200


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["/leaderboard.{}", "/users.{}/vera"])
def test_a_malformed_question_is_refused_by_name(client, make_usage, path, form):
    make_usage("vera")

    response = client.get(f"{path.format(form)}?days=0")

    assert response.status_code == 422
    if form == "json":
        assert response.get_json()["error"]["field"] == "days"
    else:
        assert "<strong>days</strong>" in response.text


@pytest.mark.parametrize("form", FORMS)
def test_a_key_takes_what_its_numbers_are(anonymous, client, make_usage, make_key, form):
    make_usage("vera", project="checkout")
    make_usage("otto", project="mobile")
    everything, checkout = make_key("read"), make_key("read", project="checkout")

    for path in (f"/leaderboard.{form}", f"/users.{form}/vera", f"/overview.{form}"):
        whole, part = (anonymous.get(path, headers=key) for key in (everything, checkout))
        assert whole.data == client.get(path).data
        assert part.data == client.get(f"{path}?project=checkout").data
        assert not [name for name in ("otto", "mobile") if name in part.text]
    assert AuditEntry.select().where(AuditEntry.actor == "key key 1").count() == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["/leaderboard.{}", "/users.{}/vera", "/overview.{}"])
def test_a_program_is_told_in_json_why_it_gets_no_file(anonymous, make_usage, make_key, path, form):
    make_usage("vera", project="checkout")
    asked = path.format(form)
    read = make_key("read")

    def refused(key, **args):
        response = anonymous.get(asked, headers=key, query_string=args)
        return response.status_code, response.get_json()["error"]["field"]

    assert refused({"Authorization": "Bearer none"}) == (401, None)
    assert refused(make_key("ingest")) == (403, None)
    assert refused(read, days="0") == (422, "days")
    assert refused(read, day="7") == (422, "day")
    assert refused(read, project="none") == (404, "project")
    assert anonymous.get(asked).location == "/sign-in"


def test_who_is_signed_in_needs_no_key_beside_it(client, make_usage):
    make_usage("vera")

    # Proxies that sign people in may send a token of their own along.
    assert client.get("/leaderboard.csv", headers={"Authorization": "Bearer x"}).status_code == 200


def test_who_took_what_is_in_the_audit(client, make_usage):
    make_usage("vera")

    client.get("/leaderboard.csv?days=7&q=ve")
    client.get("/users.json/vera")

    kept = AuditEntry.select().where(AuditEntry.action == "export").order_by(AuditEntry.id)
    assert [(one.actor, one.subject, one.detail, one.time) for one in kept] == [
        ("ada", "leaderboard.csv", "?days=7&q=ve", NOW),
        ("ada", "vera.json", "", NOW),
    ]
