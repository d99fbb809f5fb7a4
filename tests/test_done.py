"""What was just done is told once, on the page after it."""

import re

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE
from reading import text

from usage import accounts, sign_in
from usage.ingest.event import TEXT_LIMITS

pytestmark = ON_ONE_DATABASE
OWN = {"Sec-Fetch-Site": "same-origin"}
PRICE = {"provider": "openai", "model": "gpt-9", "prompt": "1", "completion": "2"}
DONE = {
    "budget": (
        "/budgets",
        {"do": "set", "project": "checkout", "amount": "20"},
        "The budget is set to $20.00 a month.",
    ),
    "price": ("/admin/prices", {"do": "set", **PRICE}, "The price of openai gpt-9 is set."),
    "person": ("/admin/people/vera", {"do": "disable"}, "vera is disabled."),
    "policy": (
        "/admin/projects/checkout",
        {"do": "identity", "identity": "own"},
        "How people are named is saved.",
    ),
    "rates": (
        "/projects/checkout/rates",
        {"prompt_cost": "1", "completion_cost": "2"},
        "These rates are the defaults of Checkout now.",
    ),
    "view": (
        "/views",
        {"screen": "leaderboard", "name": "Wöche <1>"},
        "Saved as Wöche <1>.",
    ),
}


@pytest.fixture
def world(make_project, make_usage):
    """Vera in Checkout."""
    make_project("Checkout")
    make_usage("vera", project="checkout")
    accounts.create_user("max", NOW)


def told(page):
    """What the page says was done."""
    return [text(one) for one in re.findall(r'<p class="tb-done">(.*?)</p>', page.text)]


@pytest.mark.parametrize("do", DONE)
def test_what_was_done_is_told_on_the_page_after_it_and_not_again(client, world, do):
    address, form, sentence = DONE[do]

    answer = client.post(address, data=form, headers=OWN)

    assert answer.status_code == 303
    assert told(client.get(answer.location)) == [sentence]
    assert told(client.get(answer.location)) == []


def test_it_is_told_although_the_browser_has_the_page(client, world):
    had = client.get("/leaderboard").headers["ETag"]

    client.post("/views", data={"screen": "leaderboard", "name": "Week"}, headers=OWN)

    first = client.get("/leaderboard", headers={"If-None-Match": had})
    again = client.get("/leaderboard", headers={"If-None-Match": had})
    assert told(first) == ["Saved as Week."]
    assert again.status_code == 304


def test_the_same_words_are_told_once_each_time(client, world):
    for _ in range(2):
        address, form, sentence = DONE["rates"]
        answer = client.post(address, data=form, headers=OWN)

        assert told(client.get(answer.location)) == [sentence]
        assert told(client.get(answer.location)) == []


def test_who_cannot_see_is_told_as_well(client, world):
    address, form, sentence = DONE["budget"]
    client.post(address, data=form, headers=OWN)

    page = client.get("/budgets", headers=HTMX | {"HX-Target": "main"})

    assert re.search(rf'id="announcement"[^>]*>{re.escape(sentence)}</p>', page.text)


def test_whose_session_has_ended_is_told_so_at_the_door(ada, client):
    sign_in.end_all(ada)

    away = client.get("/budgets")

    assert told(client.get(away.location)) == ["Your session has ended: sign in to go on."]
    assert told(client.get(away.location)) == []


def test_who_was_never_here_is_told_of_no_session(anonymous):
    assert told(anonymous.get(anonymous.get("/budgets").location)) == []


@pytest.mark.parametrize(
    ("address", "form", "sentence"),
    [
        ("/sign-out", {}, "You are signed out."),
        ("/account/sessions", {"session": "all"}, "You are signed out everywhere."),
    ],
)
def test_who_signs_out_is_told_so_at_the_door(client, address, form, sentence):
    answer = client.post(address, data=form, headers=OWN)

    assert answer.location == "/sign-in"
    assert told(client.get(answer.location)) == [sentence]


def test_a_refusal_tells_of_nothing_done(client, world):
    answer = client.post("/budgets", data={"do": "set", "amount": "much"}, headers=OWN)

    assert answer.status_code == 422
    assert told(client.get("/budgets")) == []


def test_a_name_of_any_length_is_told_within_what_browsers_keep(client, world):
    form = {"name": "\U0001d4d0" * TEXT_LIMITS["project"], "timezone": "UTC"}
    answer = client.post("/admin/projects", data=form, headers=OWN)
    kept = answer.headers["Set-Cookie"]

    assert len(kept) < 4096
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(kept.split("; "))
