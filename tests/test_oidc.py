"""Single sign-on with a real provider on this machine, an honest one and others."""

import json
import socket

import pytest
import time_machine
from conftest import NOW, ON_ONE_DATABASE, noted, settings
from provider import CLIENT, SECRET, Provider
from werkzeug.wrappers import Response

import models
from usage import accounts, merging

CALLBACK = "/sign-in/oidc/callback"
LATER = NOW.timestamp()


@pytest.fixture(scope="session")
def running():
    """The provider, started once."""
    provider = Provider(NOW)
    yield provider
    provider.close()


@pytest.fixture
def provider(running, app, monkeypatch):
    """The provider, honest, and the board that asks it."""
    running.forget()
    configure(app, monkeypatch, running.issuer)
    return running


@pytest.fixture
def sign_in(provider, anonymous):
    """Signs in with the provider, in one browser; the last answer of the board."""

    def sign_in(by=anonymous):
        return by.get(f"{CALLBACK}?{provider.authorize(by.get('/sign-in/oidc').location)}")

    return sign_in


def configure(app, monkeypatch, issuer, **changes):
    given = {"oidc_client_id": CLIENT, "oidc_client_secret": SECRET} | changes
    monkeypatch.setitem(app.extensions, "settings", settings(oidc_issuer=issuer, **given))


def assert_refused(response, status=403):
    assert response.status_code == status, response.text
    assert response.text.count('role="alert"') == 1
    assert not models.Session.select().exists()
    assert models.AuditEntry.get().action == "sign-in refused"


def test_somebody_new_is_made_and_signed_in(sign_in, anonymous):
    response = sign_in()

    vera = models.User.get()
    assert (vera.username, vera.email) == ("vera@example.com", "vera@example.com")
    assert vera.display_name == "Vera Rubin"
    assert response.location == "/users/vera@example.com"
    assert "known as vera@example.com" in anonymous.get("/account").text
    assert [(e.actor, e.action) for e in noted()] == [("vera@example.com", "sign-in")]


@pytest.mark.parametrize("claimed", ["ada@home.example", "Ada@Home.EXAMPLE"])
def test_somebody_known_is_found_by_any_of_their_names(sign_in, provider, ada, claimed):
    accounts.create_user("ada@home.example", NOW)
    merging.merge("ada@home.example", "ada", NOW)
    provider.person |= {"email": claimed, "name": "Ada King"}

    assert sign_in().location == "/leaderboard"
    assert accounts.person("ada").display_name == "Ada King"
    assert accounts.role_of(accounts.person("ada")) == "super_admin"


def test_an_address_that_came_with_usage_opens_no_door(sign_in, make_usage):
    accounts.create_user("grace", NOW, role="super_admin")
    make_usage("grace", email="vera@example.com")
    assert accounts.person("grace").email == "vera@example.com"

    assert sign_in().location == "/users/vera@example.com"
    assert role() == ("member", [])


def test_the_way_in_offers_the_provider_where_there_is_one(app, provider, monkeypatch):
    browser = app.test_client()
    assert "Sign in with single sign-on" in browser.get("/sign-in").text

    monkeypatch.setitem(app.extensions, "settings", settings())

    assert "Sign in with" not in browser.get("/sign-in").text
    assert browser.get("/sign-in/oidc").status_code == 404
    assert browser.get(CALLBACK).status_code == 404


@ON_ONE_DATABASE
def test_a_curve_signs_as_well(sign_in, provider):
    provider.changed = {"signed": "ES256"}

    assert sign_in().status_code == 302


@ON_ONE_DATABASE
@pytest.mark.parametrize("how", ["none", "", "HS256", "RS512", "stranger"])
def test_a_token_signed_otherwise_proves_nothing(sign_in, provider, how):
    provider.changed = {"signed": how}

    assert_refused(sign_in())
    assert not models.User.select().exists()


CLAIMS = {
    "another nonce": {"nonce": "of somebody else"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "another-board"},
    "an audience shared with others": {"aud": [CLIENT, "other"]},
    "for another party": {"aud": [CLIENT, "other"], "azp": "other"},
    "asked for here, for another": {"aud": "another-board", "azp": CLIENT},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "expired": {"exp": LATER - 61},
    "no expiry": {"exp": None},
    "expiry that is no number": {"exp": "tomorrow"},
    "from tomorrow": {"iat": LATER + 86400, "exp": LATER + 90000},
    "nobody": {"sub": None},
    "no address": {"email": None},
    "an empty address": {"email": " "},
    "an address that is a list": {"email": ["vera@example.com"]},
    "an address that is a username": {"email": "ada"},
    "an address of thousands": {"email": "v" * 5000 + "@example.com"},
    "an address that is no text": {"email": "\ud800@example.com"},
    "an address that leads nowhere": {"email": "../@example.com/.."},
    "an address of which nobody says that it is verified": {"email_verified": None},
    "an address not verified": {"email_verified": False},
    "an address not verified, in words": {"email_verified": "false"},
}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
def test_claims_that_prove_nothing_are_refused(sign_in, provider, ada, claims):
    provider.changed = {"claims": claims}

    assert_refused(sign_in())
    assert models.User.select().count() == 1


def test_a_name_that_is_no_text_is_left_out(sign_in, provider):
    provider.person |= {"name": "\ud800\x00", "groups": ["\ud800"]}

    assert sign_in().status_code == 302
    assert models.User.get().display_name == ""


@ON_ONE_DATABASE
@pytest.mark.parametrize("state", ["", "wrong", "%ED%A0%80", "é"])
def test_another_state_is_refused(provider, anonymous, state):
    query = provider.authorize(anonymous.get("/sign-in/oidc").location)

    assert_refused(anonymous.get(f"{CALLBACK}?{query.partition('&')[0]}&state={state}"))
    assert provider.codes


@ON_ONE_DATABASE
def test_a_callback_works_once_and_in_its_own_browser(provider, anonymous, app):
    anonymous.get("/sign-in/oidc")
    query = provider.authorize(anonymous.get("/sign-in/oidc").location)
    copy = anonymous.get_cookie("tallyboard-oidc").value

    assert app.test_client().get(f"{CALLBACK}?{query}").status_code == 403
    assert anonymous.get(f"{CALLBACK}?{query}").status_code == 302
    assert not anonymous.get_cookie("tallyboard-oidc")
    assert anonymous.get(f"{CALLBACK}?{query}").status_code == 403
    # Even a browser that kept its cookie gets nothing for a code that was spent.
    anonymous.set_cookie("tallyboard-oidc", copy)
    assert anonymous.get(f"{CALLBACK}?{query}").status_code == 403
    assert models.Session.select().count() == 1


@ON_ONE_DATABASE
def test_the_way_there_and_back_takes_ten_minutes_at_most(provider, anonymous):
    query = provider.authorize(anonymous.get("/sign-in/oidc").location)
    # The browser drops the cookie by itself; one that doesn't is refused.
    copy = anonymous.get_cookie("tallyboard-oidc").value

    # The provider's answer is fresh; the question is not.
    provider.changed = {"claims": {"iat": LATER + 601, "exp": LATER + 900}}
    with time_machine.travel(LATER + 601, tick=False):
        anonymous.set_cookie("tallyboard-oidc", copy)
        assert_refused(anonymous.get(f"{CALLBACK}?{query}"))


@ON_ONE_DATABASE
@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "é"])
def test_a_made_up_cookie_is_refused(provider, anonymous, cookie):
    anonymous.set_cookie("tallyboard-oidc", cookie)

    assert_refused(anonymous.get(f"{CALLBACK}?code=x&state="))


@ON_ONE_DATABASE
def test_who_gives_up_at_the_provider_is_back_at_the_way_in(provider, anonymous):
    state = provider.authorize(anonymous.get("/sign-in/oidc").location).partition("state=")[2]

    answer = anonymous.get(f"{CALLBACK}?error=access_denied&error_description=<b>x&state={state}")

    assert_refused(answer)
    assert "<b>x" not in answer.text


@ON_ONE_DATABASE
def test_what_is_kept_on_the_way_is_out_of_reach_of_scripts(provider, anonymous):
    (header,) = anonymous.get("/sign-in/oidc").headers.getlist("Set-Cookie")

    parts = {part.strip() for part in header.split(";")}
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} <= parts


NONSENSE = {
    "a page": Response("<h1>Hello</h1>", mimetype="text/html"),
    "nothing": Response(""),
    "a list": Response("[]", mimetype="application/json"),
    "a number": Response("7", mimetype="application/json"),
    "an empty object": Response("{}", mimetype="application/json"),
    "depths": Response("[" * 100_000, mimetype="application/json"),
    "no UTF-8": Response(b'{"\xff": 1}', mimetype="application/json"),
    "a failure": Response("{}", 500),
    "elsewhere": Response("", 302, {"Location": "https://evil.example/"}),
    "no token": Response('{"id_token": null, "access_token": "x"}', mimetype="application/json"),
    "no such token": Response('{"id_token": "a.b.c"}', mimetype="application/json"),
    "no such keys": Response('{"keys": [{"kty": "x"}, 7]}', mimetype="application/json"),
}


@ON_ONE_DATABASE
@pytest.mark.parametrize("endpoint", ["token", "jwks"])
@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_from_the_provider_is_a_sentence(sign_in, provider, answer, endpoint):
    provider.changed = {endpoint: answer}

    response = sign_in()

    assert_refused(response, response.status_code)
    assert response.status_code in (403, 424)


@ON_ONE_DATABASE
@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_a_provider_that_can_not_say_where_it_is_can_not_be_asked(provider, anonymous, answer):
    provider.changed = {"openid-configuration": answer}

    assert_refused(anonymous.get("/sign-in/oidc"), 424)


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 7},
    ],
)
def test_a_provider_that_leads_elsewhere_is_not_asked(provider, anonymous, changed):
    provider.changed = {"discovery": changed}

    assert_refused(anonymous.get("/sign-in/oidc"), 424)


@ON_ONE_DATABASE
def test_what_a_provider_says_about_itself_is_not_looked_for_elsewhere(provider, anonymous):
    moved = Response("", 302, {"Location": f"{provider.issuer}/elsewhere"})
    there = Response(json.dumps(provider.discovery(None)), mimetype="application/json")
    provider.changed = {"openid-configuration": moved, "elsewhere": there}

    assert_refused(anonymous.get("/sign-in/oidc"), 424)


@ON_ONE_DATABASE
def test_a_provider_that_is_down_is_a_sentence(app, monkeypatch, anonymous):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configure(app, monkeypatch, f"http://127.0.0.1:{port}")

    assert_refused(anonymous.get("/sign-in/oidc"), 424)


@ON_ONE_DATABASE
def test_a_provider_that_says_nothing_is_given_up(app, monkeypatch, anonymous):
    monkeypatch.setattr("usage.oidc.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        configure(app, monkeypatch, f"http://127.0.0.1:{mute.getsockname()[1]}")

        assert_refused(anonymous.get("/sign-in/oidc"), 424)


def test_a_disabled_person_is_refused(sign_in, ada):
    accounts.create_user("vera@example.com", NOW)
    accounts.disable_user("vera@example.com", NOW)

    assert_refused(sign_in())
    assert models.User.select().count() == 2


@pytest.fixture
def grouped(app, provider, monkeypatch, make_project, ada):
    """A board that takes roles from groups, with two projects."""
    make_project("Checkout")
    make_project("Mobile App")
    mapping = {"oidc_super_admin_group": "chiefs", "oidc_project_group_prefix": "board-"}
    configure(app, monkeypatch, provider.issuer, **mapping)


def role(username="vera@example.com"):
    vera = accounts.person(username)
    return accounts.role_of(vera), [project.slug for project in accounts.projects_run_by(vera)]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["board-checkout"], ("project_admin", ["checkout"])),
        (["board-checkout", "board-mobile-app"], ("project_admin", ["checkout", "mobile-app"])),
        (["board-checkout", "chiefs"], ("super_admin", [])),
        ("chiefs", ("super_admin", [])),
        ("board-checkout", ("project_admin", ["checkout"])),
        ("board-checkout board-mobile-app", ("member", [])),
        (["board-made-up", "checkout", "Chiefs", "chiefs-not"], ("member", [])),
        ([], ("member", [])),
        (None, ("member", [])),
        ({"chiefs": True}, ("member", [])),
        ([["chiefs"], {"a": 1}, 7, None], ("member", [])),
    ],
)
def test_groups_make_roles(grouped, sign_in, provider, groups, expected):
    provider.person["groups"] = groups

    assert sign_in().status_code == 302
    assert role() == expected


def test_a_role_is_gone_when_the_group_is(grouped, sign_in, provider, anonymous):
    provider.person["groups"] = ["chiefs"]
    sign_in()
    assert anonymous.get("/admin/arrivals").status_code == 200

    provider.person["groups"] = ["board-checkout"]
    sign_in(by=anonymous.application.test_client())

    assert role() == ("project_admin", ["checkout"])
    assert anonymous.get("/admin/arrivals").status_code == 404
    changes = [entry.detail for entry in noted() if entry.action == "role changed"]
    assert changes == ["super_admin", "project_admin checkout"]


def test_the_only_super_admin_can_not_lose_the_board(grouped, sign_in):
    accounts.create_user("vera@example.com", NOW, role="super_admin")
    accounts.disable_user("ada", NOW)

    response = sign_in()

    assert_refused(response)
    assert "is the only super admin" in response.text


def test_without_groups_in_the_settings_roles_are_given_here(sign_in, provider, ada, make_project):
    make_project("Checkout")
    accounts.create_user("vera@example.com", NOW)
    accounts.set_role("vera@example.com", "project_admin", ["checkout"])
    provider.person["groups"] = ["chiefs"]

    sign_in()

    assert role() == ("project_admin", ["checkout"])


@ON_ONE_DATABASE
def test_no_secret_of_the_way_in_is_kept_or_logged(sign_in, provider, anonymous, caplog):
    caplog.set_level("DEBUG")
    given = []
    signed = provider.signed
    provider.signed = lambda claims: given.append(signed(claims)) or given[-1]
    address = anonymous.get("/sign-in/oidc").location
    query = provider.authorize(address)
    code = query.partition("code=")[2].partition("&")[0]

    assert anonymous.get(f"{CALLBACK}?{query}").location == "/users/vera@example.com"

    del provider.signed
    kept = repr([list(table.select().tuples()) for table in models.TABLES])
    written = caplog.text + kept
    for token in (SECRET, code, *given, anonymous.get_cookie("tallyboard").value, "opaque"):
        assert token not in written


@ON_ONE_DATABASE
def test_the_provider_leads_back_to_the_page_that_was_asked_for(sign_in, anonymous):
    anonymous.get("/users/vera@example.com?days=7")

    assert sign_in().location == "/users/vera@example.com?days=7"
