"""Every route and who may pass: a new one fails here until somebody says so, in one line."""

import pytest
from conftest import HTMX, ON_ONE_DATABASE, native
from visitors import KEYS, LIKE_NOBODY, PEOPLE, VISITORS, WORDS, leaks

pytestmark = ON_ONE_DATABASE
SIGN_IN = 302
TOKEN = "embed token of A"


def all_get(status, **but):
    """Everyone gets that status, but for some: all_get(302, member=404, super_admin=200)."""
    told = dict.fromkeys(VISITORS, status)
    changed = {name.replace("_", " "): other for name, other in but.items()}
    return told | {name: changed.get(name.lower(), told[name]) for name in told}


def signed_in_get(status, **but):
    """The same for people; all others are shown the way in. Keys open no page."""
    return all_get(SIGN_IN) | {name: all_get(status, **but)[name] for name in PEOPLE}


def keys_get(status, *scopes):
    """That status with keys of these scopes; 403 with others, 401 without a live one."""
    allowed = {key: status if key.split()[0] in scopes else 403 for key in KEYS}
    return all_get(401) | allowed | dict.fromkeys(("revoked key", TOKEN), 401)


OPEN, CLOSED, USED = all_get(200), all_get(404), all_get(410)
# What is about other people: nothing that a member gets to see.
PAGE = signed_in_get(200, member=404)
OWN_PAGE, OWN_FORM = signed_in_get(200), signed_in_get(422)
ADMIN, ADMIN_FORM = (signed_in_get(404, super_admin=status) for status in (200, 422))
# What people and programs take with them.
FILE = PAGE | {name: told for name, told in keys_get(200, "read").items() if name in KEYS}
EMBEDDED = all_get(401) | {TOKEN: 200}
READ, INGEST = keys_get(200, "read"), keys_get(200, "ingest")

# In A, Vera works; in B, Otto does. Forms are sent empty, so those who may send them get a 422.
ROUTES = {
    ("GET", "/"): ("/", all_get(302)),
    ("GET", "/leaderboard"): ("/leaderboard", PAGE),
    ("GET", "/users"): ("/users", PAGE),
    ("GET", "/users/<username:username>"): ("/users/vera", PAGE | {"admin of B": 404}),
    ("GET", "/overview"): ("/overview", PAGE),
    ("GET", "/overview.<any(csv, json, tsv):form>"): ("/overview.csv", FILE),
    ("GET", "/leaderboard.<any(csv, json, tsv):form>"): ("/leaderboard.csv", FILE),
    ("GET", "/users.<any(csv, json, tsv):form>/<username:username>"): (
        "/users.csv/vera",
        FILE | {"admin of B": 404},
    ),
    ("GET", "/budgets"): ("/budgets", OWN_PAGE),
    ("POST", "/budgets"): ("/budgets", OWN_FORM),
    ("GET", "/notices"): ("/notices", OWN_PAGE),
    ("POST", "/notices"): ("/notices", OWN_FORM),
    ("GET", "/views"): ("/views", OWN_PAGE),
    ("POST", "/views"): ("/views", OWN_FORM),
    ("POST", "/views/<int:id>"): ("/views/1", signed_in_get(404)),
    ("GET", "/api/v1/leaderboard"): ("/api/v1/leaderboard", READ),
    ("GET", "/api/v1/users/<username:username>"): ("/api/v1/users/vera", READ),
    ("POST", "/api/v1/events"): ("/api/v1/events", INGEST),
    ("POST", "/ingest/litellm"): ("/ingest/litellm", INGEST),
    ("POST", "/v1/<any(traces, logs, metrics):signal>"): ("/v1/traces", INGEST),
    ("POST", "/api/v1/embed-tokens"): ("/api/v1/embed-tokens", keys_get(422, "embed")),
    ("GET", "/embed/leaderboard"): ("/embed/leaderboard", EMBEDDED),
    ("GET", "/embed/users/<username:username>"): ("/embed/users/vera", EMBEDDED),
    ("GET", "/embed/frame"): ("/embed/frame", CLOSED),
    ("GET", "/embed/<path:_rest>"): ("/embed/nothing", CLOSED),
    ("GET", "/grants"): ("/grants", PAGE),
    ("POST", "/grants"): ("/grants", signed_in_get(422, member=404)),
    ("GET", "/static/embed/<name>"): ("/static/embed/none", CLOSED),
    ("GET", "/sign-in"): ("/sign-in", OPEN),
    ("GET", "/sign-in/<token>"): ("/sign-in/made-up", USED),
    ("POST", "/sign-in"): ("/sign-in", all_get(422)),
    ("GET", "/set-password/<token>"): ("/set-password/made-up", USED),
    ("POST", "/set-password/<token>"): ("/set-password/made-up", USED),
    ("GET", "/sign-in/oidc"): ("/sign-in/oidc", CLOSED),
    ("GET", "/sign-in/oidc/callback"): ("/sign-in/oidc/callback", CLOSED),
    ("GET", "/account"): ("/account", OWN_PAGE),
    ("POST", "/account/password"): ("/account/password", OWN_FORM),
    ("POST", "/account/sessions"): ("/account/sessions", OWN_FORM),
    ("POST", "/sign-out"): ("/sign-out", all_get(302)),
    ("GET", "/admin"): ("/admin", signed_in_get(404, super_admin=302)),
    ("GET", "/admin/arrivals"): ("/admin/arrivals", ADMIN),
    ("GET", "/admin/identities"): ("/admin/identities", ADMIN),
    ("GET", "/admin/identities/<username:name>/person"): ("/admin/identities/vera/person", ADMIN),
    ("POST", "/admin/identities/<username:name>/person"): (
        "/admin/identities/vera/person",
        ADMIN_FORM,
    ),
    ("GET", "/admin/import"): ("/admin/import", ADMIN),
    ("POST", "/admin/import"): ("/admin/import", ADMIN_FORM),
    ("GET", "/admin/people"): ("/admin/people", ADMIN),
    ("POST", "/admin/people"): ("/admin/people", ADMIN_FORM),
    ("GET", "/admin/people/<username:name>"): ("/admin/people/vera", ADMIN),
    ("POST", "/admin/people/<username:name>"): ("/admin/people/vera", ADMIN_FORM),
    ("GET", "/admin/projects"): ("/admin/projects", ADMIN),
    ("POST", "/admin/projects"): ("/admin/projects", ADMIN_FORM),
    ("GET", "/admin/projects/<slug>"): ("/admin/projects/checkout", ADMIN),
    ("POST", "/admin/projects/<slug>"): ("/admin/projects/checkout", ADMIN_FORM),
    ("POST", "/admin/projects/<slug>/days"): (
        "/admin/projects/checkout/days",
        signed_in_get(404, super_admin=303),
    ),
    ("GET", "/admin/prices"): ("/admin/prices", ADMIN),
    ("POST", "/admin/prices"): ("/admin/prices", ADMIN_FORM),
    ("POST", "/projects/<slug>/rates"): (
        "/projects/checkout/rates",
        signed_in_get(422, member=404) | {"admin of B": 404},
    ),
    ("GET", "/admin/keys"): ("/admin/keys", ADMIN),
    ("POST", "/admin/keys"): ("/admin/keys", ADMIN_FORM),
    ("GET", "/admin/webhooks"): ("/admin/webhooks", ADMIN),
    ("POST", "/admin/webhooks"): ("/admin/webhooks", ADMIN_FORM),
    ("GET", "/admin/audit"): ("/admin/audit", ADMIN),
    ("GET", "/healthz"): ("/healthz", OPEN),
    ("GET", "/readyz"): ("/readyz", OPEN),
    ("GET", "/metrics"): ("/metrics", READ | {"read key of A": 403}),
    ("GET", "/assets/<version>/<name>"): ("/assets/old/board.css", CLOSED),
}
BODIES = {"/api/v1/events": [native(1, user="vera", project="checkout")], "/v1/traces": {}}
PAGES = [path for path, told in ROUTES.values() if told in (PAGE, ADMIN)]


@pytest.fixture
def visit(visitors):
    """Asks a route as one of the visitors."""

    def visit(visitor, method, path, **asked):
        client, headers = visitors.arrive(visitor)
        headers = headers | asked.pop("headers", {})
        if method == "POST":
            asked["json"] = BODIES.get(path, [])
        return client.open(path, method=method, headers=headers, **asked)

    return visit


def test_every_route_is_listed_here(app):
    served = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert served == set(ROUTES)


@pytest.mark.parametrize("visitor", VISITORS)
def test_a_route_lets_in_whom_it_should_and_no_one_else(visit, visitor):
    wrong = {}
    for (method, rule), (path, told) in ROUTES.items():
        response = visit(visitor, method, path)
        if response.status_code != told[visitor]:
            wrong[method, rule] = response.status_code
        assert not leaks(visitor, response.text), (method, rule)
        if response.status_code == SIGN_IN and visitor not in PEOPLE:
            assert response.location == "/sign-in", (method, rule)

    assert wrong == {}


@pytest.mark.parametrize("visitor", ["nobody", "member", "admin of B", "read key of A"])
def test_looking_without_reading_tells_no_more_than_reading(visit, visitor):
    for (method, rule), (path, told) in ROUTES.items():
        if method == "GET":
            looked = visit(visitor, "HEAD", path)
            # A link that is only looked at isn't used up.
            assert looked.status_code == (200 if rule == "/sign-in/<token>" else told[visitor]), (
                rule
            )
            assert looked.data == b""
        asked = visit(visitor, "OPTIONS", path)
        assert (asked.status_code, asked.data) == (200, b""), rule


def test_a_sight_of_everything_names_everyone(visit):
    paths = [path for (method, _), (path, _) in ROUTES.items() if method == "GET"]
    told = "".join(visit("super admin", "GET", path).text for path in [*paths, "/users/otto"])

    assert not [word for word in WORDS["A"] + WORDS["B"] if word not in told]


@pytest.mark.parametrize("visitor", [*LIKE_NOBODY, *KEYS])
def test_htmx_takes_the_whole_browser_to_the_sign_in(visit, visitor):
    for path in PAGES:
        response = visit(visitor, "GET", path, headers=HTMX)

        assert response.status_code == 401
        assert response.headers["HX-Redirect"] == "/sign-in"
        assert response.text == ""


def test_a_key_in_the_address_opens_nothing(app, visitors, make_key):
    token = make_key("read", "ingest", "embed")["Authorization"].removeprefix("Bearer ")
    asked = {"key": token, "access_token": token, "api_key": token}

    for path, _ in ROUTES.values():
        response = app.test_client().get(path, query_string=asked)
        assert not leaks("nobody", response.text), path


@pytest.mark.parametrize("visitor", ["nobody", "super admin", "admin of A", "read key"])
def test_every_answer_is_protected_and_kept_nowhere(visit, visitor):
    for (method, rule), (path, _) in ROUTES.items():
        for headers in ({}, HTMX):
            response = visit(visitor, method, path, headers=headers)
            told = response.headers
            assert told["Content-Security-Policy"].startswith("default-src 'none';"), rule
            assert "unsafe" not in told["Content-Security-Policy"]
            assert told["X-Content-Type-Options"] == "nosniff"
            assert told["Referrer-Policy"] == "same-origin"
            assert told.getlist("Cache-Control") == ["no-store"], rule
            if response.mimetype == "text/html":
                assert "HX-Request" in response.vary, rule


def test_the_way_in_names_no_person_and_no_number(anonymous, make_usage):
    make_usage("vera", project="checkout")

    assert not {"vera", "checkout", "1,000"} & set(anonymous.get("/sign-in").text.split())
