"""A live table: it asks for itself, and nobody who works with it notices but by what changed."""

import re

import pytest
from playwright.sync_api import expect

from browser.conftest import names

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


@pytest.fixture
def answered(problems):
    """Has the next question for the table answered like this, which is no problem of the page."""

    def answer(page, status, body, **headers):
        told = {"status": status, "content_type": "text/html", "body": body, "headers": headers}
        page.route("**/leaderboard?*", lambda route: route.fulfill(**told), times=1)

    yield answer
    problems[:] = [one for one in problems if "Failed to load resource" not in one]


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


@pytest.mark.parametrize("status", [400, 403, 404, 413, 429, 500, 502, 503])
def test_a_page_of_a_proxy_does_not_take_the_table_s_place(page, answered, status):
    answered(page, status, "<h1>Bad gateway</h1>")
    before = names(page)

    page.get_by_role("link", name="Calls").first.click()

    expect(page.locator("#notice")).to_contain_text(f"could not answer ({status})")
    assert names(page) == before
    expect(page.get_by_text("Bad gateway")).to_have_count(0)
    expect(page).to_have_url("/leaderboard")

    page.get_by_role("link", name="Calls").first.click()

    expect(page).to_have_url(re.compile("sort=calls"))
    expect(page.locator("#notice")).to_be_empty()


@pytest.mark.parametrize("status", [413, 429, 500, 503])
def test_what_the_board_refuses_it_says_itself(page, answered, status):
    notice = '<p id="notice" hx-swap-oob="innerHTML">Not today.</p>'
    answered(page, status, notice, **{"HX-Reswap": "none"})

    page.get_by_role("link", name="Calls").first.click()

    expect(page.locator("#notice")).to_have_text("Not today.")
    expect(page).to_have_url("/leaderboard")
