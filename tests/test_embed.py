"""GET /embed/* - the board inside portals: what a grant shows, and to whom."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, browser_of, settings
from portals import FILTER, ORIGIN, VIEW, places
from reading import names, rows, text, totals

from usage import accounts, grants, naming, projects


@pytest.fixture
def usage(make_usage):
    """Vera and Otto in Checkout, Otto alone in Mobile."""
    make_usage("vera", project="checkout", source="ide", calls=3, display_name="Vera Molnár")
    make_usage("otto", project="checkout", source="cli", calls=2)
    make_usage("otto", project="mobile", calls=5)


def test_a_portal_shows_the_table_of_its_project(usage, make_grant, portal):
    make_grant()

    response = portal().get("/embed/leaderboard")

    assert response.status_code == 200
    assert [(row["name"], row["calls"]) for row in rows(response)] == [
        ("Vera Molnár", 3),
        ("otto", 2),
    ]
    assert totals(response)["calls"] == 5
    assert "<html" not in response.text
    assert response.text.lstrip().startswith('<div id="')


def test_the_numbers_are_those_of_the_page(usage, client, make_grant, portal):
    make_grant()
    args = "source=ide&days=7&prompt_cost=9&sort=cost"

    embedded = portal().get(f"/embed/leaderboard?{args}")
    page = client.get(f"/leaderboard?project=checkout&{args}")

    assert rows(embedded) == rows(page)
    assert totals(embedded) == totals(page)


def test_every_id_and_all_that_refers_to_one_carry_the_name_of_the_board(usage, make_grant, portal):
    make_grant()
    for path in ("/embed/leaderboard?board=left", "/embed/users/vera?board=left"):
        html = portal().get(path).text

        ids = set(re.findall(r' id="([^"]+)"', html))
        assert ids
        assert all(id.startswith("left-") for id in ids)
        named = re.findall(r' (?:for|form|aria-labelledby|aria-describedby)="([^"]+)"', html)
        hx = re.findall(r' hx-(?:target|sync|include|indicator|trigger)="([^"]+)"', html)
        selected = [id for value in hx for id in re.findall(r"#([\w-]+)", value)]
        for id in [*(part for value in named for part in value.split()), *selected]:
            assert id in ids
        assert set(re.findall(r"url\(#([^)]+)\)", html)) <= ids


def test_two_boards_on_one_page_draw_names_of_their_own(usage, make_grant, portal):
    make_grant()

    drawn = {places(portal().get("/embed/leaderboard")) for _ in range(5)}

    assert len(drawn) == 5


@pytest.mark.parametrize("form", ["htmx 2", "htmx 4"])
def test_a_filter_is_answered_with_the_region_and_what_reflects_it(usage, make_grant, portal, form):
    make_grant()

    response = portal().get("/embed/leaderboard?source=ide&board=b", headers=FILTER[form])

    assert response.text.lstrip().startswith('<section id="b-region"')
    assert names(response) == ["Vera Molnár"]
    assert 'id="b-announcement"' in response.text
    assert "tb-embed" not in response.text
    assert not {"HX-Push-Url", "HX-Replace-Url"} & set(response.headers)


@pytest.mark.parametrize("form", ["htmx 2", "htmx 4"])
def test_details_replace_the_table_and_lead_back_to_the_same_page_of_it(
    make_crowd, make_grant, portal, form
):
    make_crowd(60, project="checkout")
    make_grant()
    asked = "/embed/leaderboard?q=user&page=2&sort=cost&board=b"
    table = portal().get(asked)
    details = re.search(r'id="b-details-user-030"[^>]* href="([^"]+)"', table.text)[1]

    person = portal().get(details.replace("&amp;", "&"), headers=VIEW[form])
    back = re.search(r'id="b-back"[^>]* href="([^"]+)"', person.text)[1]

    assert "user-030" in text(person.text)
    assert "tb-embed" not in person.text
    assert rows(portal().get(back.replace("&amp;", "&"))) == rows(table)


@pytest.mark.parametrize(
    ("changed", "page"), [({"prompt_cost": 5}, 2), ({"cost": "list"}, 2), ({"days": 7}, 1)]
)
def test_what_is_changed_beside_a_person_holds_on_the_way_back(
    make_crowd, make_grant, portal, changed, page
):
    make_crowd(60, project="checkout")
    make_grant()
    (name,) = changed
    person = portal().get("/embed/users/user-030?q=user&page=2&sort=cost&board=b")
    kept = dict(re.findall(r'name="(\w+)" value="([^"]*)" form="b-filters"', person.text))
    asked = {"HX-Request": "true", "HX-Target": "b-region", "HX-Trigger": f"b-{name}"}

    part = portal().get(
        "/embed/users/user-030", headers=asked, query_string={"board": "b"} | kept | changed
    )

    back = re.search(r'id="b-back"[^>]* hx-swap-oob="true"[^>]* href="([^"]+)"', part.text)[1]
    told = dict(parse_qsl(urlsplit(back.replace("&amp;", "&")).query))
    assert (told["q"], told["sort"], int(told.get("page", 1))) == ("user", "cost", page)
    assert told[name] == (f"{changed[name]}.00" if name == "prompt_cost" else str(changed[name]))


def test_an_embed_links_to_nothing_but_embeds(usage, make_grant, portal):
    make_grant()
    for path in ("/embed/leaderboard", "/embed/users/vera"):
        html = portal().get(path).text

        links = re.findall(r'(?:href|action|hx-get|data-copy-from)="([^"]+)"', html)
        assert links
        assert all(re.match("/embed/|/static/embed/", link) for link in links)


def test_a_page_that_has_the_styles_is_sent_none(usage, make_grant, portal):
    make_grant()

    whole = portal().get("/embed/leaderboard?styles=linked")
    refused = portal().get("/embed/leaderboard?styles=mine")

    assert "stylesheet" in portal().get("/embed/leaderboard").text
    assert 'class="tb-row"' in whole.text
    assert "stylesheet" not in whole.text
    assert (refused.status_code, "styles" in refused.text) == (422, True)


def test_what_is_locked_overrules_what_is_asked(usage, make_grant, portal):
    make_grant(locked={"source": "ide", "days": "7"})

    response = portal().get("/embed/leaderboard?source=cli&from=2026-01-01&to=2026-01-02&board=b")

    assert names(response) == ["Vera Molnár"]
    assert "16 Nov to 22 Nov 2026" in text(response.text)
    assert 'id="b-sources"' not in response.text
    assert 'id="b-date-range"' not in response.text


def test_a_token_locks_more_than_its_grant(usage, make_grant, portal):
    make_grant(projects=())

    reader = portal(lock={"project": "mobile"})

    assert [row["calls"] for row in rows(reader.get("/embed/leaderboard?project=checkout"))] == [5]
    assert reader.get("/embed/users/vera").status_code == 404


def test_who_is_beyond_the_locks_is_not_found(usage, make_grant, portal):
    make_grant(locked={"source": "ide"})

    assert portal().get("/embed/users/vera").status_code == 200
    assert portal().get("/embed/users/otto").status_code == 404
    assert portal().get("/embed/users/nobody").status_code == 404


def test_a_project_out_of_the_grant_is_not_found(usage, make_grant, portal):
    make_grant()

    response = portal().get("/embed/leaderboard?project=mobile")

    assert response.status_code == 404
    assert not rows(response)


def test_a_grant_of_several_projects_lets_choose_among_them(usage, make_grant, portal):
    make_grant(projects=("checkout", "mobile"))

    html = portal().get("/embed/leaderboard?board=b").text

    assert re.findall(r'id="b-project-(\w+)"', html) == ["checkout", "mobile"]


@pytest.mark.parametrize("value", ["x y", "", "A", "-", "a" * 20, '"'])
def test_an_unknown_or_malformed_parameter_is_refused_by_name(usage, make_grant, portal, value):
    make_grant()

    unknown = portal().get("/embed/leaderboard?colour=red")
    malformed = portal().get("/embed/leaderboard", query_string={"board": value})

    assert (unknown.status_code, malformed.status_code) == (422, 422)
    assert "colour" in text(unknown.text)
    assert "board" in text(malformed.text)
    assert not rows(unknown)


@pytest.mark.parametrize("name", ["project", "days", "board"])
def test_a_parameter_that_is_said_twice_is_refused_by_name(usage, make_grant, portal, name):
    make_grant(projects=("checkout", "mobile"))

    refused = portal().get(f"/embed/leaderboard?{name}=a1&{name}=a2")

    assert refused.status_code == 422
    assert name in text(refused.text)
    assert not rows(refused)


def test_a_refusal_stands_beside_its_input_on_the_same_board(usage, make_grant, portal):
    make_grant()

    response = portal().get("/embed/leaderboard?days=0&board=b", headers=FILTER["htmx 2"])

    assert response.status_code == 422
    assert 'id="b-problem-days" hx-swap-oob' in response.text
    assert response.headers["HX-Reswap"] == "none"


@pytest.mark.parametrize("hidden", ["calls", "prompt_tokens", "completion_tokens", "cost"])
def test_a_column_that_is_not_granted_is_nowhere(usage, make_grant, portal, hidden):
    told = {"calls": "999", "prompt_tokens": "7,777", "completion_tokens": "888", "cost": "$0.03"}
    projects.set_rates(projects.find("checkout"), "3", "15")
    columns = [one for one in told if one != hidden]
    make_grant(columns=columns, details=hidden == "cost")

    for path in ("/embed/leaderboard", "/embed/users/vera"):
        response = portal().get(path)
        if response.status_code == 200:
            assert f"sort-{hidden}" not in response.text
            assert ("$" in text(response.text)) == (hidden != "cost")
    assert portal().get(f"/embed/leaderboard?sort={hidden}").status_code == 422
    assert portal().get(f"/embed/leaderboard?sort={hidden}-asc").status_code == 422


def test_rates_of_ones_own_do_not_tell_hidden_tokens(usage, make_grant, portal):
    make_grant(columns=["calls", "cost"], details=False)

    usual = portal().get("/embed/leaderboard")
    tricky = portal().get("/embed/leaderboard?prompt_cost=1000000&completion_cost=0")

    costs = re.compile(r"\$[\d.,]+")
    assert costs.findall(usual.text)
    assert costs.findall(usual.text) == costs.findall(tricky.text)


def test_without_details_nobody_has_a_page(usage, make_grant, portal):
    make_grant(details=False)

    assert "View Details" not in portal().get("/embed/leaderboard").text
    assert portal().get("/embed/users/vera").status_code == 404


def test_a_grant_can_close_names_but_not_open_them(usage, make_grant, portal):
    make_grant("closed", identity="pseudonyms")
    make_grant("open")

    closed = names(portal("closed").get("/embed/leaderboard"))
    assert all(name.startswith("Contributor ") for name in closed)
    assert not rows(portal("closed").get("/embed/leaderboard?q=vera"))
    assert portal("closed").get("/embed/users/vera").status_code == 404

    projects.set_identity(projects.find("checkout"), naming.PSEUDONYMS, 0, False)
    assert all(
        name.startswith("Contributor ") for name in names(portal("open").get("/embed/leaderboard"))
    )


def test_a_grant_of_everything_is_bound_by_what_projects_hide(usage, make_grant, portal):
    make_grant(projects=())
    projects.set_identity(projects.find("mobile"), naming.HIDDEN, 5, False)

    assert not rows(portal().get("/embed/leaderboard?project=mobile"))
    assert not rows(portal().get("/embed/leaderboard"))
    assert names(portal().get("/embed/leaderboard?project=checkout")) == ["Vera Molnár", "otto"]


def test_pseudonyms_of_a_grant_hold_for_unassigned_usage_too(make_usage, make_grant, portal):
    make_usage("vera")
    make_grant(projects=(), identity="pseudonyms")

    (name,) = names(portal().get("/embed/leaderboard?project=unassigned"))
    assert name.startswith("Contributor ")


def test_a_reader_of_all_projects_is_bound_by_how_each_names_its_people(usage, make_grant, portal):
    projects.set_identity(projects.find("checkout"), naming.PSEUDONYMS, 0, False)
    make_grant(projects=())

    found = names(portal(subject="vera").get("/embed/leaderboard?project=checkout"))

    assert [name for name in found if name.startswith("Contributor ")] == found[1:]


def test_few_people_stay_hidden_behind_pseudonyms(usage, make_grant, portal):
    projects.set_identity(projects.find("checkout"), naming.HIDDEN, 5, False)
    make_grant(identity="pseudonyms")

    assert not rows(portal().get("/embed/leaderboard"))


def test_readers_who_may_see_themselves_alone_do(usage, make_grant, portal):
    make_grant(identity="own")

    assert not rows(portal().get("/embed/leaderboard"))
    assert names(portal(subject="vera").get("/embed/leaderboard")) == ["Vera Molnár"]
    assert portal(subject="vera").get("/embed/users/vera").status_code == 200
    assert portal(subject="vera").get("/embed/users/otto").status_code == 404


def test_a_person_whom_the_proxy_names_sees_what_they_would_see_on_the_board(app, usage, ada):
    secret = "sixteen characters"
    told = {"X-User": "ann", "X-Tallyboard-Proxy-Secret": secret}
    accounts.create_user("ann", NOW)
    accounts.set_role("ann", "project_admin", ["checkout"])
    usual = app.extensions["settings"]
    try:
        app.extensions["settings"] = settings(
            trusted_proxies="127.0.0.1", proxy_user_header="X-User", proxy_secret=secret
        )
        client = app.test_client()

        assert names(client.get("/embed/leaderboard", headers=told)) == ["Vera Molnár", "otto"]
        assert client.get("/embed/leaderboard?project=mobile", headers=told).status_code == 404
        member = told | {"X-User": "otto"}
        assert client.get("/embed/leaderboard", headers=member).status_code == 404
        assert client.get("/embed/users/otto", headers=member).status_code == 200
        assert client.get("/embed/leaderboard", headers={"X-User": "ann"}).status_code == 401
    finally:
        app.extensions["settings"] = usual


def test_no_cookie_opens_an_embed_and_none_is_set(app, usage, ada, make_grant, portal):
    make_grant()

    signed_in = browser_of(app, ada)
    asked = [signed_in.get(path) for path in ("/embed/leaderboard", "/embed/users/vera")]

    assert [one.status_code for one in asked] == [401, 401]
    assert not any(map(rows, asked))
    asked += [signed_in.options("/embed/leaderboard"), signed_in.get("/embed/frame?grant=portal")]
    asked += [signed_in.get(f"/static/embed/tally-{name}") for name in ("board.js", "board.css")]
    asked += [portal().get("/embed/leaderboard", headers=HTMX)]
    assert [one.status_code for one in asked[2:]] == [200] * 5
    assert not [one.headers for one in asked if "Set-Cookie" in one.headers]


@pytest.mark.parametrize("path", ["/embed/leaderboard", "/embed/users/vera"])
def test_the_pages_of_a_grant_may_read_across_origins(usage, client, make_grant, portal, path):
    make_grant()
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}

    answer = portal().get(path, headers={"Origin": ORIGIN})
    preflight = client.options(path, headers=asks)

    for response in (answer, preflight):
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert "Origin" in response.vary
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


def test_a_page_with_a_mistyped_address_learns_that_there_is_no_such_page(
    client, make_grant, portal
):
    make_grant()
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}

    answer = portal().get("/embed/leaderbord", headers={"Origin": ORIGIN})
    preflight = client.options("/embed/leaderbord", headers=asks)

    assert (answer.status_code, preflight.status_code) == (404, 200)
    for response in (answer, preflight):
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("path", ["/embed/leaderboard", "/embed/users/vera", "/embed/users/none"])
def test_no_answer_is_for_the_address_bar_of_its_page(usage, make_grant, portal, path):
    make_grant()

    assert portal().get(path, headers=HTMX).headers["HX-Push-Url"] == "false"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", f"{ORIGIN}.evil.example", "null", ORIGIN[:-1], "http" + ORIGIN[5:]],
)
def test_no_other_page_may(usage, client, make_grant, portal, origin):
    make_grant()

    answer = portal().get("/embed/leaderboard", headers={"Origin": origin})
    preflight = client.options("/embed/leaderboard", headers={"Origin": origin})

    assert answer.status_code == 403
    assert not rows(answer)
    for response in (answer, preflight):
        assert "Access-Control-Allow-Origin" not in response.headers


def test_the_end_of_a_grant_ends_what_its_pages_may_read(client, make_grant):
    make_grant()
    grants.revoke("portal", accounts.horizon(accounts.person("ada"), settings().rates, "UTC", NOW))

    response = client.options("/embed/leaderboard", headers={"Origin": ORIGIN})

    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("path", ["/leaderboard", "/api/v1/leaderboard", "/api/v1/embed-tokens"])
def test_nothing_else_is_shared_across_origins(client, make_grant, path):
    make_grant()

    response = client.options(path, headers={"Origin": ORIGIN})

    assert not [name for name in dict(response.headers) if name.startswith("Access-Control")]


def test_a_frame_is_empty_and_framed_by_the_grants_pages_alone(client, make_grant):
    make_grant(origins=(ORIGIN, "https://other.example:8443"))

    response = client.get("/embed/frame?grant=portal")

    policy = response.headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {ORIGIN} https://other.example:8443")
    assert "script-src 'self'" in policy
    assert not rows(response)
    assert client.get("/embed/frame?grant=other").status_code == 404
    assert client.get("/embed/frame").status_code == 404


@ON_ONE_DATABASE
def test_costs_without_calls_tell_no_number_of_calls_either(usage, make_grant, portal):
    fields = {"locked": {"cost": "reported"}, "details": False}
    make_grant("costs", columns=("cost",), **fields)
    make_grant("both", columns=("calls", "cost"), **fields)

    costs, both = (text(portal(one).get("/embed/leaderboard").text) for one in ("costs", "both"))

    assert "5 calls have no reported cost" in both
    assert "Some calls have no reported cost" in costs
    assert "5 calls" not in costs
