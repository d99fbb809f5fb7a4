"""GET /users/<username> - whatever somebody is called, their details can be reached."""

import re
from html import unescape

import pytest
from conftest import HTMX
from reading import element, facts, names, text


@pytest.mark.parametrize("username", ["nobody", "VERA", "vera ", "ver%25", "a/b", "ü" * 300])
@pytest.mark.parametrize(("headers", "shape"), [({}, "<html"), (HTMX, '<p id="notice"')])
def test_somebody_unknown_is_not_found(client, make_usage, username, headers, shape):
    make_usage("vera")

    response = client.get(f"/users/{username}", headers=headers)

    assert response.status_code == 404
    assert shape in response.text
    assert "There is no such person here." in text(response.text)


@pytest.mark.parametrize("path", ["/users/%00", "/users/vera%00"])
def test_a_name_that_no_database_can_hold_is_not_found(client, path):
    assert client.get(path).status_code == 404


NAMES = [
    "Vera Kowalska",
    "team/vera",
    "a//b",
    "tail/",
    "100%",
    "a%2Fb",
    "żółć 漢字 🙂",
    'O\'Brien "Bob"',
    "who?me#1&you=2",
    "back\\slash;semi",
    "plus+and+space",
    "vera@example.com",
    "/rooted",
    "//rooted",
]


@pytest.mark.parametrize("username", NAMES)
def test_view_details_leads_to_the_person_whatever_their_name(client, make_usage, username):
    make_usage("somebody else", calls=2)
    make_usage(username)

    link = unescape(re.findall(r'href="(/users/[^"]+)"', client.get("/leaderboard").text)[-1])
    page = client.get(link)
    part = client.get(link, headers=HTMX)

    assert facts(page)["API Calls"] == facts(part)["API Calls"] == "1"
    assert username in unescape(page.text)
    assert part.headers["HX-Push-Url"] == link
    # The filters of the page lead to the same person.
    again = client.get(re.search(r'hx-get="([^"]+)"', element(page, "by-last"))[1])
    assert facts(again)["API Calls"] == "1"


def test_an_address_is_the_same_person_in_any_case(client, make_usage):
    make_usage("Vera.K@Example.com")
    make_usage("vera.k@example.COM")

    assert names(client.get("/leaderboard")) == ["vera.k@example.com"]
    assert facts(client.get("/users/VERA.K@example.com"))["API Calls"] == "2"
