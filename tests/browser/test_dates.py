"""By Last and the Date Filter: two ways to say which days count, which always agree."""

import re

from playwright.sync_api import expect

from browser.conftest import choose, entries, is_marked, mark, names


def test_any_number_of_days_is_counted_while_it_is_typed(page):
    choose(page, "Date Filter", "#last-7")
    expect(page).to_have_url("/leaderboard?days=7")
    length, field = entries(page), page.locator("#last-n")

    field.press("End")
    for typed in ("4", "5"):
        field.press(typed)
        expect(page).to_have_url(re.compile(f"{typed}$"))

    expect(page).to_have_url("/leaderboard?days=745")
    expect(field).to_be_focused()
    expect(field).to_have_value("745")
    expect(page.locator("#by-last")).to_have_value("745")
    assert entries(page) == length


def test_by_last_shows_the_two_dates_of_a_range(page):
    choose(page, "Date Filter", "#last-90")
    expect(page).to_have_url("/leaderboard?days=90")
    length = entries(page)

    page.locator("#from").fill("2026-11-02")
    expect(page).to_have_url("/leaderboard?from=2026-11-02&to=2026-11-22")
    page.locator("#to").fill("2026-11-08")
    expect(page).to_have_url("/leaderboard?from=2026-11-02&to=2026-11-08")

    expect(page.locator("#by-last")).to_have_value("")
    expect(page.locator("#by-last-unit")).to_have_text("2 Nov to 8 Nov 2026")
    expect(page.locator(".tb-chip")).to_contain_text("2 Nov to 8 Nov 2026")
    expect(page.locator("#to")).to_be_focused()
    assert entries(page) == length + 2


def test_a_range_that_ends_before_it_begins_is_refused_beside_it(visit):
    page = visit("/leaderboard?from=2026-11-02&to=2026-11-08")
    before = names(page)
    page.locator("#filters-button").click()
    page.get_by_role("tab", name="Date Filter").click()

    page.locator("#to").fill("2026-11-01")

    expect(page.locator("#problem-from")).to_contain_text("not be after the last day")
    expect(page).to_have_url("/leaderboard?from=2026-11-02&to=2026-11-08")
    assert names(page) == before

    page.locator("#to").fill("2026-11-09")

    expect(page).to_have_url("/leaderboard?from=2026-11-02&to=2026-11-09")
    expect(page.locator("#problem-from")).to_be_empty()


def test_a_number_of_days_is_refused_where_it_was_typed(page):
    choose(page, "Date Filter", "#last-7")
    expect(page).to_have_url("/leaderboard?days=7")
    field = page.locator("#last-n")

    field.fill("0")

    expect(page.locator("#problem-last-n")).to_contain_text("Must be a whole number")
    expect(page.locator("#problem-days")).to_be_empty()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#by-last")).to_have_attribute("aria-invalid", "false")

    field.fill("14")

    expect(page).to_have_url("/leaderboard?days=14")
    expect(page.locator("#problem-last-n")).to_be_empty()
    expect(field).to_have_attribute("aria-invalid", "false")


def test_by_last_and_the_panel_say_the_same(page):
    mark(page)
    length, field = entries(page), page.locator("#by-last")

    field.fill("14")

    expect(page).to_have_url("/leaderboard?days=14")
    expect(field).to_be_focused()
    expect(page.locator("#last-14")).to_have_attribute("aria-current", "true")
    expect(page.locator("#last-n")).to_have_value("14")
    expect(page.locator(".tb-chip")).to_contain_text("Last 14 days")

    field.fill("1")

    expect(page.locator("#by-last-unit")).to_have_text("day")
    assert is_marked(page)
    assert entries(page) == length


def test_days_typed_into_by_last_replace_a_range(visit):
    page = visit("/leaderboard?from=2026-11-02&to=2026-11-08")

    page.locator("#by-last").fill("5")

    expect(page).to_have_url("/leaderboard?days=5")
    expect(page.locator("#by-last-unit")).to_have_text("days")
