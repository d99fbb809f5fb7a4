"""Signing in and out: one-time links, sessions, cookies, and requests that others forged."""

from datetime import timedelta

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, SECRET, browser_of, later, settings

import models
from usage import accounts, sign_in

HTTPS = "https://tally.example.com"


@pytest.fixture
def link(ada):
    """The address of a fresh link of Ada's."""
    return f"/sign-in/{sign_in.create_link(ada, SECRET, NOW)}"


@pytest.fixture
def public_app(app, monkeypatch):
    """The same board behind https."""
    monkeypatch.setitem(app.extensions, "settings", settings(public_url=HTTPS))
    return app


def cookie(client, name="tallyboard"):
    return client.get_cookie(name)


def signed_in(client):
    return client.get("/leaderboard").status_code == 200


def test_a_link_signs_in_once(anonymous, app, link):
    assert anonymous.get(link).location == "/leaderboard"
    assert signed_in(anonymous)

    other = app.test_client()
    response = other.get(link)
    assert response.status_code == 410
    assert "This link was used already" in response.text
    assert not cookie(other)
    assert signed_in(anonymous)


@pytest.mark.parametrize(
    ("age", "works"),
    [({"minutes": 59}, True), ({"minutes": 60}, True), ({"minutes": 60, "seconds": 1}, False)],
)
def test_a_link_works_for_an_hour(anonymous, link, age, works):
    with later(**age):
        assert (anonymous.get(link).status_code == 302) is works
        assert signed_in(anonymous) is works


@pytest.mark.parametrize("token", ["x", "%00", "%ED%A0%80", "x" * 5000, "../leaderboard"])
def test_a_made_up_link_is_refused(anonymous, link, token):
    response = anonymous.get(f"/sign-in/{token}")

    assert response.status_code in (404, 410)
    assert not cookie(anonymous)


def test_a_link_of_someone_disabled_is_worthless(anonymous, link):
    accounts.create_user("bea", NOW, role="super_admin")
    accounts.disable_user("ada", NOW)

    assert anonymous.get(link).status_code == 410
    assert not signed_in(anonymous)


def test_looking_at_a_link_without_opening_it_does_not_use_it_up(anonymous, link):
    anonymous.head(link)

    assert anonymous.get(link).status_code == 302


def test_a_session_ends_at_signing_out_even_for_a_copy_of_its_cookie(client, app):
    thief = app.test_client()
    thief.set_cookie("tallyboard", cookie(client).value)
    assert signed_in(thief)

    response = client.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"})

    assert response.location == "/sign-in"
    assert not cookie(client)
    assert not signed_in(thief)


def test_signing_out_ends_one_browser_and_no_other(client, app, ada):
    other = browser_of(app, ada)

    client.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"})

    assert signed_in(other)


def test_disabling_a_person_ends_all_their_sessions(client, app, ada):
    other = browser_of(app, ada)

    accounts.create_user("bea", NOW, role="super_admin")
    accounts.disable_user("ada", NOW)

    assert not signed_in(client)
    assert not signed_in(other)
    assert not models.Session.select().exists()


def test_a_session_that_outlived_its_person_opens_nothing(client):
    models.User.update(disabled_at=NOW).execute()

    assert not signed_in(client)


@pytest.mark.parametrize(("age", "works"), [({"days": 13}, True), ({"days": 14}, False)])
def test_a_session_lasts_as_long_as_the_settings_say(client, age, works):
    with later(**age):
        assert signed_in(client) is works


def test_sessions_that_ended_are_swept_away(client, app, ada):
    with later(days=15):
        assert not signed_in(client)
        token = sign_in.create_link(ada, SECRET, NOW + timedelta(days=15))
        app.test_client().get(f"/sign-in/{token}")

    assert models.Session.select().count() == 1


@pytest.mark.parametrize("value", ["", "x", "tb_x", "\x00", "x" * 3000])
def test_a_made_up_cookie_is_nobody(anonymous, ada, value):
    anonymous.set_cookie("tallyboard", value)

    assert anonymous.get("/leaderboard").location == "/sign-in"


@ON_ONE_DATABASE
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(anonymous, link):
    (header,) = anonymous.get(link).headers.getlist("Set-Cookie")

    parts = {part.strip() for part in header.split(";")}
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1209600"} <= parts
    assert "Secure" not in parts
    assert "Domain" not in header


@ON_ONE_DATABASE
def test_behind_https_the_cookie_is_bound_to_the_host(public_app, ada):
    browser = public_app.test_client()
    token = sign_in.create_link(ada, SECRET, NOW)

    (header,) = browser.get(f"/sign-in/{token}", base_url=HTTPS).headers.getlist("Set-Cookie")

    assert header.startswith("__Host-tallyboard=")
    parts = {part.strip() for part in header.split(";")}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= parts
    assert "Domain" not in header
    assert browser.get("/leaderboard", base_url=HTTPS).status_code == 200
    out = browser.post("/sign-out", base_url=HTTPS, headers={"Sec-Fetch-Site": "same-origin"})
    told, ended = sorted(out.headers.getlist("Set-Cookie"))
    assert told.startswith("__Host-tallyboard-done=")
    assert ended.startswith("__Host-tallyboard=;")
    assert "Secure" in told
    assert "Secure" in ended


def test_no_table_holds_a_token(app, ada, make_key):
    link = sign_in.create_link(ada, SECRET, NOW)
    unused = sign_in.create_link(ada, SECRET, NOW)
    browser = app.test_client()
    browser.get(f"/sign-in/{link}")
    key = make_key("read")["Authorization"].removeprefix("Bearer ")

    kept = repr([list(table.select().tuples()) for table in models.TABLES])

    for token in (link, unused, cookie(browser).value, key):
        assert token not in kept
        assert token.removeprefix("tb_") not in kept


def test_another_secret_signs_everyone_out(client, ada):
    token = cookie(client).value

    assert sign_in.session(token, SECRET, NOW).user == ada
    assert sign_in.session(token, SECRET + "!", NOW) is None


def test_a_link_token_is_no_session_and_a_session_token_no_link(anonymous, client, ada):
    anonymous.set_cookie("tallyboard", sign_in.create_link(ada, SECRET, NOW))

    assert not signed_in(anonymous)
    assert anonymous.get(f"/sign-in/{cookie(client).value}").status_code == 410


FORGED = [
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost@evil.example"},
    {"Origin": "http://localhost:81"},
    {"Referer": "http://localhost/"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "nonsense", "Origin": "http://localhost"},
]
OWN = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
]


@ON_ONE_DATABASE
@pytest.mark.parametrize("headers", FORGED)
@pytest.mark.parametrize("asked_by_htmx", [{}, HTMX])
def test_what_another_site_made_a_browser_send_is_refused(client, headers, asked_by_htmx):
    response = client.post("/sign-out", headers=headers | asked_by_htmx)

    assert response.status_code == 403
    assert "another site" in response.text
    assert signed_in(client)


@ON_ONE_DATABASE
@pytest.mark.parametrize("headers", OWN)
def test_what_the_board_itself_sends_is_taken(client, headers):
    assert client.post("/sign-out", headers=headers).location == "/sign-in"
    assert not signed_in(client)


@ON_ONE_DATABASE
def test_a_malformed_origin_is_refused_as_well(client):
    assert client.post("/sign-out", headers={"Origin": "http://["}).status_code == 403


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("origin", "status"),
    [(HTTPS, 302), ("https://localhost", 302), (f"{HTTPS}.evil.example", 403), ("", 403)],
)
def test_the_public_address_is_the_boards_own_behind_a_proxy_that_asks_for_another(
    public_app, ada, origin, status
):
    browser = public_app.test_client()

    assert browser.post("/sign-out", headers={"Origin": origin}).status_code == status


def test_signing_in_again_ends_the_session_that_the_browser_had(client, app, ada):
    thief = app.test_client()
    thief.set_cookie("tallyboard", cookie(client).value)

    client.get(f"/sign-in/{sign_in.create_link(ada, SECRET, NOW)}")

    assert signed_in(client)
    assert not signed_in(thief)
    assert models.Session.select().count() == 1


def test_a_session_that_somebody_else_put_into_a_browser_is_never_taken_over(app, ada):
    eve = accounts.create_user("eve", NOW)
    planted = cookie(browser_of(app, eve)).value
    victim = app.test_client()
    victim.set_cookie("tallyboard", planted)

    victim.get(f"/sign-in/{sign_in.create_link(ada, SECRET, NOW)}")

    assert signed_in(victim)
    assert cookie(victim).value != planted
    assert sign_in.session(planted, SECRET, NOW) is None
