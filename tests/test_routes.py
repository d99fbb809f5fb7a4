"""Every route and who may pass: a new one fails here until somebody says so."""

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, browser_of, native

from usage import accounts

pytestmark = ON_ONE_DATABASE
OWN = {"Sec-Fetch-Site": "same-origin"}
PEOPLE = ("nobody", "member", "super admin")
KEYS = ("ingest key", "read key", "embed key")
VISITORS = (*PEOPLE, *KEYS)
SIGN_IN = 302

OPEN = dict.fromkeys(VISITORS, 200)
# Keys sign programs' requests; they open no page. A member sees no project yet.
PAGE = dict.fromkeys(VISITORS, SIGN_IN) | {"member": 404, "super admin": 200}
OWN_PAGE = dict.fromkeys(VISITORS, SIGN_IN) | {"member": 200, "super admin": 200}
OWN_FORM = dict.fromkeys(VISITORS, SIGN_IN) | {"member": 422, "super admin": 422}
READ = dict.fromkeys(PEOPLE, 401) | dict.fromkeys(KEYS, 403) | {"read key": 200}
# The same, but without the name that the others show.
ADMIN = dict(PAGE)
INGEST = dict.fromkeys(PEOPLE, 401) | dict.fromkeys(KEYS, 403) | {"ingest key": 200}

ROUTES = {
    ("GET", "/"): ("/", dict.fromkeys(VISITORS, 302)),
    ("GET", "/leaderboard"): ("/leaderboard", PAGE),
    ("GET", "/users"): ("/users", PAGE),
    ("GET", "/users/<username:username>"): ("/users/vera", PAGE),
    ("GET", "/api/v1/leaderboard"): ("/api/v1/leaderboard", READ),
    ("GET", "/api/v1/users/<username:username>"): ("/api/v1/users/vera", READ),
    ("POST", "/api/v1/events"): ("/api/v1/events", INGEST),
    ("POST", "/ingest/litellm"): ("/ingest/litellm", INGEST),
    ("POST", "/v1/<any(traces, logs, metrics):signal>"): ("/v1/traces", INGEST),
    ("GET", "/sign-in"): ("/sign-in", OPEN),
    ("GET", "/sign-in/<token>"): ("/sign-in/made-up", dict.fromkeys(VISITORS, 410)),
    ("POST", "/sign-in"): ("/sign-in", dict.fromkeys(VISITORS, 422)),
    ("GET", "/set-password/<token>"): ("/set-password/made-up", dict.fromkeys(VISITORS, 410)),
    ("POST", "/set-password/<token>"): ("/set-password/made-up", dict.fromkeys(VISITORS, 410)),
    ("GET", "/sign-in/oidc"): ("/sign-in/oidc", dict.fromkeys(VISITORS, 404)),
    ("GET", "/sign-in/oidc/callback"): ("/sign-in/oidc/callback", dict.fromkeys(VISITORS, 404)),
    ("GET", "/account"): ("/account", OWN_PAGE),
    ("POST", "/account/password"): (
        "/account/password",
        OWN_PAGE | dict.fromkeys(("member", "super admin"), 422),
    ),
    ("POST", "/account/sessions"): (
        "/account/sessions",
        OWN_PAGE | dict.fromkeys(("member", "super admin"), 422),
    ),
    ("POST", "/sign-out"): ("/sign-out", dict.fromkeys(VISITORS, 302)),
    ("GET", "/admin"): ("/admin", PAGE | {"super admin": 302}),
    ("GET", "/admin/arrivals"): ("/admin/arrivals", ADMIN),
    ("GET", "/admin/identities"): ("/admin/identities", PAGE),
    ("GET", "/admin/identities/<username:name>/person"): (
        "/admin/identities/vera/person",
        PAGE,
    ),
    ("POST", "/admin/identities/<username:name>/person"): (
        "/admin/identities/vera/person",
        PAGE | {"super admin": 422},
    ),
    ("GET", "/admin/import"): ("/admin/import", ADMIN),
    ("POST", "/admin/import"): ("/admin/import", PAGE | {"super admin": 422}),
    ("GET", "/admin/people"): ("/admin/people", PAGE),
    ("POST", "/admin/people"): ("/admin/people", PAGE | {"super admin": 422}),
    ("GET", "/admin/people/<username:name>"): ("/admin/people/vera", PAGE),
    ("POST", "/admin/people/<username:name>"): (
        "/admin/people/vera",
        PAGE | {"super admin": 422},
    ),
    ("GET", "/admin/projects"): ("/admin/projects", ADMIN),
    ("POST", "/admin/projects"): ("/admin/projects", PAGE | {"super admin": 422}),
    ("GET", "/admin/projects/<slug>"): ("/admin/projects/checkout", ADMIN),
    ("POST", "/admin/projects/<slug>"): (
        "/admin/projects/checkout",
        PAGE | {"super admin": 422},
    ),
    ("POST", "/admin/projects/<slug>/days"): (
        "/admin/projects/checkout/days",
        PAGE | {"super admin": 303},
    ),
    ("GET", "/admin/keys"): ("/admin/keys", ADMIN),
    ("POST", "/admin/keys"): ("/admin/keys", PAGE | {"super admin": 422}),
    ("GET", "/admin/audit"): ("/admin/audit", ADMIN),
    ("GET", "/healthz"): ("/healthz", OPEN),
    ("GET", "/readyz"): ("/readyz", OPEN),
    ("GET", "/assets/<version>/<name>"): ("/assets/old/board.css", dict.fromkeys(VISITORS, 404)),
}
PAGES = [path for path, expected in ROUTES.values() if expected in (PAGE, ADMIN)]


@pytest.fixture
def visit(app, ada, make_key, make_usage):
    """Sends a request as one of the visitors."""
    make_usage("vera", project="checkout")
    member = accounts.create_user("otto", NOW)

    def visit(visitor, method, path, headers=OWN):
        people = {"member": member, "super admin": ada}
        client = browser_of(app, people[visitor]) if visitor in people else app.test_client()
        key = make_key(visitor.split()[0]) if visitor in KEYS else {}
        body = {"/api/v1/events": [native(1)], "/v1/traces": {}}.get(path, [])
        sent = {"json": body} if method == "POST" else {}
        return client.open(path, method=method, headers=headers | key, **sent)

    return visit


def test_every_route_is_listed_here(app):
    served = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert served == set(ROUTES)


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_a_route_lets_in_whom_it_should_and_no_one_else(visit, visitor, method, rule):
    path, expected = ROUTES[method, rule]
    names = expected is PAGE or expected is READ

    response = visit(visitor, method, path)

    assert response.status_code == expected[visitor]
    assert ("vera" in response.text) == (response.status_code == 200 and names)
    if expected in (PAGE, ADMIN) and response.status_code == SIGN_IN:
        assert response.location == "/sign-in"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("visitor", ["nobody", *KEYS])
def test_htmx_takes_the_whole_browser_to_the_sign_in(visit, visitor, path):
    response = visit(visitor, "GET", path, HTMX)

    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/sign-in"
    assert response.text == ""


@pytest.mark.parametrize("path", [path for path, _ in ROUTES.values()])
def test_a_key_in_the_address_opens_nothing(app, make_key, make_usage, path):
    make_usage("vera")
    token = make_key("read", "ingest", "embed")["Authorization"].removeprefix("Bearer ")

    response = app.test_client().get(path, query_string={"key": token, "access_token": token})

    assert "vera" not in response.text


def test_the_way_in_names_no_person_and_no_number(anonymous, make_usage):
    make_usage("vera", project="checkout")

    assert not {"vera", "checkout", "1,000"} & set(anonymous.get("/sign-in").text.split())
