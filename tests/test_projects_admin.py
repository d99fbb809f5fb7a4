"""/admin/projects - zones, default rates, and how people are named."""

from datetime import timedelta

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, audited, noted
from reading import element, persons, text

from models import Project
from usage import accounts, projects, rezoning
from usage.rollups import verify

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/admin/projects"
LATE = NOW.replace(hour=23, minute=30) - timedelta(days=2)


@pytest.fixture
def post(client, make_project):
    """Sends a form about Checkout: post(do="rates", …); or about another page: post("", …)."""
    make_project("Checkout")

    def post(path="/checkout", **fields):
        response = client.post(f"{PAGE}{path}", data=fields, headers=OWN)
        return client.get(response.location) if response.status_code == 303 else response

    return post


def checkout():
    return projects.find("checkout")


def test_projects_are_listed_with_what_is_said_of_them(client, make_project):
    make_project("Check Out", "Europe/Berlin")
    accounts.create_user("max", NOW)
    accounts.set_role("max", "project_admin", ["check-out"])

    page = client.get(PAGE)

    assert persons(page) == ["Check Out"]
    assert "check-out Europe/Berlin max Everyone by name" in text(page.text)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", ""])
def test_a_project_is_made(post, zone):
    page = post("", name="Search Engine", timezone=zone)

    assert "search-engine, run by nobody yet" in text(page.text)
    assert projects.find("search-engine").timezone == (zone or "UTC")
    assert audited() == [("ada", "project created", "search-engine", zone or "UTC")]


def test_default_rates_are_set_and_taken_back(post, client, make_usage):
    make_usage("vera", project="checkout")

    post(do="rates", prompt_cost="2.5", completion_cost="")
    assert (checkout().prompt_cost, checkout().completion_cost) == ("2.50", "")
    board = client.get("/leaderboard?project=checkout")
    assert 'value="2.50"' in element(board, "prompt_cost")
    assert 'value="15.00"' in element(board, "completion_cost")

    post(do="rates", prompt_cost="", completion_cost="")
    assert checkout().prompt_cost == ""
    assert [entry[3] for entry in audited()] == [
        "rates: 2.5 and default",
        "rates: default and default",
    ]


def test_how_people_are_named_is_set(post):
    page = post(do="identity", identity="hidden", least_users="5", binds_all="1")

    assert (checkout().identity, checkout().least_users, checkout().binds_all) == (
        "hidden",
        5,
        True,
    )
    assert 'value="5"' in element(page, "least_users")
    post(do="identity", identity="own", least_users="5")
    assert (checkout().identity, checkout().least_users, checkout().binds_all) == ("own", 0, False)
    assert audited() == [
        (
            "ada",
            "identity policy changed",
            "checkout",
            "hidden below 5 people, for super admins too",
        ),
        ("ada", "identity policy changed", "checkout", "own"),
    ]


def test_a_zone_is_changed_step_by_step_without_scripts(post, make_crowd, monkeypatch):
    monkeypatch.setattr(rezoning, "PEOPLE_AT_ONCE", 2)
    make_crowd(5, project="checkout", time=LATE)

    page = post(do="zone", timezone="Asia/Tokyo")
    assert "0 of 5 people have their days in Asia/Tokyo." in text(page.text)
    page = post("/checkout/days")
    assert "2 of 5 people" in text(page.text)
    assert verify() == []
    post("/checkout/days")
    page = post("/checkout/days")

    assert "All days are in Asia/Tokyo." in page.text
    assert 'hx-trigger="load' not in page.text
    assert checkout().rezone_after is None
    assert audited() == [("ada", "zone changed", "checkout", "UTC to Asia/Tokyo")]


def test_with_scripts_the_progress_asks_for_the_next_by_itself(
    post, client, make_crowd, monkeypatch
):
    monkeypatch.setattr(rezoning, "PEOPLE_AT_ONCE", 2)
    make_crowd(3, project="checkout", time=LATE)
    page = post(do="zone", timezone="Asia/Tokyo")
    assert 'hx-trigger="load delay:200ms, submit"' in element(page, "rezone")

    headers = OWN | HTMX | {"HX-Target": "days"}
    first = client.post(f"{PAGE}/checkout/days", headers=headers)
    assert "<html" not in first.text
    assert "2 of 3 people" in text(first.text)
    assert 'hx-trigger="load delay:200ms, submit"' in element(first, "rezone")
    last = client.post(f"{PAGE}/checkout/days", headers=headers)

    assert element(last, "rezone") is None
    assert "All days are in Asia/Tokyo." in last.text


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("path", "form", "sentence"),
    [
        ("", {"name": "Checkout"}, 'There is a project "checkout" already.'),
        ("", {"name": ""}, 'A project can\'t be named "".'),
        ("", {"name": "x", "timezone": "Mars"}, "The time zone must be an IANA name"),
        ("/checkout", {"do": "zone", "timezone": ""}, "The time zone must be an IANA name"),
        ("/checkout", {"do": "zone", "timezone": "../etc"}, "The time zone must be an IANA"),
        ("/checkout", {"do": "rates", "prompt_cost": "-1"}, "A rate must be a number, 0 or more"),
        ("/checkout", {"do": "identity", "identity": "x"}, '"x" is not a policy'),
        ("/checkout", {"do": "identity", "identity": "hidden"}, "from 2 to 1000"),
        (
            "/checkout",
            {"do": "identity", "identity": "hidden", "least_users": "²"},
            "from 2 to 1000",
        ),
        (
            "/checkout",
            {"do": "identity", "identity": "hidden", "least_users": "1001"},
            "2 to 1000",
        ),
        ("/checkout", {"do": "dance"}, "must be zone, rates or identity"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(post, path, form, sentence):
    response = post(path, **form)

    assert response.status_code == 422
    assert sentence in text(response.text)
    assert Project.select().count() == 1
    assert audited() == []


@ON_ONE_DATABASE
def test_a_project_that_is_not_there_is_not_found(client):
    assert client.get(f"{PAGE}/none").status_code == 404
    assert client.post(f"{PAGE}/none", data={"do": "zone"}, headers=OWN).status_code == 404
    assert client.post(f"{PAGE}/none/days", headers=OWN).status_code == 404


def test_on_the_command_line_a_zone_is_changed_to_the_end(run, make_project, make_crowd):
    make_project("checkout")
    make_crowd(45, project="checkout", time=LATE)

    told = 'The project "checkout" counts its days in Asia/Tokyo.\n'
    assert run("project", "zone", "checkout", "Asia/Tokyo") == (0, told, "")

    assert (checkout().timezone, checkout().rezone_after) == ("Asia/Tokyo", None)
    assert verify() == []
    assert run("project", "zone", "checkout", "Mars")[0] == 1
    assert run("project", "zone", "none", "UTC")[0] == 1
    assert [one.action for one in noted()] == ["zone changed"]


def test_interrupted_the_command_goes_on(run, make_project, make_crowd):
    make_project("checkout")
    make_crowd(45, project="checkout", time=LATE)
    rezoning.begin(checkout(), "Asia/Tokyo")
    rezoning.advance(checkout())

    assert run("project", "zone", "checkout", "Asia/Tokyo")[0] == 0

    assert checkout().rezone_after is None


def test_rates_and_names_are_set_on_the_command_line(run, make_project):
    make_project("checkout")

    assert run("project", "rates", "checkout", "1.5", "")[1] == (
        'The default rates of "checkout" are 1.5 and default.\n'
    )
    args = ("--least", 5, "--binds-super-admins")
    assert run("project", "identity", "checkout", "hidden", *args)[1] == (
        'People in "checkout": hidden below 5 people, for super admins too.\n'
    )
    assert (checkout().prompt_cost, checkout().least_users, checkout().binds_all) == (
        "1.50",
        5,
        True,
    )
    assert run("project", "rates", "checkout", "x", "")[0] == 1
    assert run("project", "identity", "checkout", "hidden")[0] == 1
    assert [one.action for one in noted()] == ["project changed", "identity policy changed"]
