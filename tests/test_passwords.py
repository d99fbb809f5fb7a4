"""Passwords: setting one by a link, signing in, changing it, and sessions."""

import re
from datetime import timedelta

import pytest
from conftest import (
    GOOD,
    HERE,
    HTMX,
    NOW,
    ON_ONE_DATABASE,
    OTHER,
    OWN,
    SECRET,
    THERE,
    browser_of,
    later,
    settings,
)

import models
from usage import accounts, sign_in
from usage.sign_in import PASSWORD

HTTPS = "https://tally.example.com"
# As the server has them, before the tests take a quicker one.
SHIPPED = sign_in.HASHER, sign_in.NOBODYS
pytestmark = pytest.mark.usefixtures("quick_hashes")


@pytest.fixture
def link(ada):
    """The address of a fresh link where Ada sets a password."""
    return f"/set-password/{sign_in.create_link(ada, SECRET, NOW, PASSWORD)}"


def signed_in(client):
    return client.get("/account").status_code == 200


def choose(client, link, password=GOOD):
    return client.post(link, data={"password": password}, headers=OWN)


def change(client, current, password):
    form = {"current": current, "password": password}
    return client.post("/account/password", data=form, headers=OWN)


def test_a_link_sets_a_password_once(app, anonymous, link, enter):
    assert "ada" in anonymous.get(link).text
    assert anonymous.get(link).status_code == 200
    assert choose(anonymous, link).location == "/leaderboard"
    assert signed_in(anonymous)
    assert enter("ada", GOOD).status_code == 302

    other = app.test_client()
    assert other.get(link).status_code == 410
    assert choose(other, link, OTHER).status_code == 410
    assert enter("ada", GOOD).status_code == 302


@pytest.mark.parametrize(("age", "status"), [({"days": 7}, 302), ({"days": 7, "seconds": 1}, 410)])
def test_a_link_sets_a_password_within_a_week(anonymous, link, age, status):
    with later(**age):
        assert choose(anonymous, link).status_code == status


def test_a_link_for_a_password_is_no_other_link(anonymous, link, ada):
    token = link.rpartition("/")[2]
    other = sign_in.create_link(ada, SECRET, NOW)

    assert anonymous.get(f"/sign-in/{token}").status_code == 410
    assert anonymous.get(f"/set-password/{other}").status_code == 410
    assert choose(anonymous, f"/set-password/{other}").status_code == 410


@ON_ONE_DATABASE
@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 201, "ada@example.com"])
def test_a_password_that_is_no_good_leaves_the_link_as_it_is(anonymous, link, password):
    response = choose(anonymous, link, password)

    assert response.status_code == 422
    assert response.text.count('role="alert"') == 1
    assert choose(anonymous, link).status_code == 302


def test_a_link_of_someone_disabled_sets_nothing(anonymous, link):
    accounts.create_user("bea", NOW, role="super_admin")
    accounts.disable_user("ada", NOW)

    assert choose(anonymous, link).status_code == 410
    assert not models.User.get().password_hash


def test_setting_a_password_ends_all_sessions_and_links(client, anonymous, link, ada):
    other = f"/set-password/{sign_in.create_link(ada, SECRET, NOW, PASSWORD)}"

    choose(anonymous, link)

    assert not signed_in(client)
    assert anonymous.get(other).status_code == 410


@pytest.mark.parametrize("name", ["vera", "vera@example.com", "VERA@Example.com", " vera "])
def test_a_name_or_an_address_and_the_password_sign_in(enter, vera, name, anonymous):
    assert enter(name, GOOD, by=anonymous).location == "/users/vera"
    assert signed_in(anonymous)


@pytest.mark.parametrize("password", ["", GOOD.upper(), GOOD + " ", GOOD * 1000, "\x00"])
def test_a_wrong_password_is_refused(enter, vera, password):
    assert enter("vera", password).status_code == 422


def test_someone_without_a_password_has_none_that_works(enter, ada):
    for password in ("", " ", "ada"):
        assert enter("ada", password).status_code == 422


def test_known_and_unknown_names_get_the_same_answer_for_the_same_work(
    enter, vera, ada, monkeypatch
):
    accounts.create_user("otto", NOW)
    sign_in.set_password(accounts.person("otto"), GOOD)
    accounts.disable_user("otto", NOW)
    worked = []
    hasher = sign_in.HASHER

    class Counting:
        """The hasher, and how often it was asked to verify."""

        def verify(self, *given):
            worked.append(given)
            return hasher.verify(*given)

    monkeypatch.setattr(sign_in, "HASHER", Counting())
    answers = set()
    # A wrong password, no such name, no password set, and the right one of someone disabled.
    for name, password in (("vera", OTHER), ("nobody", OTHER), ("ada", OTHER), ("otto", GOOD)):
        worked.clear()
        response = enter(name, password)
        assert len(worked) == 1, name
        answers.add((response.status_code, response.text.replace(f'"{name}"', "")))

    assert len(answers) == 1


def test_the_work_is_owasps_least_and_the_same_for_nobody():
    hasher, nobodys = SHIPPED

    for hashed in (nobodys, hasher.hash(GOOD)):
        assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_hash_of_older_strength_is_renewed_at_sign_in(enter, vera, monkeypatch):
    before = accounts.person("vera").password_hash
    stronger = sign_in.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(sign_in, "HASHER", stronger)

    enter("vera", GOOD)

    assert accounts.person("vera").password_hash != before
    assert enter("vera", GOOD).status_code == 302


def test_changing_the_password_ends_all_other_sessions(app, vera, enter):
    here, elsewhere = browser_of(app, vera), browser_of(app, vera)
    unused = sign_in.create_link(vera, SECRET, NOW)

    assert change(here, GOOD, OTHER).location == "/account"

    assert signed_in(here)
    assert not signed_in(elsewhere)
    assert app.test_client().get(f"/sign-in/{unused}").status_code == 410
    assert enter("vera", GOOD).status_code == 422
    assert enter("vera", OTHER).status_code == 302


@pytest.mark.parametrize("current", ["", OTHER])
def test_changing_the_password_needs_the_current_one(app, vera, enter, current):
    here, elsewhere = browser_of(app, vera), browser_of(app, vera)

    refused = change(here, current, OTHER)
    assert refused.status_code == 422
    assert "The current password is another one." in refused.text

    assert signed_in(elsewhere)
    assert enter("vera", GOOD).status_code == 302


@ON_ONE_DATABASE
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_session_left_open_is_no_way_to_guess(app, vera, headers):
    here = browser_of(app, vera)
    statuses = [change(here, "a guess", OTHER).status_code for _ in range(6)]
    form = {"current": GOOD, "password": OTHER}

    blocked = here.post("/account/password", data=form, headers=OWN | headers)

    assert statuses == [422] * 5 + [429]
    assert blocked.status_code == 429
    assert blocked.headers["Retry-After"] == "5"


def test_a_first_password_needs_no_other(client, enter):
    assert change(client, "", GOOD).location == "/account"
    assert enter("ada", GOOD).status_code == 302


def sessions_shown(client):
    return re.findall(r'name="session" value="([0-9a-f]+)"', client.get("/account").text)


def test_ones_sessions_are_listed_and_can_be_ended(app, vera):
    here, elsewhere = browser_of(app, vera), app.test_client()
    token = sign_in.create_link(vera, SECRET, NOW + timedelta(minutes=1))
    with later(minutes=1):
        agent = {"User-Agent": "Firefox on the train"}
        elsewhere.get(f"/sign-in/{token}", headers=agent, environ_base={"REMOTE_ADDR": THERE})

        page = here.get("/account").text
        assert "Firefox on the train" in page
        assert THERE in page
        newest, oldest = sessions_shown(here)
        ended = here.post("/account/sessions", data={"session": newest}, headers=OWN)

        assert ended.location == "/account"
        assert sessions_shown(here) == [oldest]
        assert not signed_in(elsewhere)
        assert signed_in(here)


def test_all_of_ones_sessions_can_be_ended_at_once(app, vera, client):
    here, elsewhere = browser_of(app, vera), browser_of(app, vera)

    here.post("/account/sessions", data={"session": "all"}, headers=OWN)

    assert not signed_in(here)
    assert not signed_in(elsewhere)
    assert signed_in(client)


def test_nobody_ends_or_sees_someone_elses_session(app, vera, client):
    mine = browser_of(app, vera)
    (adas,) = sessions_shown(client)

    for chosen in (adas, "", "%", adas[:8], "all ", "x" * 5000, "\x00"):
        answer = mine.post("/account/sessions", data={"session": chosen}, headers=OWN)
        assert answer.status_code == 422, chosen

    assert adas not in mine.get("/account").text
    assert signed_in(client)
    assert signed_in(mine)


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("public_url", "name", "secure"),
    [("", "tallyboard", False), (HTTPS, "__Host-tallyboard", True)],
)
def test_a_password_gives_a_cookie_out_of_reach_of_scripts(
    app, vera, monkeypatch, public_url, name, secure
):
    monkeypatch.setitem(app.extensions, "settings", settings(public_url=public_url))
    browser = app.test_client()
    form = {"name": "vera", "password": GOOD}

    answer = browser.post("/sign-in", data=form, headers=OWN, base_url=public_url or None)

    (header,) = answer.headers.getlist("Set-Cookie")
    parts = {part.strip() for part in header.split(";")}
    assert header.startswith(f"{name}=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1209600"} <= parts
    assert ("Secure" in parts) is secure
    assert "Domain" not in header
    assert answer.headers["Cache-Control"] == "no-store"


MACHINES = ("/api/", "/ingest/", "/v1/")
SAMPLES = {"signal": "traces", "token": "made-up", "id": 1}


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}],
    ids=["no headers", "cross-site", "same-site", "null origin"],
)
def test_no_other_site_makes_a_browser_act(app, client, headers):
    with app.test_request_context():
        routes = [
            (method, app.url_map.bind("localhost").build(rule.endpoint, sample(rule), method))
            for rule in app.url_map.iter_rules()
            for method in rule.methods - {"GET", "HEAD", "OPTIONS"}
        ]
    assert len(routes) > 10

    for method, path in routes:
        for sent in ({}, {"Authorization": "Basic YWRhOmFkYQ=="}):
            status = client.open(path, method=method, headers=headers | sent).status_code
            # What takes nothing but a key asks for one.
            assert status == (401 if path.startswith(MACHINES) else 403), path
    assert signed_in(client)


def sample(rule):
    return {name: SAMPLES.get(name, "x") for name in rule.arguments}


@ON_ONE_DATABASE
def test_no_secret_of_the_way_in_is_kept_or_logged(app, anonymous, enter, ada, caplog):
    caplog.set_level("DEBUG")
    token = sign_in.create_link(ada, SECRET, NOW, PASSWORD)
    choose(anonymous, f"/set-password/{token}")
    session = anonymous.get_cookie("tallyboard").value
    # A password typed where the name belongs.
    enter(GOOD, "")
    enter("ada", OTHER)
    enter("ada", GOOD)
    change(anonymous, GOOD, OTHER + "!")
    used = [token, session, anonymous.get_cookie("tallyboard").value, GOOD, OTHER]

    kept = repr([list(table.select().tuples()) for table in models.TABLES])
    # Queries are logged on a level that no server runs on.
    logged = [one for one in caplog.records if one.name != "peewee" or one.levelname != "DEBUG"]
    written = kept + repr([(one.getMessage(), one.args) for one in logged])

    assert not [secret for secret in used if secret in written]


def test_the_audit_tells_who_came_in_and_who_was_turned_away(enter, vera):
    enter("vera", OTHER)
    enter("somebody", OTHER)
    enter("vera", GOOD)

    entries = models.AuditEntry.select().order_by(models.AuditEntry.id)
    assert [(e.actor, e.action, e.subject, e.address) for e in entries] == [
        ("", "sign-in refused", "vera", HERE),
        ("", "sign-in refused", "", HERE),
        ("vera", "sign-in", "", HERE),
    ]
