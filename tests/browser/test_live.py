"""A live table: it asks for itself, and nobody who works with it notices but by what changed."""

import re

import pytest
from playwright.sync_api import expect

LIVE = "/leaderboard?live=1"
LIVE_URL = f"**{LIVE}"
NO_ANSWER = re.compile("ERR_FAILED|htmx:(sendError|afterRequest), ")
CARET = "[document.activeElement.id, document.activeElement.selectionStart]"
ANIMATION = "row => getComputedStyle(row).animationName"


@pytest.fixture
def live(visit):
    """Opens a live board on which time passes when it is told to."""

    def open_live(motion="no-preference"):
        page = visit("/leaderboard", reduced_motion=motion)
        page.clock.install()
        page.goto(LIVE)
        return page

    return open_live


@pytest.fixture
def without_answer(problems):
    """Has the next request of a page come to nothing, which is no problem of the page."""
    yield lambda page: page.route(LIVE_URL, lambda route: route.abort(), times=1)
    problems[:] = [one for one in problems if not NO_ANSWER.search(one)]


def wait_for_it(page):
    """Let five seconds pass; the status of what the table is told then."""
    with page.expect_response(LIVE_URL) as told:
        page.clock.fast_forward(5_000)
    return told.value.status


def lead_by_one_more(page):
    """Have the next answer tell of another number for whoever leads."""

    def answer(route):
        known = "if-none-match"
        told = route.fetch(headers={k: v for k, v in route.request.headers.items() if k != known})
        first = r"(<td [^>]*\btb-calls\b[^>]*>)[^<]*"
        route.fulfill(response=told, body=re.sub(first, r"\g<1>9,876,543", told.text(), count=1))

    page.route(LIVE_URL, answer, times=1)


def test_the_switch_is_in_the_address_and_turns_it_on_and_off(visit):
    page = visit()

    page.get_by_role("checkbox", name="Live").check()
    expect(page).to_have_url(LIVE)
    expect(page.locator("[data-live]")).to_have_count(1)

    page.get_by_role("checkbox", name="Live").uncheck()
    expect(page).to_have_url("/leaderboard")
    expect(page.locator("[data-live]")).to_have_count(0)


def test_where_nothing_changed_nothing_is_touched(live):
    page = live()
    page.locator("tbody tr").first.evaluate("row => row.dataset.same = true")

    assert wait_for_it(page) == 304

    expect(page.locator("[data-same]")).to_have_count(1)
    expect(page.locator("#notice")).to_be_empty()


def test_what_changed_lights_up_and_the_rest_of_the_page_stays(live):
    page = live()
    page.locator("#q").focus()
    page.locator("#q").evaluate("box => { box.value = 'unsent'; box.setSelectionRange(2, 2); }")
    lead_by_one_more(page)

    assert wait_for_it(page) == 200

    rows = page.locator(".tb-row")
    expect(rows.first).to_contain_text("9,876,543")
    expect(page.locator(".tb-changed")).to_have_count(1)
    assert rows.first.evaluate(ANIMATION) == "tb-changed"
    assert page.evaluate(CARET) == ["q", 2]
    assert page.locator("#q").input_value() == "unsent"


def test_the_focus_stays_in_the_table_and_nothing_moves_for_whoever_wants_that(live):
    page = live(motion="reduce")
    link = page.locator(".tb-details").nth(1)
    name = link.get_attribute("id")
    link.focus()
    lead_by_one_more(page)

    assert wait_for_it(page) == 200

    expect(page.locator(".tb-row").first).to_contain_text("9,876,543")
    assert page.evaluate("document.activeElement.id") == name
    assert page.locator(".tb-changed").evaluate(ANIMATION) == "none"


def test_a_hidden_tab_asks_for_nothing(live):
    page = live()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")

    page.clock.fast_forward(20_000)
    page.evaluate("new Promise(done => requestAnimationFrame(() => done()))")

    assert asked == []


def test_what_somebody_selects_in_the_table_stays_until_they_are_done(live):
    page = live()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".tb-row th").first.select_text()
    chosen = page.evaluate("getSelection().toString()")

    page.clock.fast_forward(20_000)
    page.evaluate("new Promise(done => requestAnimationFrame(() => done()))")

    assert (asked, bool(chosen)) == ([], True)
    assert page.evaluate("getSelection().toString()") == chosen
    page.evaluate("getSelection().removeAllRanges()")
    assert wait_for_it(page) == 304


def test_while_the_board_is_away_the_page_says_so(live, without_answer):
    page = live()
    without_answer(page)

    page.clock.fast_forward(5_000)
    expect(page.locator("#notice")).to_contain_text("can't be reached")
    expect(page.locator(".tb-row").first).to_be_visible()

    assert wait_for_it(page) == 304
    expect(page.locator("#notice")).to_be_empty()


def test_a_filter_that_gets_no_answer_says_so_too(visit, without_answer):
    page = visit()
    without_answer(page)

    page.get_by_role("checkbox", name="Live").check()

    expect(page.locator("#notice")).to_contain_text("can't be reached")
