"""Costs on the pages: the switch, what has none, the admin's price list, a project's own rates."""

import csv
import re
from decimal import Decimal

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, browser_of, days_ago, noted
from reading import element, facts, persons, rows, text, totals, words_of

from models import Price
from usage import accounts, prices, projects

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/admin/prices"
SONNET = {"provider": "anthropic", "model": "sonnet", "prompt": "3", "completion": "15"}


@pytest.fixture
def post(client):
    """Sends the form of the price list; returns the page after it."""

    def post(**fields):
        response = client.post(PAGE, data=fields, headers=OWN)
        return client.get(response.location) if response.status_code == 303 else response

    return post


@pytest.fixture
def costly(make_usage):
    """Vera, all of whose calls have a price; Max, one of whose two has; Otto without any."""
    rates = {"prompt": "3", "completion": "15"}
    prices.set_price("anthropic", "sonnet", rates)
    cost = {"cost_usd": Decimal("0.5")}
    make_usage("vera", provider="anthropic", model="sonnet", calls=3, **cost)
    make_usage("max", provider="anthropic", model="sonnet", **cost)
    make_usage("max", provider="anthropic", model="new one")
    make_usage("otto", model="")


def costs(response):
    """What the cost column says, by person."""
    cells = re.findall(r'<td role="cell" class="tb-num tb-cost">(.*?)</td>', response.text, re.S)
    return dict(zip(["vera", "max", "otto", "total"], map(text, cells), strict=True))


@ON_ONE_DATABASE
@pytest.mark.parametrize("basis", ["list", "reported"])
def test_an_unknown_cost_is_shown_as_unknown(client, costly, basis):
    page = client.get(f"/leaderboard?cost={basis}")

    vera, max = {"list": ("$0.01", "$0.0045"), "reported": ("$1.50", "$0.50")}[basis]
    assert costs(page)["vera"] == vera
    assert costs(page)["max"] == f"{max} + and 1 call of unknown cost"
    assert costs(page)["otto"] == "– unknown"
    assert costs(page)["total"].endswith("+ and 2 calls of unknown cost")
    lacking = "price" if basis == "list" else "reported cost"
    words = words_of(page, "basis")
    assert (
        f"2 calls have no {lacking} and are in no sum: Unassigned 1, new one (anthropic) 1."
        in words
    )


@ON_ONE_DATABASE
def test_the_switch_stands_beside_the_rates_which_rest_while_they_are_not_used(client, costly):
    page = client.get("/leaderboard?cost=list&prompt_cost=7")

    assert "checked" in element(page, "cost-list")
    assert "checked" not in element(page, "cost-rates")
    assert 'value="7.00"' in element(page, "prompt_cost")
    assert "readonly" in element(page, "prompt_cost")
    assert words_of(page, "prompt-unit") == "not used"
    assert "Costs are list prices, fixed when each call was recorded." in words_of(page, "basis")
    back = client.get("/leaderboard?cost=rates&prompt_cost=7", headers=HTMX)
    assert back.headers["HX-Push-Url"] == "/leaderboard?prompt_cost=7.00"
    assert "readonly" not in element(back, "prompt_cost")
    assert element(back, "basis") is None
    assert client.get("/leaderboard?cost=guess").status_code == 422


@ON_ONE_DATABASE
def test_sorted_by_cost_the_unknown_stand_below_all_others(client, costly):
    page = client.get("/leaderboard?cost=reported&sort=cost")
    assert [row["name"] for row in rows(page)] == ["vera", "max", "otto"]

    page = client.get("/leaderboard?cost=reported&sort=cost-asc")
    assert [row["name"] for row in rows(page)] == ["otto", "max", "vera"]
    assert totals(page)["cost"] == "2.00"


@ON_ONE_DATABASE
def test_a_person_is_told_which_of_their_models_have_no_price(client, costly):
    page = client.get("/users/max?cost=list")

    assert facts(page)["Approx. Cost"] == "$0.0045 + and 1 call of unknown cost"
    assert "1 call has no price and is in no sum: new one (anthropic) 1." in words_of(page, "basis")
    assert "new one 1 1,000 100 – unknown" in text(page.text)


def test_the_api_tells_the_basis_and_what_it_lacks(client, anonymous, reader, costly, run):
    run("prices", "sync")
    answer = anonymous.get("/api/v1/leaderboard?cost=list", headers=reader).get_json()
    assert answer["basis"] == "list"
    assert answer["prices"] == {"source": "genai-prices 0.2.3", "as_of": "2026-11-22T12:00:00Z"}
    assert answer["totals"]["unpriced_calls"] == 2
    assert [one["cost"] for one in answer["standings"]] == ["0.0135", "0.0045", None]

    answer = anonymous.get("/api/v1/users/max?cost=reported", headers=reader).get_json()
    assert answer["standing"]["unreported_calls"] == 1
    assert {one["model"]: one["cost"] for one in answer["by_model"]} == {
        "sonnet": "0.50",
        "new one": None,
    }
    plain = anonymous.get("/api/v1/leaderboard", headers=reader).get_json()
    assert "basis" not in plain
    assert "unpriced_calls" not in plain["totals"]
    lines = client.get("/leaderboard.csv?cost=list").text.removeprefix("\ufeff").splitlines()
    told = [(row["cost"], row["uncosted_calls"], row["basis"]) for row in csv.DictReader(lines)]
    assert told == [("0.0135", "0", "list"), ("0.0045", "1", "list"), ("", "1", "list")]


def test_a_price_is_set_found_and_taken_back(post, client, make_usage):
    make_usage("vera", provider="anthropic", model="sonnet")
    page = client.get(PAGE)
    assert "sonnet anthropic 1 Set price of sonnet" in text(page.text)
    form = client.get(f"{PAGE}?provider=anthropic&model=sonnet")
    assert 'value="sonnet"' in element(form, "model")

    page = post(do="set", **SONNET, start="2026-11-01", above="200000", cache_read="0.3")
    assert persons(page) == ["sonnet"]
    words = "sonnet anthropic, from 2026-11-01, above 200,000 prompt tokens 3.00 15.00 0.30"
    assert words in text(page.text)
    assert persons(client.get(f"{PAGE}?q=anthropic sonn", headers=HTMX)) == ["sonnet"]
    assert "No price matches “x”." in client.get(f"{PAGE}?q=x", headers=HTMX).text

    assert post(do="remove", **SONNET).status_code == 422
    post(do="remove", **SONNET, start="2026-11-01", above="200000")
    assert not Price.select().exists()
    kept = [one for one in noted() if one.action.startswith("price")]
    told = "prompt 3.00, completion 15.00, cache read 0.30, "
    told += "from 2026-11-01, above 200,000 prompt tokens"
    assert (kept[0].actor, kept[0].subject, kept[0].detail) == ("ada", "anthropic sonnet", told)
    assert [one.action for one in kept] == ["price set", "price removed"]


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"do": "dance"}, "must be set or remove"),
        ({"do": "set"}, "The model must be a name"),
        ({"do": "set", "start": "2026-13-01"}, "The day must be a date like 2026-11-22"),
        ({"do": "set", "start": "1999-12-31"}, "from the year 2000 on"),
        ({"do": "set", "above": "many"}, "must be a whole number"),
        ({"do": "set", "above": "²"}, "must be a whole number"),
        ({"do": "set"} | SONNET | {"prompt": "1e3"}, "The prompt rate must be a number"),
        ({"do": "set"} | SONNET | {"provider": "x" * 201}, "The provider must be at most 200"),
        ({"do": "remove"} | SONNET, "There is no own price of"),
    ],
)
def test_what_is_no_price_is_said_in_a_sentence(post, form, sentence):
    response = post(**form)

    assert response.status_code == 422
    assert sentence in text(response.text)
    assert not Price.select().exists()


@ON_ONE_DATABASE
def test_who_runs_a_project_saves_its_rates_where_they_tried_them(app, make_usage):
    make_usage("vera", project="checkout", day=days_ago(1))
    accounts.create_user("max", NOW)
    accounts.set_role("max", "project_admin", ["checkout"])
    mine = browser_of(app, accounts.person("max"))
    assert element(mine.get("/leaderboard"), "save-rates") is None
    page = mine.get("/leaderboard?prompt_cost=2.5&completion_cost=9")
    assert 'action="/projects/checkout/rates"' in element(page, "save-rates")
    assert "Save as default rates of checkout: $2.50 and $9.00" in text(page.text)

    rates = {"prompt_cost": "2.50", "completion_cost": "9.00"}
    saved = mine.post("/projects/checkout/rates", data=rates, headers=OWN)

    assert (saved.status_code, saved.location) == (303, "/leaderboard")
    board = mine.get("/leaderboard")
    assert 'value="2.50"' in element(board, "prompt_cost")
    assert element(board, "save-rates") is None
    assert projects.find("checkout").completion_cost == "9.00"
    assert [(one.actor, one.detail) for one in noted()][-1] == ("max", "rates: 2.50 and 9.00")
    bad = mine.post("/projects/checkout/rates", data=rates | {"prompt_cost": "x"}, headers=OWN)
    assert bad.status_code == 422
    for slug in ("unassigned", "all", "none"):
        assert mine.post(f"/projects/{slug}/rates", data=rates, headers=OWN).status_code == 404
