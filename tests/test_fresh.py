"""If-None-Match - an unchanged table costs next to nothing, and is never anybody else's."""

import gzip
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Event

import pytest
import time_machine
from conftest import HTMX, NOW, ON_ONE_DATABASE, assert_query_count, browser_of, settings
from flask import Flask, Response, template_rendered
from portals import places
from reading import element, names

import models
from usage import accounts, columns, grants, merging, projects, samples, warm
from views import fresh

BOARD = "/leaderboard?sort=cost"
API = "/api/v1/leaderboard"


@pytest.fixture
def had(client, make_usage):
    """Asks as Ada, who has what the board said first: 304 as long as that's what it says."""
    make_usage("vera", project="checkout")
    make_usage("max", project="atlas")
    first = client.get(BOARD, headers=HTMX)

    def ask(path=BOARD, browser=client, **headers):
        known = {"If-None-Match": first.headers["ETag"]}
        return browser.get(path, headers=HTMX | known | headers).status_code

    assert first.status_code == 200
    return ask


@pytest.fixture
def rendered(app):
    """The templates that were rendered since it was cleared."""
    found = []

    def note(_app, template, **_):
        found.append(template.name)

    with template_rendered.connected_to(note, app):
        yield found


def test_an_unchanged_table_is_not_sent_again(client, had):
    assert had() == 304

    again = client.get(BOARD, headers=HTMX | {"If-None-Match": '*, W/"other"'})
    assert (again.status_code, len(again.data) > 1000) == (200, True)


def test_it_costs_few_questions_and_no_bytes(client, had):
    etag = client.get(BOARD).headers["ETag"]

    with assert_query_count(1):
        response = client.get(BOARD, headers={"If-None-Match": etag})

    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == etag.replace(":gzip", "")
    assert response.headers["Cache-Control"] == "no-store"
    assert "HX-Request" in response.headers["Vary"]


@pytest.mark.parametrize(
    "change",
    [
        lambda send: send("vera", project="atlas"),
        lambda send: send("vera", failed=True),
        lambda send: send("newcomer", project="unheard-of"),
        lambda send: merging.merge("vera", "max", NOW),
        lambda send: projects.set_identity(projects.find("atlas"), "pseudonyms", 0, True),
        lambda send: projects.set_rates(projects.find("atlas"), "1", "2"),
        lambda send: accounts.set_role("ada", "project_admin", ["atlas"]),
        lambda send: projects.create("Empty", "UTC", NOW),
    ],
)
def test_whatever_changes_the_page_changes_its_tag(had, make_usage, change):
    accounts.create_user("other", NOW, role="super_admin")

    change(make_usage)

    assert had() == 200


@ON_ONE_DATABASE
def test_so_do_a_name_and_sample_data(had, make_usage, client):
    make_usage("vera", project="checkout", display_name="Vera K.")
    assert had() == 200
    etag = client.get(BOARD, headers=HTMX).headers["ETag"]

    samples.load("UTC", NOW)

    assert had(**{"If-None-Match": etag}) == 200


@ON_ONE_DATABASE
def test_so_does_what_is_asked_and_in_which_form(had):
    assert had("/leaderboard") == 200
    assert had("/users?sort=cost") == 200
    assert had(f"{BOARD}&prompt_cost=4") == 200
    assert had(**{"HX-Trigger": "q"}) == 200
    assert had(**{"HX-Target": "main"}) == 200
    assert had(**{"HX-History-Restore-Request": "true"}) == 200


def test_so_do_calls_of_another_source_that_the_filters_count(client, make_usage):
    path = "/leaderboard?source=ui"
    for source in ("ui", "cli"):
        make_usage("vera", source=source)
    known = {"If-None-Match": client.get(path).headers["ETag"]}
    assert client.get(path, headers=known).status_code == 304

    make_usage("vera", source="cli")

    assert client.get(path, headers=known).status_code == 200


@ON_ONE_DATABASE
def test_so_does_the_age_of_the_newest_event_but_not_each_second(had):
    with time_machine.travel(NOW + timedelta(seconds=30), tick=False):
        assert had() == 304
    with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
        assert had() == 200


@ON_ONE_DATABASE
def test_an_empty_board_shows_how_to_send_what_happens_now(client):
    with time_machine.travel(NOW - timedelta(minutes=1), tick=False):
        client.get("/leaderboard")

    assert NOW.strftime("%FT%T") in client.get("/leaderboard").text


def test_usage_elsewhere_leaves_a_project_as_it_was(client, had, make_usage):
    etag = client.get("/leaderboard?project=checkout", headers=HTMX).headers["ETag"]

    make_usage("max", project="atlas")

    assert had("/leaderboard?project=checkout", **{"If-None-Match": etag}) == 304


@ON_ONE_DATABASE
def test_another_process_tells_by_the_same_tag(client, had, make_usage, monkeypatch):
    monkeypatch.setattr(warm, "store", warm.Store())
    assert had() == 304

    make_usage("max", project="atlas", display_name="Max E.")
    here = client.get(BOARD, headers=HTMX).headers["ETag"]
    monkeypatch.setattr(warm, "store", warm.Store())
    assert had(**{"If-None-Match": here}) == 304


@ON_ONE_DATABASE
def test_nobody_is_told_that_they_have_what_another_saw(app, had):
    other = accounts.create_user("other", NOW, role="super_admin")

    assert had(browser=browser_of(app, other)) == 200
    assert had(browser=app.test_client()) == 401


@ON_ONE_DATABASE
def test_programs_may_ask_so_too(anonymous, reader, make_usage, had, make_key):
    first = anonymous.get(API, headers=reader)
    known = {"If-None-Match": first.headers["ETag"]}

    assert anonymous.get(API, headers=reader | known).status_code == 304
    assert anonymous.get(API, headers=make_key("read") | known).status_code == 200
    make_usage("vera")
    assert anonymous.get(API, headers=reader | known).status_code == 200


POLL = HTMX | {"HX-Trigger": "region", "HX-Target": "region"}


@pytest.fixture
def live(client, make_usage):
    """Ada's live board."""
    make_usage("vera")
    return client.get("/leaderboard?live=1")


def tag_of(response):
    """The tag that a live table sends with its next question."""
    return {"If-None-Match": f'"{element(response, "region").split("data-live=")[1][1:33]}"'}


@ON_ONE_DATABASE
def test_a_table_asks_for_itself_only_once_it_is_live(client, live):
    assert "data-live" not in element(client.get("/leaderboard"), "region")
    assert 'hx-get="/leaderboard?live=1"' in element(live, "region")
    assert "checked" in element(live, "live")
    assert "checked" not in element(client.get("/leaderboard"), "live")


@ON_ONE_DATABASE
def test_a_live_table_is_told_that_nothing_changed(client, live):
    first = client.get("/leaderboard?live=1", headers=POLL)
    again = client.get("/leaderboard?live=1", headers=POLL | tag_of(live))

    assert tag_of(first) == tag_of(live)
    assert (again.status_code, again.data) == (304, b"")


@ON_ONE_DATABASE
def test_a_live_table_that_changed_comes_without_what_people_type_in(client, live, make_usage):
    make_usage("max")

    response = client.get("/leaderboard?live=1", headers=POLL | tag_of(live))

    assert names(response) == ["max", "vera"]
    assert element(response, "as-of")
    assert not element(response, "q")
    assert not element(response, "views-menu")
    assert not {"HX-Push-Url", "HX-Replace-Url"} & set(response.headers.keys())
    assert tag_of(response) != tag_of(live)


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", ["/api/v1/leaderboard", "/api/v1/users/vera"])
def test_programs_are_told_that_nothing_is_live_for_them(anonymous, reader, live, path):
    response = anonymous.get(f"{path}?live=1", headers=reader)

    assert response.status_code == 422
    assert response.get_json()["error"]["field"] == "live"


@pytest.mark.parametrize("args", ["", "?columns=last_seen", "?cost=list"])
def test_not_even_the_tag_tells_that_one_of_few_was_at_work(app, make_usage, had, args):
    accounts.create_user("ann", NOW)
    accounts.set_role("ann", "project_admin", ["checkout"])
    projects.set_identity(projects.find("checkout"), "hidden", 2, False)
    ann = browser_of(app, accounts.person("ann"))
    known = {"If-None-Match": ann.get(f"/leaderboard{args}").headers["ETag"]}

    make_usage("vera", project="checkout")
    assert ann.get(f"/leaderboard{args}", headers=known).status_code == 304
    make_usage("zoe", project="checkout")
    assert ann.get(f"/leaderboard{args}", headers=known).status_code == 200


@ON_ONE_DATABASE
def test_a_tag_can_not_be_worked_out_from_numbers_alone(
    app, anonymous, reader, make_usage, monkeypatch
):
    make_usage("vera")
    tag = anonymous.get(API, headers=reader).headers["ETag"]

    monkeypatch.setitem(app.extensions, "settings", settings(secret_key="of another board"))

    assert anonymous.get(API, headers=reader).headers["ETag"] != tag


def test_what_was_rendered_is_not_rendered_again_until_it_changes(client, make_usage, rendered):
    make_usage("vera")
    first = client.get(BOARD, headers=HTMX)
    rendered.clear()

    again = client.get(BOARD, headers=HTMX)
    assert (rendered, again.data, again.headers) == ([], first.data, first.headers)

    make_usage("max")
    assert names(client.get(BOARD, headers=HTMX)) == ["max", "vera"]
    assert rendered


def test_it_is_compressed_once_for_all_who_ask_for_it_so(client, make_usage, monkeypatch):
    make_usage("vera")
    compress, compressed = gzip.compress, []

    def note(text, level):
        compressed.append(text)
        return compress(text, level)

    monkeypatch.setattr(gzip, "compress", note)
    packed = {"Accept-Encoding": "gzip"}
    first, again = (client.get(BOARD, headers=HTMX | packed) for _ in range(2))
    plain = client.get(BOARD, headers=HTMX)

    assert len(compressed) == 1
    assert again.headers == first.headers
    assert first.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(again.data) == plain.data
    assert "Content-Encoding" not in plain.headers
    for answer in (first, plain):
        known = packed | {"If-None-Match": answer.headers["ETag"]}
        assert client.get(BOARD, headers=HTMX | known).status_code == 304


def test_nobody_else_is_given_it_nor_who_asks_otherwise(app, client, make_usage, rendered):
    make_usage("vera")
    client.get(BOARD, headers=HTMX)
    other = browser_of(app, accounts.create_user("bob", NOW, role=accounts.SUPER_ADMIN))
    for browser, path, headers, around in (
        (other, BOARD, HTMX, {}),
        (client, BOARD, {}, {}),
        (client, "/leaderboard", HTMX, {}),
        (client, BOARD, HTMX, {"SCRIPT_NAME": "/ai"}),
    ):
        rendered.clear()
        browser.get(path, headers=headers, environ_overrides=around)

        assert rendered, (path, headers)


def test_what_changes_while_it_is_rendered_is_kept_for_nobody(app, client, make_usage, monkeypatch):
    make_usage("zoe")
    read = columns.board

    def read_elsewhere(scope):
        with models.db.connection_context():
            read(scope)

    def board_after_a_change(scope):
        make_usage("max")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(read_elsewhere, scope).result()
        return read(scope)

    monkeypatch.setattr(columns, "board", board_after_a_change)
    first = client.get(BOARD, headers=HTMX)
    monkeypatch.undo()

    assert names(first) == ["max", "zoe"]
    with app.app_context():
        assert not app.extensions["rendered"].find((first.get_etag()[0], ""))


def test_who_asks_while_it_is_rendered_is_given_the_same(app, client, make_usage, monkeypatch):
    make_usage("yves")
    read, begun, go = columns.board, Event(), Event()
    count = []

    def slow_board(scope):
        count.append(1)
        begun.set()
        go.wait(5)
        return read(scope)

    monkeypatch.setattr(columns, "board", slow_board)
    other = app.test_client()
    other._cookies = client._cookies
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.get, BOARD, headers=HTMX)
        begun.wait(5)
        second = pool.submit(other.get, BOARD, headers=HTMX)
        assert not wait([second], timeout=0.05).done
        go.set()
        assert names(first.result()) == names(second.result()) == ["yves"]

    assert len(count) == 1


def test_only_so_many_bytes_are_kept_and_what_is_asked_for_longest():
    answers = fresh.RenderedAnswers()
    body = b"x" * (fresh.MOST_BYTES // 4)
    with Flask(__name__).test_request_context():
        for tag in "abcd":
            answers.put((tag, "gzip"), Response(body))
        answers.find(("a", "gzip"))
        answers.put(("e", "gzip"), Response(body))

        assert [tag for tag in "abcde" if answers.find((tag, "gzip"))] == ["a", "c", "d", "e"]


EMBED = "/embed/leaderboard?sort=cost"


def test_the_pages_of_a_portal_are_given_the_same_under_names_of_their_own(
    make_usage, make_grant, portal, rendered
):
    make_usage("vera", project="checkout")
    make_grant()
    first = portal().get(EMBED)
    rendered.clear()

    again = portal().get(EMBED)
    assert rendered == []
    assert names(again) == ["vera"]
    assert places(again) != places(first)
    assert again.text.replace(places(again), "b") == first.text.replace(places(first), "b")
    assert "ETag" not in again.headers

    make_usage("max", project="checkout")
    assert names(portal().get(EMBED)) == ["max", "vera"]


@ON_ONE_DATABASE
@pytest.mark.parametrize("also", ["&styles=linked", "&page=2", "&board=b"])
def test_a_portal_that_asks_otherwise_is_not(make_usage, make_grant, portal, rendered, also):
    make_usage("vera", project="checkout")
    make_grant()
    portal().get(EMBED)
    for headers in ({}, {"HX-Request": "true", "HX-Target": "b-region", "HX-Trigger": "b-days"}):
        kept = portal().get(EMBED, headers)
        rendered.clear()

        assert portal().get(EMBED + also, headers).text != kept.text
        assert bool(rendered) is (also != "&board=b" or bool(headers)), headers


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "narrower",
    [
        {"columns": ("calls", "cost"), "details": False},
        {"identity": "pseudonyms"},
        {"details": False},
        {"locked": {"source": "ui"}},
        {"projects": ("checkout", "atlas")},
    ],
    ids=lambda narrower: next(iter(narrower)),
)
def test_nor_is_a_reader_who_may_see_something_else(
    make_usage, make_grant, portal, rendered, narrower
):
    for project in ("checkout", "atlas"):
        make_usage("vera", project=project, source="ui")
    make_grant()
    make_grant("narrower", **narrower)
    whole = portal().get(EMBED)
    rendered.clear()

    other = portal("narrower").get(EMBED)

    assert rendered
    assert other.text.replace(places(other), "b") != whole.text.replace(places(whole), "b")


@ON_ONE_DATABASE
def test_nobody_is_given_what_was_kept_once_the_grant_has_ended(
    ada, make_usage, make_grant, portal
):
    make_usage("vera", project="checkout")
    make_grant()
    page = portal()
    assert names(page.get(EMBED)) == ["vera"]

    grants.revoke("portal", accounts.horizon(ada, settings().rates, "UTC", NOW))

    assert page.get(EMBED).status_code == 401
