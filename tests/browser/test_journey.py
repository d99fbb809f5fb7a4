"""From the table to a person and back; all of it without JavaScript; and out."""

import re

import pytest
from playwright.sync_api import expect

from browser.conftest import entries, is_marked, mark, names


@pytest.mark.parametrize("where", ["#details-carlos\\.echeverria", "row"])
def test_details_open_without_a_load(page, where):
    mark(page)
    length = entries(page)
    row = page.locator(".tb-row:has(#details-carlos\\.echeverria)")

    if where == "row":
        row.click(position={"x": 200, "y": 20})
    else:
        page.locator(where).click()

    expect(page).to_have_url("/users/carlos.echeverria")
    expect(page).to_have_title("Carlos Echeverría · Tallyboard")
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator("h1")).to_be_in_viewport()
    expect(page.locator("figure")).to_have_count(5)
    assert is_marked(page)
    assert entries(page) == length + 1


def test_details_keep_the_scope(visit):
    page = visit("/leaderboard?project=checkout&days=90&prompt_cost=1&sort=cost&q=a")
    calls = page.locator(".tb-row .tb-num").first.inner_text()

    page.locator(".tb-details").first.click()

    expect(page).to_have_url(
        re.compile(r"/users/[a-z.]+\?project=checkout&days=90&sort=cost&prompt_cost=1\.00$")
    )
    expect(page.locator(".tb-summary")).to_contain_text(calls)
    expect(page.locator(".tb-chip")).to_have_count(2)


@pytest.mark.parametrize(
    ("path", "content", "scroll"),
    [
        ("/leaderboard?sort=cost&q=e", "sample", 400),
        # The table is longer here than the page that Back leaves.
        ("/leaderboard?per_page=50", "hostile", 1500),
    ],
)
def test_back_returns_to_the_very_same_table_and_place(visit, path, content, scroll):
    page = visit(path, content=content)
    mark(page)
    shown = [page.locator(place).inner_text() for place in ("#scope", "#inputs", "#region")]
    page.evaluate(f"window.scrollTo(0, {scroll})")
    # At once where the pointer is: a click by its locator would scroll first.
    link = page.locator(".tb-row >> nth=-8").bounding_box()
    place = page.evaluate("scrollY")
    assert place == scroll
    page.mouse.click(link["x"] + 200, link["y"] + 20)
    expect(page).to_have_url(re.compile("/users/"))
    expect(page.locator("figure").first).to_be_visible()
    assert page.evaluate("scrollY") == 0

    page.go_back()

    expect(page).to_have_url(path)
    expect(page).to_have_title("Leaderboard · Tallyboard")
    expect(page.locator(".tb-row").first).to_be_visible()
    again = [page.locator(place).inner_text() for place in ("#scope", "#inputs", "#region")]
    assert again == shown
    page.wait_for_function("place => scrollY === place", arg=place, timeout=10_000)
    assert is_marked(page)


def test_back_returns_the_focus_to_the_link_that_was_followed(page):
    link = page.locator("#details-priya\\.raghunathan")
    link.press("Enter")
    expect(page.locator("figure").first).to_be_visible()

    page.go_back()

    expect(link).to_be_focused()


def test_forward_goes_to_the_person_again_and_everything_still_works(page):
    page.locator("#details-priya\\.raghunathan").click()
    expect(page).to_have_title(re.compile("Priya"))

    page.go_back()
    expect(page).to_have_title(re.compile("Leaderboard"))
    expect(page.locator(".tb-row")).to_have_count(24)
    page.go_forward()
    expect(page).to_have_title(re.compile("Priya"))
    expect(page).to_have_url("/users/priya.raghunathan")
    expect(page.locator("figure")).to_have_count(5)
    page.locator("#filters-button").click()
    page.get_by_role("tab", name="Source").click()
    page.locator("label:has(#source-ide)").click()

    expect(page).to_have_url("/users/priya.raghunathan?source=ide")
    expect(page.locator(".tb-summary")).to_contain_text("IDE")


def test_a_person_has_the_filters_of_the_leaderboard(visit):
    page = visit("/users/amara.okafor")
    mark(page)

    page.locator("#by-last").fill("7")

    expect(page).to_have_url("/users/amara.okafor?days=7")
    expect(page.locator("#by-last")).to_be_focused()
    expect(page.locator("#announcement")).to_contain_text("API calls")
    expect(page.locator("#q")).to_have_count(0)
    assert is_marked(page)


def test_the_list_of_people_is_the_same_table(visit, page):
    people = visit("/users")

    assert names(people) == names(page)
    people.locator("#q").fill("priya")
    expect(people).to_have_url("/users?q=priya")
    people.locator(".tb-details").click()
    expect(people).to_have_url("/users/priya.raghunathan")
    people.go_back()
    expect(people).to_have_url("/users?q=priya")
    expect(people.locator(".tb-row")).to_have_count(1)


def test_choices_are_steps_of_the_history_and_keystrokes_are_not(page):
    page.locator("#sort-cost").click()
    expect(page).to_have_url("/leaderboard?sort=cost")
    page.locator("#q").fill("a")
    expect(page).to_have_url("/leaderboard?sort=cost&q=a")

    page.go_back()

    expect(page).to_have_url("/leaderboard")
    expect(page.locator("#q")).to_have_value("")
    expect(page.locator("th:has(#sort-activity)")).to_have_attribute("aria-sort", "descending")


def test_the_whole_journey_works_without_javascript(visit):
    page = visit(java_script_enabled=False)
    form, everyone = page.locator("#filters"), names(page)

    page.locator("#prompt_cost").fill("0")
    page.locator("#completion_cost").fill("1")
    form.get_by_role("button", name="Apply").click()
    expect(page.locator("#completion_cost")).to_have_value("1.00")
    expect(page.locator("tfoot .tb-cost")).to_have_text("$2.58")

    page.locator("#by-last").fill("90")
    page.locator("#q").fill("an")
    form.get_by_role("button", name="Apply").click()
    expect(page.locator("#scope")).to_contain_text("25 Aug to 22 Nov 2026")
    assert 0 < len(names(page)) < len(everyone)

    page.locator("#chip-dates").click()
    expect(page.locator("#by-last")).to_have_value("30")

    page.locator("#filters-button").click()
    page.locator("label:has(#source-cli)").click()
    page.locator("label:has(#project-checkout)").click()
    form.get_by_role("button", name="Apply").click()
    expect(page.locator("#scope")).to_contain_text("Checkout · CLI ·")

    page.locator("#filters-button").click()
    page.locator("#from").fill("2026-11-01")
    page.locator("#to").fill("2026-11-15")
    page.locator("#date-range").get_by_role("button", name="Apply").click()
    expect(page.locator("#scope")).to_contain_text("Checkout · CLI · 1 Nov to 15 Nov 2026")
    expect(page.locator("#by-last-unit")).to_have_text("1 Nov to 15 Nov 2026")

    page.locator("#filters-button").click()
    page.locator("#reset-filter").click()
    expect(page).to_have_url("/leaderboard")
    assert names(page) == everyone

    page.locator("#sort-cost").click()
    page.locator("#sort-cost").click()
    expect(page).to_have_url("/leaderboard?sort=cost-asc")
    page.locator("#rows-50").click()
    expect(page).to_have_url("/leaderboard?sort=cost-asc&per_page=50")

    page.locator(".tb-details").first.click()
    expect(page).to_have_url(re.compile(r"/users/.*"))
    expect(page.locator("figure")).to_have_count(5)
    page.locator(".tb-chart-data summary").first.click()
    expect(page.locator(".tb-chart-data table").first).to_be_visible()
    page.go_back()
    expect(page).to_have_url("/leaderboard?sort=cost-asc&per_page=50")


def test_pages_turn_without_javascript(visit):
    page = visit(content="hostile", java_script_enabled=False)

    page.locator("#page-next").click()

    expect(page).to_have_url("/leaderboard?page=2")
    expect(page.locator(".tb-rank").first).to_have_text("26")


def test_a_command_of_the_first_run_is_copied_with_one_press(visit):
    page = visit(content="empty", permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy").first.click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("pre").first.inner_text()


@pytest.mark.parametrize("javascript", [True, False])
def test_signing_out_closes_the_board(visit, boards, javascript):
    page = visit(boards("sample").link(), storage_state=None, java_script_enabled=javascript)
    expect(page).to_have_url("/leaderboard")

    page.get_by_role("button", name="Sign out").click()

    expect(page).to_have_url("/sign-in")
    page.goto("/leaderboard")
    expect(page).to_have_url("/sign-in")
