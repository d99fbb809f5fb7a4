"""What was just done is told once, on the page after it."""

import re

import pytest
from conftest import GOOD, HTMX, NOW, ON_ONE_DATABASE, SECRET
from reading import text

from models import SavedView
from usage import accounts, keys, merging, sign_in

pytestmark = ON_ONE_DATABASE
OWN = {"Sec-Fetch-Site": "same-origin"}
VIEW = {"screen": "leaderboard", "name": "Week"}
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
    "key": (
        "/admin/keys",
        {"do": "revoke", "name": "old"},
        "The key old is revoked.",
    ),
    "grant": (
        "/grants",
        {
            "do": "create",
            "portal": "intranet",
            "origins": "https://intranet.example",
            "columns": "calls",
            "identity": "named",
        },
        "The grant of intranet is made.",
    ),
    "session": (
        "/admin/people/vera",
        {"do": "session", "session": "all"},
        "vera is signed out everywhere.",
    ),
    "own password": (
        "/account/password",
        {"password": GOOD},
        "Your password is set; other browsers are signed out.",
    ),
    "zone": (
        "/admin/projects/checkout",
        {"do": "zone", "timezone": "Asia/Tokyo"},
        "Days are told in Asia/Tokyo; earlier ones follow.",
    ),
    "same zone": (
        "/admin/projects/checkout",
        {"do": "zone", "timezone": "UTC"},
        "Nothing changed.",
    ),
    "name parted": (
        "/admin/identities/wim/person",
        {"do": "part"},
        "wim counts for itself again.",
    ),
    "name confirmed": (
        "/admin/identities/vera/person",
        {"do": "confirm"},
        "vera is a person from now on.",
    ),
    "project": ("/admin/projects", {"name": "Docs"}, "The project Docs is made."),
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
    accounts.create_user("wim", NOW)
    merging.merge("wim", "vera", NOW)
    keys.create("old", ["read"], NOW)


def told(page):
    """What the page says was done."""
    return [text(one) for one in re.findall(r'<p class="tb-done"[^>]*>(.*?)</p>', page.text)]


@pytest.mark.parametrize("do", DONE)
def test_what_was_done_is_told_on_the_page_after_it_and_not_again(client, world, do):
    address, form, sentence = DONE[do]

    answer = client.post(address, data=form, headers=OWN)

    assert answer.status_code == 303
    assert told(client.get(answer.location)) == [sentence]
    assert told(client.get(answer.location)) == []


def test_it_is_told_although_the_browser_has_the_page(client, world):
    had = client.get("/leaderboard").headers["ETag"]

    client.post("/views", data=VIEW, headers=OWN)

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


@pytest.mark.parametrize("do", sorted(DONE.keys() - {"rates", "view"}))
def test_who_cannot_see_is_told_as_well_and_nothing_else(client, world, do):
    address, form, sentence = DONE[do]
    answer = client.post(address, data=form, headers=OWN)

    page = client.get(answer.location, headers=HTMX | {"HX-Target": "main"})

    heard = re.findall(r'id="announcement"[^>]*>(.*?)</p>', page.text)
    assert heard == [sentence]


@pytest.mark.parametrize("do", ["rename", "delete", "start", "usual"])
def test_it_is_told_what_became_of_a_view(client, world, do):
    client.get(client.post("/views", data=VIEW, headers=OWN).location)
    (id,) = [one.id for one in SavedView.select()]

    answer = client.post(f"/views/{id}", data={"do": do, f"name-{id}": "Fortnight"}, headers=OWN)

    assert told(client.get(answer.location)) == [
        {
            "rename": "Week is called Fortnight now.",
            "delete": "Week is deleted.",
            "start": "Week is your start page now.",
            "usual": "You start with the usual page now.",
        }[do]
    ]


@pytest.mark.parametrize(
    "headers",
    [
        HTMX | {"HX-Target": "region", "HX-Trigger": "region"},
        HTMX | {"HX-Target": "views"},
    ],
    ids=["a live table", "a menu"],
)
def test_a_part_of_a_page_leaves_it_to_the_page(client, world, headers):
    client.post("/views", data=VIEW, headers=OWN)

    client.get("/leaderboard?live=1", headers=headers)
    client.head("/leaderboard")

    assert told(client.get("/leaderboard")) == ["Saved as Week."]


def test_a_page_that_is_missing_leaves_it_to_the_next(client, world):
    client.post("/views", data=VIEW, headers=OWN)

    assert client.get("/users/nobody").status_code == 404
    assert told(client.get("/leaderboard")) == ["Saved as Week."]


def test_nobody_else_is_told(client, world):
    client.post("/views", data=VIEW, headers=OWN)
    client.post("/sign-out", headers=OWN)
    link = sign_in.create_link(accounts.person("max"), SECRET, NOW)

    assert told(client.get(client.get(f"/sign-in/{link}").location)) == []


@pytest.mark.parametrize("said", ["Saved as Week.", "0" * 32 + "Saved as Week.", "%E2%80%AE", ""])
def test_what_the_board_did_not_say_is_not_told(client, world, said):
    client.set_cookie("tallyboard-done", said)

    assert told(client.get("/leaderboard")) == []


def test_a_page_that_the_browser_has_is_not_taken_for_one_that_tells_the_same(client, world):
    address, form, sentence = DONE["rates"]
    client.post(address, data=form, headers=OWN)
    tag = client.get("/leaderboard?project=checkout").headers["ETag"]
    client.post(address, data=form, headers=OWN)

    again = client.get("/leaderboard?project=checkout", headers={"If-None-Match": tag})

    assert told(again) == [sentence]


def test_portals_read_and_set_no_cookie(client, world, anonymous, make_grant, portal):
    make_grant()
    client.post("/sign-out", headers=OWN)
    anonymous.set_cookie("tallyboard-done", client.get_cookie("tallyboard-done").value)

    answer = portal().get("/embed/leaderboard")

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


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


def test_who_ends_all_sessions_by_script_is_led_to_the_whole_page(client):
    answer = client.post("/account/sessions", data={"session": "all"}, headers=OWN | HTMX)

    assert answer.headers["HX-Redirect"] == "/sign-in"
    assert told(client.get("/sign-in")) == ["You are signed out everywhere."]


def test_a_refusal_tells_of_nothing_done(client, world):
    answer = client.post("/budgets", data={"do": "set", "amount": "much"}, headers=OWN)

    assert answer.status_code == 422
    assert told(client.get("/budgets")) == []


def test_a_name_of_any_length_is_told_within_what_browsers_keep(client, world):
    long = "\U0001d4d0" * 200
    form = PRICE | {"do": "set", "provider": long, "model": long}
    answer = client.post("/admin/prices", data=form, headers=OWN)
    kept = answer.headers["Set-Cookie"]

    assert len(kept) < 4096
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(kept.split("; "))
