"""/budgets - what a project or a person may cost a month, the pace, and the projection."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine
from conftest import NOW, ON_ONE_DATABASE, browser_of, noted
from reading import persons, text, totals

from models import AuditEntry, Budget, Project, User
from usage import accounts, budgets, merging, projects, samples
from usage.pricing import Rates

OWN = {"Sec-Fetch-Site": "same-origin"}
# 1,000,000 prompt and 100,000 completion tokens at 3.00 and 15.00 per million.
CALL = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000}
CALL_COST = Decimal("4.50")


@pytest.fixture
def world(make_project, make_usage):
    """Two calls in Checkout this month, one in Mobile, and an admin for each."""
    for slug, admin in (("checkout", "max"), ("mobile", "eve")):
        make_project(slug.title())
        accounts.create_user(admin, NOW)
        accounts.set_role(admin, "project_admin", [slug])
    make_usage("vera", project="checkout", day=date(2026, 11, 1), **CALL)
    make_usage("vera", project="checkout", day=date(2026, 10, 31), calls=5, **CALL)
    make_usage("otto", project="checkout", **CALL)
    make_usage("vera", project="mobile", **CALL)


@pytest.fixture
def browse(app, world):
    """The browser of a person by name."""
    return lambda name: browser_of(app, accounts.person(name))


def put(client, amount="100", **fields):
    """Send the form that sets a budget, and look at the page after it."""
    form = {"do": "set", "amount": amount, **fields}
    answer = client.post("/budgets", data=form, headers=OWN)
    client.get("/budgets")
    return answer


def seen(client):
    """The words of each budget in the table."""
    page = client.get("/budgets").text
    return [text(row) for row in page.split("<tbody>")[1].split("</tr>")[:-1]]


def test_a_project_s_month_is_set_against_its_budget(client, world):
    assert put(client, "20", project="checkout", thresholds=["80", "100"]).status_code == 303

    (row,) = seen(client)
    assert row == (
        "Checkout checkout, 1 Nov to 22 Nov 2026, UTC, default rates "
        "$9.00 of $20.00, 45 % "
        "22 of 30 $12.27 80, 100 % Remove the budget of Checkout"
    )
    assert AuditEntry.select().order_by(AuditEntry.id.desc()).first().detail == "$20.00 a month"


def test_what_is_spent_is_the_leaderboard_s_total_in_the_linked_scope(client, world):
    projects.set_rates(projects.find("checkout"), "2.5", "7")
    put(client, project="checkout")
    put(client, user="vera")

    links = client.get("/budgets").text.split("<tbody>")[1].split('href="')[1:]
    of = {link.split('"')[0].replace("&amp;", "&") for link in links}
    assert of == {
        "/leaderboard?project=checkout&from=2026-11-01&to=2026-11-22",
        "/users/vera?from=2026-11-01&to=2026-11-22",
    }
    board = client.get("/leaderboard?project=checkout&from=2026-11-01&to=2026-11-22")
    spent = {pace.name: pace.spent for pace in budgets.visible_to(*ada_s())}
    assert spent["Checkout"] == Decimal(totals(board)["cost"]) == Decimal("6.40")
    assert spent["vera"] == 2 * CALL_COST


def ada_s():
    """Ada with what she may see."""
    ada = accounts.person("ada")
    return ada, accounts.horizon(ada, Rates(Decimal(3), Decimal(15)), "UTC", NOW)


@ON_ONE_DATABASE
def test_a_budget_is_told_on_its_own_basis_and_unknown_stays_unknown(client, world, make_usage):
    put(client, project="checkout", basis="reported")
    assert "UTC, what senders report unknown (2 calls without a cost)" in seen(client)[0]
    assert "22 of 30 unknown" in seen(client)[0]

    make_usage("vera", project="checkout", cost_usd=Decimal("12.25"), **CALL)

    assert "at least $12.25 of $100.00, 12 % (2 calls without a cost)" in seen(client)[0]
    link = "/leaderboard?project=checkout&from=2026-11-01&to=2026-11-22&cost=reported"
    assert link.replace("&", "&amp;") in client.get("/budgets").text
    assert totals(client.get(link))["cost"] == "12.25"
    assert "is no basis of cost" in text(put(client, project="mobile", basis="guess").text)


def test_the_month_is_that_of_the_project_s_zone(client, make_project, make_usage):
    make_project("Far", "Pacific/Auckland")
    make_usage("vera", project="far", time=datetime(2026, 10, 31, 11, 30, tzinfo=UTC), **CALL)
    put(client, project="far")

    # In Auckland that was 00:30 of 1 November.
    assert (
        "1 Nov to 23 Nov 2026, Pacific/Auckland, default rates $4.50 of $100.00, 4 %"
        in seen(client)[0]
    )
    with time_machine.travel(datetime(2026, 11, 30, 12, tzinfo=UTC), tick=False):
        december = (
            "1 Dec 2026, Pacific/Auckland, default rates $0.00 of $100.00, 0 % 1 of 31 too early"
        )
        assert december in seen(client)[0]


@ON_ONE_DATABASE
def test_more_than_the_budget_is_told_as_such(client, world):
    put(client, "5", project="checkout")

    page = client.get("/budgets").text
    assert '<strong class="tb-danger">180 %</strong>' in page
    assert 'value="100" aria-label="Checkout: 180 % of the budget spent"' in page


def test_set_again_it_changes_and_removed_it_is_gone(client, world):
    put(client, project="checkout", thresholds=["50"])
    put(client, "50.5", project="checkout")

    (row,) = seen(client)
    assert "of $50.50" in row
    assert "none Remove" in row
    form = {"do": "remove", "id": Budget.get().id}
    assert client.post("/budgets", data=form, headers=OWN).status_code == 303
    assert not Budget.select().exists()
    assert [(one.action, one.subject) for one in noted()][-3:] == [
        ("budget set", "checkout"),
        ("budget set", "checkout"),
        ("budget removed", "checkout"),
    ]


@ON_ONE_DATABASE
def test_admins_see_and_set_the_budgets_of_their_projects_alone(browse, client):
    put(client, project="checkout")
    put(client, user="vera")
    eve = browse("eve")

    assert persons(browse("max").get("/budgets")) == ["Checkout"]
    assert persons(eve.get("/budgets")) == []
    assert put(eve, project="mobile").status_code == 303
    assert persons(eve.get("/budgets")) == ["Mobile"]
    assert put(eve, project="checkout").status_code == 404
    assert put(eve, user="vera").status_code == 422
    other = {"do": "remove", "id": Budget.get(Budget.user_id != 0).id}
    assert eve.post("/budgets", data=other, headers=OWN).status_code == 404
    assert Budget.select().count() == 3


@ON_ONE_DATABASE
def test_a_member_sees_their_own_budget_and_sets_none(browse, client):
    put(client, user="vera")
    put(client, user="otto")
    put(client, project="checkout")
    vera = browse("vera")

    page = vera.get("/budgets")
    assert persons(page) == ["vera"]
    assert "$9.00 of $100.00, 9 %" in seen(vera)[0]
    assert "Set a budget" not in page.text
    assert "otto" not in page.text
    assert put(vera, project="checkout").status_code == 422
    own = {"do": "remove", "id": Budget.get(Budget.user_id != 0).id}
    assert vera.post("/budgets", data=own, headers=OWN).status_code == 404


def test_the_usage_of_another_name_counts_for_its_person(client, world, make_usage):
    make_usage("v.m", project="mobile", **CALL)
    put(client, user="v.m")
    merging.merge("v.m", "vera", NOW)

    assert "$13.50 of" in seen(client)[0]


@ON_ONE_DATABASE
def test_a_merged_names_budget_is_the_persons_until_they_have_their_own(client, world, make_usage):
    make_usage("v.m", project="mobile", **CALL)
    put(client, "20", user="v.m")
    merging.merge("v.m", "vera", NOW)
    (told,) = seen(client)
    assert "v.m" not in told
    assert "$13.50 of $20.00" in told

    put(client, "50", user="vera")
    (told,) = seen(client)
    assert "$13.50 of $50.00" in told

    merging.part("v.m")
    assert len(seen(client)) == 2


@ON_ONE_DATABASE
def test_where_not_even_super_admins_see_names_no_person_s_budget_is_told(client, world):
    put(client, user="vera")
    projects.set_identity(projects.find("mobile"), "pseudonyms", 0, True)

    page = client.get("/budgets")

    assert persons(page) == []
    assert "vera" not in page.text


@ON_ONE_DATABASE
def test_what_is_hidden_while_few_took_part_is_not_told_by_the_budget(browse, client):
    put(client, project="checkout")
    put(client, user="vera")
    projects.set_identity(projects.find("checkout"), "hidden", 3, False)

    assert [row.split(" rates ")[1].split(",")[0] for row in seen(client)] == [
        "$9.00 of $100.00"
    ] * 2
    assert "$9.00 of" in seen(browse("vera"))[0]
    page = browse("max").get("/budgets").text
    assert "not told while so few took part" in page
    assert "9.00" not in page


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "A budget is for a project or for a person"),
        ({"project": "checkout", "user": "vera"}, "choose one of them"),
        ({"project": "all"}, "A budget is for one project."),
        ({"project": "unassigned"}, "A budget is for one project."),
        ({"user": "nobody-here"}, 'There is no user "nobody-here".'),
        ({"project": "checkout", "amount": "much"}, "The amount must be a number, 0 or more"),
        ({"project": "checkout", "amount": "-1"}, "The amount must be a number"),
        ({"project": "checkout", "amount": "0"}, "The amount must be more than 0."),
        ({"project": "checkout", "thresholds": ["75"]}, "Notices are given at 50, 80, 100"),
        ({"do": "dance"}, "must be set or remove"),
    ],
)
def test_what_can_not_be_set_is_said_in_a_sentence(client, world, form, sentence):
    response = put(client, **form)

    assert response.status_code == 422
    assert sentence in text(response.text)
    assert not Budget.select().exists()


@ON_ONE_DATABASE
def test_the_overview_tells_the_pace_of_its_project_or_of_the_fullest_few(client, browse):
    assert "Budgets This Month" not in client.get("/overview").text
    put(client, "20", project="checkout")
    put(client, "9", project="mobile")
    put(client, "10", user="vera")
    put(client, "1000", user="otto")

    everything = text(client.get("/overview").text)
    told = [everything.index(part) for part in (" 90 %", " 50 %", " 45 %")]
    assert told == sorted(told)
    assert "1,000.00" not in everything
    one = text(client.get("/overview?project=checkout&days=7").text)
    assert "Checkout $9.00 of $20.00, 45 % day 22 of 30, projection $12.27" in one
    assert "of $9.00" not in one
    assert "of $10.00" not in text(browse("max").get("/overview").text)


@ON_ONE_DATABASE
def test_sample_projects_and_people_take_their_budgets_along(client, world):
    User.update(sample=True).where(User.username.in_(["vera", "otto"])).execute()
    Project.update(sample=True).where(Project.slug == "mobile").execute()
    put(client, project="checkout")
    put(client, project="mobile")
    put(client, user="vera")

    samples.remove()

    assert persons(client.get("/budgets")) == ["Checkout"]
    assert Budget.select().count() == 1


@ON_ONE_DATABASE
@pytest.mark.parametrize("id", ["", "x", "9" * 30, "²"])
def test_a_budget_that_is_not_there_is_not_found(client, id):
    form = {"do": "remove", "id": id}
    assert client.post("/budgets", data=form, headers=OWN).status_code == 404
