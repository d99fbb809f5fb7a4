"""POST /api/v1/embed-tokens, and what the tokens open: what was granted, and not for long."""

import base64
import hashlib
import json
import re
from datetime import timedelta

import pytest
import time_machine
from conftest import NOW, ON_ONE_DATABASE, SECRET, settings
from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer
from portals import FILTER, ORIGIN, VIEW, Reader
from reading import names, rows

from usage import accounts, grants, projects, tokens

pytestmark = ON_ONE_DATABASE
MINT = "/api/v1/embed-tokens"
PATHS = ("/embed/leaderboard", "/embed/users/vera")
# Every form in which a portal asks, and every other door that a token might be tried at.
FORMS = ({}, *FILTER.values(), *VIEW.values())
ASKED = [(path + board, form) for path in PATHS for form in FORMS for board in ("", "?board=b")]
OTHERS = (
    "/leaderboard",
    "/leaderboard.csv",
    "/leaderboard.json",
    "/users/vera",
    "/users.json/vera",
    "/overview.csv",
    "/api/v1/leaderboard",
    "/embed/frame?grant=portal",
)


@pytest.fixture
def usage(make_usage):
    """Vera in Checkout, Otto in Mobile."""
    make_usage("vera", project="checkout", source="ide")
    make_usage("otto", project="mobile")


@pytest.fixture
def mint(anonymous, make_key):
    """Asks for a token as a portal's server does."""
    keys = {}

    def mint(project="", **asked):
        if project not in keys:
            keys[project] = make_key("embed", project=project)
        return anonymous.post(MINT, json={"grant": "portal"} | asked, headers=keys[project])

    return mint


def refused(client, token, **headers):
    """Every form of the embeds refuses that token; the status of the table's refusal."""
    for path, form in ASKED:
        response = Reader(client, token).get(path, headers=headers | form)
        assert response.status_code in (401, 403)
        nothing_in(response)
    for path in OTHERS:
        nothing_in(Reader(client, token).get(path, headers=headers))
    return Reader(client, token).get(PATHS[0], headers=headers).status_code


def nothing_in(response):
    """No row, no name, and no cookie."""
    assert not rows(response)
    assert not {"vera", "otto"} & set(re.findall(r"\w+", response.text))
    assert "Set-Cookie" not in response.headers


def made_up(purpose=tokens.EMBED, secret=SECRET, **claims):
    claims = {"grant": 1, "subject": "", "origin": ORIGIN, "lock": {}} | claims
    return tokens.sign(purpose, claims, secret, NOW)


def test_a_token_opens_the_board_for_five_minutes(usage, anonymous, make_grant, mint):
    make_grant()

    answer = mint().get_json()

    assert answer == {"token": answer["token"], "expires_in": 300, "origin": ORIGIN}
    with time_machine.travel(NOW + timedelta(seconds=299), tick=False):
        assert names(Reader(anonymous, answer["token"]).get(PATHS[0])) == ["vera"]
    with time_machine.travel(NOW + timedelta(seconds=300), tick=False):
        assert refused(anonymous, answer["token"]) == 401


def test_a_revoked_grant_opens_nothing_from_the_next_request_on(usage, anonymous, make_grant, mint):
    make_grant()
    token = mint().get_json()["token"]

    grants.revoke("portal", accounts.horizon(accounts.person("ada"), settings().rates, "UTC", NOW))

    assert refused(anonymous, token) == 401
    assert mint().status_code == 403
    # A portal's reader knows of no token.
    told = Reader(anonymous, token).get(PATHS[0]).text
    assert "You may not see this board now: its token is not or no longer good." in told


@pytest.mark.parametrize("token", ["", "made-up", "made.up", "a" * 5000, "é"])
def test_what_is_no_token_opens_nothing(usage, anonymous, make_grant, token):
    make_grant()

    assert refused(anonymous, token) == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"secret": "another secret of somebody"}, 401),
        ({"purpose": "sign-in"}, 401),
        ({"grant": 2**40}, 401),
        ({"lock": {"project": "mobile"}}, 403),
        ({"lock": {"source": "cli"}}, 403),
        ({"lock": {"q": "otto"}}, 403),
        ({"lock": {"project": "no-such"}}, 403),
        ({"origin": "https://evil.example"}, 403),
    ],
)
def test_what_was_not_granted_opens_nothing(usage, anonymous, make_grant, claims, status):
    grant = make_grant(locked={"source": "ide"})
    assert names(Reader(anonymous, made_up(grant=grant.id)).get(PATHS[0])) == ["vera"]

    assert refused(anonymous, made_up(**{"grant": grant.id} | claims)) == status


def test_a_new_grant_of_that_name_revives_no_token_of_the_old_one(
    usage, anonymous, make_grant, mint
):
    make_grant()
    token = mint().get_json()["token"]
    grants.revoke("portal", accounts.everything(settings().rates, "UTC", NOW))

    make_grant()

    assert refused(anonymous, token) == 401
    assert names(Reader(anonymous, mint().get_json()["token"]).get(PATHS[0])) == ["vera"]


@pytest.mark.parametrize("part", [0, 1])
def test_a_changed_token_opens_nothing(usage, anonymous, make_grant, mint, part):
    make_grant()
    parts = mint().get_json()["token"].rsplit(".", 1)
    for place in (0, len(parts[part]) // 2, -2):
        changed = list(parts[part])
        changed[place] = "A" if changed[place] != "A" else "B"
        token = ".".join("".join(changed) if n == part else text for n, text in enumerate(parts))

        assert refused(anonymous, token) == 401


def test_a_token_widened_by_hand_opens_nothing(usage, anonymous, make_grant, mint):
    make_grant()
    wide = make_grant("everything", projects=())
    _, signature = mint().get_json()["token"].rsplit(".", 1)
    claims = {"grant": wide.id, "subject": "", "origin": ORIGIN, "lock": {}, "until": 2**40}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    assert refused(anonymous, f"{forged}.{signature}") == 401


def test_a_token_is_for_the_pages_of_its_origin_alone(usage, anonymous, make_grant, mint):
    other = "https://other.example"
    make_grant(origins=(ORIGIN, other))
    token = mint(origin=other).get_json()["token"]

    assert refused(anonymous, token, Origin=ORIGIN) == 403
    assert names(Reader(anonymous, token).get(PATHS[0], headers={"Origin": other})) == ["vera"]


def test_a_token_of_one_project_opens_no_other(usage, anonymous, make_grant, mint):
    make_grant()
    token = mint().get_json()["token"]

    for path in ("/embed/leaderboard?project=mobile", "/embed/users/otto"):
        for form in FORMS:
            response = Reader(anonymous, token).get(path, headers=form)
            assert response.status_code == 404
            nothing_in(response)


def test_a_key_is_no_token_and_a_token_no_key(usage, anonymous, make_grant, make_key, mint):
    make_grant()
    key = make_key("embed", "ingest")["Authorization"].removeprefix("Bearer ")
    token = mint().get_json()["token"]

    assert refused(anonymous, key) == 401
    for path in ("/api/v1/leaderboard", "/api/v1/users/vera", "/metrics"):
        assert Reader(anonymous, token).get(path).status_code == 401
    for path in OTHERS:
        nothing_in(Reader(anonymous, token).get(path))


def test_a_token_in_the_address_opens_nothing(usage, anonymous, make_grant, mint):
    make_grant()
    token = mint().get_json()["token"]

    for name in ("token", "access_token", "key"):
        assert anonymous.get(f"/embed/leaderboard?{name}={token}").status_code == 401


def test_a_key_of_a_project_makes_tokens_of_that_project_alone(usage, make_grant, mint):
    make_grant()
    make_grant("both", projects=("checkout", "mobile"))
    make_grant("everything", projects=())

    assert mint("checkout").status_code == 200
    assert mint("mobile").status_code == 403
    assert mint("checkout", grant="both").status_code == 403
    assert mint("checkout", grant="everything").status_code == 403
    assert mint(grant="everything").status_code == 200


@pytest.mark.parametrize("name", ["prompt_cost", "completion_cost"])
def test_rates_of_a_token_tell_no_tokens_that_the_grant_keeps(usage, make_grant, mint, name):
    make_grant(columns=("calls", "cost"), details=False)
    assert mint(lock={name: "1000000"}).status_code == 403
    assert mint(lock={"cost": "list"}).status_code == 200

    make_grant("fixed", columns=("calls", "cost"), details=False, locked={name: "3"})
    assert mint(grant="fixed", lock={name: "3"}).status_code == 200


@pytest.mark.parametrize("lock", [{"source": "cli"}, {"project": "mobile"}, {"days": "90"}])
def test_a_lock_may_not_widen_the_grant(usage, make_grant, mint, lock):
    make_grant(locked={"source": "ide", "from": "2026-11-01", "to": "2026-11-22"})

    answer = mint(lock=lock)

    assert answer.status_code == 403
    assert "token" not in answer.get_json()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"grant": ""}, "grant"),
        ({"grant": 7}, "grant"),
        ({"grant": "\ud800"}, "grant"),
        ({"subject": ["vera"]}, "subject"),
        ({"subject": "\ud800"}, "subject"),
        ({"lock": "project"}, "lock"),
        ({"lock": {"q": "x"}}, "q"),
        ({"lock": {"days": 30}}, "days"),
        ({"lock": {"source": ["ide"]}}, "source"),
        ({"lock": {"source": None}}, "source"),
        ({"lock": {"project": ""}}, "project"),
        ({"lock": {"source": " "}}, "source"),
        ({"lock": {"s\u043eurce": "ide"}}, "s\u043eurce"),
        ({"lock": {"Source": "ide"}}, "Source"),
        ({"lock": {"days": "many"}}, "days"),
        ({"lock": {"from": "2026-11-01"}}, "to"),
        ({"origin": "https://evil.example"}, "origin"),
        ({"scope": "all"}, "scope"),
    ],
)
def test_a_bad_request_for_a_token_is_refused_by_name(usage, make_grant, mint, asked, field):
    make_grant()

    answer = mint(**asked)

    assert answer.status_code == 422
    assert answer.get_json()["error"]["field"] == field


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_a_request_for_a_token_is_an_object(make_grant, anonymous, make_key, body):
    headers = make_key("embed") | {"Content-Type": "application/json"}

    assert anonymous.post(MINT, data=body, headers=headers).status_code == 422


def test_a_disabled_person_gets_no_token_and_loses_theirs(usage, anonymous, make_grant, mint):
    make_grant()
    token = mint(subject="vera").get_json()["token"]

    accounts.disable_user("vera", NOW)

    assert mint(subject="vera").status_code == 403
    assert refused(anonymous, token) == 403


def test_somebody_unknown_to_the_board_reads_as_nobody_in_particular(usage, make_grant, mint):
    make_grant(identity="own")

    assert mint(subject="stranger").status_code == 200


def test_a_project_that_closed_its_names_closes_those_of_tokens_at_once(
    usage, anonymous, make_grant, mint
):
    make_grant()
    token = mint().get_json()["token"]

    projects.set_identity(projects.find("checkout"), "own", 0, False)

    assert not rows(Reader(anonymous, token).get(PATHS[0]))
    assert Reader(anonymous, token).get(PATHS[1]).status_code == 404


def unsigned(claims):
    """Claims as a JWT that says it needs no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    packed = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts]
    return ".".join((*(one.rstrip("=") for one in packed), ""))


FORGERIES = {
    "unsigned": unsigned,
    "of the secret alone": lambda claims: URLSafeSerializer(SECRET).dumps(claims),
    "of another salt": lambda claims: URLSafeSerializer(SECRET, salt="embed").dumps(claims),
    "with a moment": lambda claims: URLSafeTimedSerializer(
        SECRET, salt="tallyboard token: embed"
    ).dumps(claims),
    "of another digest": lambda claims: URLSafeSerializer(
        SECRET, salt="tallyboard token: embed", signer_kwargs={"digest_method": hashlib.md5}
    ).dumps(claims),
    "without a signature": lambda claims: made_up(**claims).rpartition(".")[0],
    "with half a signature": lambda claims: made_up(**claims)[:-10],
    "twice": lambda claims: f"{made_up(**claims)}.{made_up(**claims)}",
    "in a list": lambda claims: f"x, {made_up(**claims)}",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_other_way_to_sign_is_taken(usage, anonymous, make_grant, forgery):
    claims = {"grant": make_grant().id, "subject": "", "origin": ORIGIN, "lock": {}}
    forged = FORGERIES[forgery](claims | {"until": 2**40})

    assert refused(anonymous, forged) == 401


@pytest.mark.parametrize("minutes", [5, 5.01, 60])
def test_a_token_has_had_its_time_to_the_second(usage, anonymous, make_grant, minutes):
    token = made_up(grant=make_grant().id)

    with time_machine.travel(NOW + timedelta(minutes=4.99), tick=False):
        assert names(Reader(anonymous, token).get(PATHS[0])) == ["vera"]
    with time_machine.travel(NOW + timedelta(minutes=minutes), tick=False):
        assert refused(anonymous, token) == 401


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "*", f" {ORIGIN} ", f"{ORIGIN}/", f"{ORIGIN}.", ORIGIN.upper(), ORIGIN[:-1]),
        *(f"{ORIGIN}:443", f"{ORIGIN}:8443", ORIGIN.replace("https", "http"), "\x00"),
        *(f"{ORIGIN}.evil.example", ORIGIN.replace("portal", "evil-portal"), f"{ORIGIN}%00"),
        *(f"{ORIGIN},{ORIGIN}", f"{ORIGIN} {ORIGIN}", ORIGIN.replace("//", "//evil@")),
    ],
)
def test_an_origin_is_the_tokens_to_the_letter(usage, anonymous, make_grant, origin):
    token = made_up(grant=make_grant().id)

    answer = Reader(anonymous, token).get(PATHS[0], headers={"Origin": origin})
    asked = anonymous.options(PATHS[0], headers={"Origin": origin})

    assert answer.status_code == 403
    nothing_in(answer)
    for response in (answer, asked):
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer other"), ("Authorization", "Bearer {}")],
        [("Authorization", "Bearer {}"), ("Authorization", "Bearer other")],
        [("Authorization", "Basic {}")],
        [("Authorization", "{}")],
        [("Cookie", "token={0}; Authorization=Bearer {0}")],
        [("Proxy-Authorization", "Bearer {}")],
    ],
)
def test_a_token_is_sent_once_and_as_a_token(usage, anonymous, make_grant, headers):
    token = made_up(grant=make_grant().id)

    answer = anonymous.get(PATHS[0], headers=[(name, said.format(token)) for name, said in headers])

    assert answer.status_code == 401
    nothing_in(answer)


@pytest.mark.parametrize(
    "query",
    [
        *("source=cli&source=ide", "source=ide&source=cli", "source=all", "source=%20"),
        *("days=1&days=30", "from=2020-01-01&to=2026-11-22", "days=3660"),
    ],
)
def test_no_argument_widens_what_is_locked_however_often_it_is_said(
    usage, make_usage, anonymous, make_grant, query
):
    make_usage("otto", project="checkout", source="cli")
    make_usage("otto", project="checkout", source="ide", day=NOW.date() - timedelta(days=9))
    token = made_up(grant=make_grant(locked={"source": "ide", "days": "7"}).id)

    assert names(Reader(anonymous, token).get(f"{PATHS[0]}?{query}")) == ["vera"]


@pytest.mark.parametrize(
    "query",
    [
        "source[]=cli",
        "SOURCE=cli",
        "\uff53ource=cli",
        "lock={}",
        "grant=2",
        "subject=otto",
        "live=1",
    ],
)
def test_an_argument_of_another_spelling_is_refused(usage, anonymous, make_grant, query):
    token = made_up(grant=make_grant().id)

    answer = Reader(anonymous, token).get(f"{PATHS[0]}?{query}")

    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.text
    nothing_in(answer)


@pytest.mark.parametrize(
    ("lock", "shown"),
    [
        ({"source": " ide "}, ["vera"]),
        ({"project": " mobile"}, ["otto"]),
        ({"from": " 2026-11-01", "to": "2026-11-22 "}, ["vera", "otto"]),
    ],
)
def test_blanks_around_a_lock_mean_nothing(usage, anonymous, make_grant, mint, lock, shown):
    make_grant(projects=())

    token = mint(lock=lock).get_json()["token"]

    assert set(names(Reader(anonymous, token).get(PATHS[0]))) == set(shown)
