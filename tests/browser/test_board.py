"""The costs, the search, the order and the pages of the table, as they change under one's hands."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from browser.conftest import asked, choose, entries, is_marked, mark, names

COLUMNS = ("calls", "prompt_tokens", "completion_tokens", "cost")
CARET = "[document.activeElement.id, document.activeElement.selectionStart]"


def totals(page):
    """The exact numbers below the table: calls, prompt tokens, completion tokens, dollars."""
    cells = page.locator("tfoot .tb-num").evaluate_all(
        "cells => cells.map(cell => cell.querySelector('[title]')?.title ?? cell.innerText)"
    )
    return [Decimal(re.sub(r"[^\d.]", "", cell)) for cell in cells]


@pytest.mark.parametrize(("field", "place"), [("prompt_cost", 1), ("completion_cost", 2)])
def test_a_rate_prices_the_table_anew_while_it_is_typed(page, field, place):
    mark(page)
    length, box, before = entries(page), page.locator(f"#{field}"), totals(page)
    rate = Decimal(box.input_value())

    box.press("Home")
    box.press("1")

    expect(page).to_have_url(f"/leaderboard?{field}=1{rate}")
    expect(page.locator("#announcement")).to_have_text("24 people, by activity")
    # A 1 in front of 3.00 or 15.00 makes it dearer by 10 or 100.
    dearer = {"prompt_cost": 10, "completion_cost": 100}[field]
    assert totals(page)[3] - before[3] == before[place] * dearer / 10**6
    assert totals(page)[:3] == before[:3]
    assert page.evaluate(CARET) == [field, 1]
    assert box.input_value() == f"1{rate}"
    assert is_marked(page)
    assert entries(page) == length


def test_a_bad_rate_is_refused_beside_its_input_and_the_last_table_stays(page):
    box, before, problem = page.locator("#prompt_cost"), totals(page), page.locator(".tb-problem")

    box.press("End")
    box.press("x")

    expect(page.locator("#problem-prompt_cost")).to_contain_text("Must be a number")
    expect(page.locator("#problem-prompt_cost")).to_be_in_viewport()
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_be_focused()
    expect(page).to_have_url("/leaderboard")
    assert totals(page) == before

    box.press("Backspace")
    box.press("5")

    expect(page).to_have_url("/leaderboard?prompt_cost=3.005")
    expect(box).to_have_attribute("aria-invalid", "false")
    assert totals(page)[3] > before[3]
    assert not any(problem.all_text_contents())


def test_a_search_keeps_the_rank_and_the_totals(page):
    mark(page)
    length, before, everyone = entries(page), totals(page), names(page)

    page.locator("#q").press_sequentially("AN")

    expect(page).to_have_url("/leaderboard?q=AN")
    expect(page.locator("#announcement")).to_contain_text("people found")
    ranks = page.locator(".tb-row .tb-rank").all_text_contents()
    assert names(page) == [everyone[int(rank) - 1] for rank in ranks]
    assert int(ranks[0]) > 1
    assert totals(page) == before
    assert page.evaluate(CARET) == ["q", 2]
    assert is_marked(page)
    assert entries(page) == length


def test_a_search_without_a_hit_offers_everyone_again(page):
    page.locator("#q").fill("nobody at all")
    expect(page.locator(".tb-empty-title")).to_contain_text("nobody at all")

    page.locator("#empty-next").click()

    expect(page).to_have_url("/leaderboard")
    expect(page.locator(".tb-row")).to_have_count(24)
    expect(page.locator("#q")).to_have_value("")


def test_a_slash_goes_to_the_search_unless_one_is_typing(page):
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("/")

    expect(page.locator("#q")).to_have_value("/")
    expect(page).to_have_url("/leaderboard?q=/")


@pytest.mark.parametrize("column", COLUMNS)
def test_a_header_sorts_and_sorts_the_other_way_around(page, column):
    mark(page)
    length, header = entries(page), page.locator(f"th:has(#sort-{column})")

    page.locator(f"#sort-{column}").click()

    expect(page).to_have_url(f"/leaderboard?sort={column}")
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(page.locator("[aria-sort]")).to_have_count(1)
    expect(page.locator(f"#sort-{column}")).to_be_focused()
    heard = f"24 people, by {column.replace('_', ' ')}"
    expect(page.locator("#announcement")).to_have_text(heard)
    first = names(page)[0]

    page.keyboard.press("Enter")

    expect(page).to_have_url(f"/leaderboard?sort={column}-asc")
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("#announcement")).to_have_text(f"{heard}, lowest first")
    assert names(page)[-1] == first
    assert page.locator(".tb-rank").first.inner_text() == "1"
    assert is_marked(page)
    assert entries(page) == length + 2


def test_the_rank_header_returns_to_activity_and_explains_it(visit):
    page = visit("/leaderboard?sort=cost-asc")
    hint = page.get_by_role("tooltip", include_hidden=True)
    expect(hint).to_be_hidden()

    page.locator("#sort-activity").focus()
    expect(hint).to_be_visible()
    page.locator("#sort-activity").press("Enter")

    expect(page).to_have_url("/leaderboard")
    expect(page.locator("th:has(#sort-activity)")).to_have_attribute("aria-sort", "descending")


def test_pages_and_their_length_are_in_the_address(visit):
    page = visit(content="hostile")
    mark(page)
    length, first = entries(page), names(page)

    page.locator("#page-next").click()
    expect(page).to_have_url("/leaderboard?page=2")
    expect(page.locator(".tb-rank").first).to_have_text("26")
    second = names(page)
    page.locator("#page-previous").click()
    expect(page).to_have_url("/leaderboard")
    assert names(page) == first
    page.locator("#rows-50").click()
    expect(page).to_have_url("/leaderboard?per_page=50")
    expect(page.locator("#rows-50")).to_be_focused()

    assert names(page) == first + second
    assert is_marked(page)
    assert entries(page) == length + 3


def test_a_search_starts_on_the_first_page_and_keeps_the_order(visit):
    page = visit("/leaderboard?sort=prompt_tokens&page=2&per_page=25", content="hostile")

    page.locator("#q").fill("script")

    expect(page).to_have_url("/leaderboard?sort=prompt_tokens&q=script")


def test_the_newest_answer_wins(page):
    held = []
    page.route("**/leaderboard?*q=a&*", lambda route: held.append(route))
    with page.expect_request("**/leaderboard?*q=a&*"):
        page.locator("#q").press_sequentially("a")
    page.locator("#q").press_sequentially("mara")
    expect(page).to_have_url("/leaderboard?q=amara")
    expect(page.locator(".tb-row")).to_have_count(1)

    answer_late(page, held)

    assert names(page) == ["Amara Okafor"]
    assert asked(page) == "q=amara"


def test_an_answer_that_comes_after_one_has_gone_on_changes_nothing(page):
    held = []
    page.route("**/leaderboard?*q=m&*", lambda route: held.append(route))
    with page.expect_request("**/leaderboard?*q=m&*"):
        page.locator("#q").press_sequentially("m")
    page.locator(".tb-details").first.click()
    expect(page.locator("h1")).to_contain_text("Amara Okafor")
    expect(page).to_have_url("/users/amara.okafor")

    answer_late(page, held)

    assert page.url.endswith("/users/amara.okafor")
    expect(page.locator("h1")).to_contain_text("Amara Okafor")


@pytest.mark.parametrize("asked_for", [False, True], ids=["at once", "while it is asked for"])
def test_a_link_takes_along_what_was_typed_a_moment_ago(page, asked_for):
    held = []
    if asked_for:
        page.route("**/leaderboard?*q=ra&*", lambda route: held.append(route), times=1)
    page.locator("#q").press_sequentially("ra")
    while asked_for and not held:
        page.wait_for_timeout(10)

    page.locator("#sort-cost").click()

    expect(page).to_have_url("/leaderboard?sort=cost&q=ra")
    expect(page.locator("#q")).to_have_value("ra")
    found = names(page)
    answer_late(page, held)
    # Longer than a search waits for another letter.
    page.wait_for_timeout(400)
    expect(page).to_have_url("/leaderboard?sort=cost&q=ra")
    assert names(page) == found
    assert all("ra" in name.lower() for name in found)


def test_a_rate_typed_a_moment_ago_leads_on_to_a_person(page):
    page.locator("#prompt_cost").fill("8")

    page.locator(".tb-details").first.click()

    expect(page).to_have_url(re.compile(r"/users/[\w.]+\?prompt_cost=8.00$"))
    expect(page.locator("#prompt_cost")).to_have_value("8.00")


def test_what_was_refused_does_not_keep_a_header_from_sorting(page):
    page.locator("#prompt_cost").press_sequentially("x")
    expect(page.locator("#problem-prompt_cost")).to_contain_text("Must be a number")

    page.locator("#sort-cost").click()

    expect(page).to_have_url("/leaderboard?sort=cost")
    expect(page.locator("#prompt_cost")).to_have_value("3.00")


def test_what_got_no_answer_is_asked_for_with_the_next_request(page, problems):
    page.route("**/leaderboard?*prompt_cost=8*", lambda route: route.abort(), times=1)
    page.locator("#prompt_cost").fill("8")
    expect(page.locator("#notice")).to_contain_text("can't be reached")

    page.locator("#sort-cost").click()

    expect(page).to_have_url("/leaderboard?sort=cost&prompt_cost=8.00")
    expect(page.locator("#prompt_cost")).to_have_value("8")
    problems[:] = [one for one in problems if not re.search("ERR_FAILED|htmx:", one)]


def test_a_swap_is_announced(page):
    expect(page.locator("#announcement[role=status]")).to_be_empty()

    page.locator("#q").fill("amara")
    expect(page.locator("#announcement")).to_have_text("1 person found, by activity")
    page.locator("#q").fill("")

    expect(page.locator("#announcement")).to_have_text("24 people, by activity")


def test_a_session_that_has_ended_leads_to_the_way_in(visit):
    page = visit(locale="en-GB")
    page.context.clear_cookies()

    page.locator("#sort-cost").click()

    expect(page).to_have_url("/sign-in")


def answer_late(page, held):
    """Answer the requests that were held back, and let the page do what it does with them."""
    for route in held:
        response = route.fetch()
        route.fulfill(response=response)
    # Anything that the answer sets off runs before two more frames are drawn.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def test_the_table_is_on_the_clipboard_with_all_its_pages(visit):
    page = visit("/leaderboard?q=ar", permissions=["clipboard-read", "clipboard-write"])
    button, found = page.locator("#copy-table"), names(page)

    button.click()

    expect(button).to_have_text("Copied")
    head, *rows = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert head.split("\t")[:3] == ["rank", "username", "display_name"]
    assert [row.split("\t")[2] for row in rows] == found


def test_the_export_is_what_the_filters_show(page):
    choose(page, "Source", "#source-ide")
    expect(page).to_have_url("/leaderboard?source=ide")

    with page.expect_download() as loaded:
        page.locator("#export-csv").click()

    lines = loaded.value.path().read_text().splitlines()
    assert loaded.value.suggested_filename == "leaderboard-all-2026-10-24-to-2026-11-22.csv"
    assert len(lines) == len(names(page)) + 1


def test_an_input_that_was_mended_is_no_longer_called_wrong(page):
    prompt, completion = page.locator("#prompt_cost"), page.locator("#completion_cost")
    prompt.fill("much")
    expect(page.locator("#problem-prompt_cost")).not_to_be_empty()

    completion.fill("many")
    prompt.fill("4")

    expect(page.locator("#problem-completion_cost")).not_to_be_empty()
    expect(page.locator("#problem-prompt_cost")).to_be_empty()
    expect(prompt).to_have_attribute("aria-invalid", "false")
    expect(completion).to_have_attribute("aria-invalid", "true")
