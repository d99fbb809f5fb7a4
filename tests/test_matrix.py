"""Every route for people of every standing; the names of one project asked by another's admin."""

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, browser_of, native
from test_routes import OWN, ROUTES, SIGN_IN

from models import Session
from usage import accounts

pytestmark = ON_ONE_DATABASE
BOARDS = ("/leaderboard", "/users", "/users/vera")
LIKE_NOBODY = ("disabled user", "revoked session")
ADMINS = ("admin of A", "admin of B")
B = {"project": "mobile", "person": "otto", "name": "Otto Hahn", "model": "model-of-b"}
QUESTIONS = (
    "/leaderboard",
    "/users",
    "/users/otto",
    "/users/vera",
    "/api/v1/leaderboard",
    "/api/v1/users/otto",
    "/api/v1/users/vera",
)


@pytest.fixture
def world(app, ada, make_project, make_usage):
    """Vera in Checkout (A), Otto in Mobile (B), and an admin for each."""
    make_project("checkout")
    make_project("mobile")
    make_usage("vera", project="checkout")
    make_usage("otto", project="mobile", display_name=B["name"], model=B["model"], calls=77)
    for name, slug in (("a", "checkout"), ("b", "mobile")):
        accounts.create_user(name, NOW)
        accounts.set_role(name, "project_admin", [slug])


@pytest.fixture
def arrive(app, world):
    """The browser of one of the visitors."""

    def start(visitor):
        if visitor in ADMINS:
            return browser_of(app, accounts.person(visitor[-1].lower()))
        client = browser_of(app, accounts.create_user("gone", NOW, role="super_admin"))
        if visitor == "disabled user":
            accounts.disable_user("gone", NOW)
        else:
            Session.delete().execute()
        return client

    return start


def expected(visitor, path, usual):
    """The status of a route for a visitor, given what others get there."""
    if visitor in LIKE_NOBODY:
        return usual["nobody"]
    if path in BOARDS:
        return 404 if (visitor, path) == ("admin of B", "/users/vera") else 200
    if path.startswith("/admin"):
        return 404
    return usual["member"]


@pytest.mark.parametrize("visitor", [*LIKE_NOBODY, *ADMINS])
@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_a_route_is_open_to_those_of_that_standing_alone(arrive, visitor, method, rule):
    path, usual = ROUTES[method, rule]
    body = {"/api/v1/events": [native(1)], "/v1/traces": {}}.get(path, [])
    sent = {"json": body} if method == "POST" else {}

    response = arrive(visitor).open(path, method=method, headers=OWN, **sent)

    assert response.status_code == expected(visitor, path, usual)
    if visitor == "admin of B" or visitor in LIKE_NOBODY:
        assert ">vera<" not in response.text
    if visitor in LIKE_NOBODY and response.status_code == SIGN_IN:
        assert response.location == "/sign-in"


@pytest.mark.parametrize("path", QUESTIONS)
@pytest.mark.parametrize("parameter", ["project", "q", "source", "sort", "from", "days", "page"])
@pytest.mark.parametrize("value", B.values())
@pytest.mark.parametrize("headers", [{}, HTMX, HTMX | {"HX-Target": "main"}])
def test_no_name_of_another_project_brings_anything_of_it(
    app, world, anonymous, make_key, path, parameter, value, headers
):
    machine = path.startswith("/api/")
    if machine:
        key = make_key("read", project="checkout")
        response = anonymous.get(path, query_string={parameter: value}, headers=key)
    else:
        client = browser_of(app, accounts.person("a"))
        response = client.get(path, query_string={parameter: value}, headers=headers)

    # What was asked for stands in links and inputs again.
    told = response.text.replace(value, "")
    if response.status_code == 200:
        assert parameter == "q"
        assert "77" not in told
    else:
        assert response.status_code in (404, 422)
    assert not [other for other in B.values() if other != value and other in told]
