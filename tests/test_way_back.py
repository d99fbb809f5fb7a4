"""Where a sign-in leads: to the page that was asked for before it, and to no other host."""

import pytest
from conftest import GOOD, HTMX, NOW, ON_ONE_DATABASE, OTHER, SECRET, settings

from usage import sign_in

PAGE = "tallyboard-page"
ASKED = "/leaderboard?q=R%26D+caf%C3%A9&days=7&sort=cost"


@pytest.fixture
def arrive(ada, anonymous):
    """Signs Ada in with a link, in the browser that may have asked for a page; the answer."""

    def arrive(path="", **asked):
        path and anonymous.get(path, **asked)
        return anonymous.get(f"/sign-in/{sign_in.create_link(ada, SECRET, NOW)}", **asked)

    return arrive


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_whoever_signs_in_is_led_to_what_they_asked_for_and_only_once(arrive, headers):
    assert arrive(ASKED, headers=headers).location == ASKED

    assert arrive().location == "/leaderboard"


def test_so_is_whoever_signs_in_with_a_password(enter, anonymous, vera):
    anonymous.get("/users/vera?days=90")
    assert enter("vera", OTHER, by=anonymous).status_code == 422

    assert enter("vera", GOOD, by=anonymous).location == "/users/vera?days=90"


@ON_ONE_DATABASE
@pytest.mark.parametrize("name", ["a/b", "x?y=#z", "ünï", "100%"])
def test_any_name_stands_in_the_address(arrive, make_usage, anonymous, name):
    make_usage(name)

    response = arrive("/users/" + name.replace("%", "%25").replace("?", "%3F").replace("#", "%23"))

    assert anonymous.get(response.location).status_code == 200


@ON_ONE_DATABASE
def test_the_path_of_a_proxy_comes_first(app, arrive, monkeypatch):
    monkeypatch.setitem(app.extensions, "settings", settings(trusted_proxies="127.0.0.1"))

    assert arrive(ASKED, headers={"X-Forwarded-Prefix": "/ai"}).location == f"/ai{ASKED}"


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", ["/", "/leaderboard.csv", f"/leaderboard?q={'x' * 3000}"])
def test_what_is_no_page_to_go_back_to_is_not_remembered(arrive, anonymous, path):
    anonymous.get(path)

    assert not anonymous.get_cookie(PAGE)
    assert arrive().location == "/leaderboard"


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "page",
    [
        "//evil.example/",
        "/\\evil.example",
        "https://evil.example/",
        "/\t/evil.example",
        "evil.example",
        "/leaderboard\nX: y",
        "javascript:alert(1)",
    ],
)
def test_a_planted_page_of_another_host_leads_nowhere(arrive, anonymous, page):
    anonymous.set_cookie(PAGE, page)

    assert arrive().location == "/leaderboard"


@ON_ONE_DATABASE
def test_scripts_and_other_sites_can_not_reach_it(app, anonymous, monkeypatch):
    (header,) = anonymous.get(ASKED).headers.getlist("Set-Cookie")
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=1800"} <= set(header.split("; "))

    https = settings(public_url="https://tally.example.com")
    monkeypatch.setitem(app.extensions, "settings", https)
    (header,) = anonymous.get(ASKED).headers.getlist("Set-Cookie")
    assert header.startswith("__Host-tallyboard-page=")
    assert "Secure" in header.split("; ")


@ON_ONE_DATABASE
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_whose_form_came_too_late_is_led_back_to_the_form(arrive, anonymous, headers):
    own = {"Sec-Fetch-Site": "same-origin", "Referer": "http://localhost/budgets?page=2#set"}
    anonymous.post("/budgets", data={"do": "set", "amount": "20"}, headers=headers | own)

    assert arrive().location == "/budgets?page=2"


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "referrer", ["https://evil.example/budgets", "http://localhost//evil.example", "nonsense", ""]
)
def test_a_form_of_another_host_leads_to_no_page(arrive, anonymous, referrer):
    own = {"Sec-Fetch-Site": "same-origin", "Referer": referrer}
    anonymous.post("/budgets", data={"do": "set", "amount": "20"}, headers=own)

    assert arrive().location == "/leaderboard"
