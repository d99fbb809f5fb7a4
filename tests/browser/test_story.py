"""Columns, overview, views, budgets, notices, prices, files: without scripts, and by keyboard."""

import csv
import re

from playwright.sync_api import expect

from browser.conftest import names


def downloaded(page, link):
    """The rows of the file that a link brings."""
    with page.expect_download() as download:
        page.locator(link).click()
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_story_behind_the_table_needs_no_javascript(visit):
    page = visit(java_script_enabled=False)
    everyone = names(page)

    page.locator("#columns-button").click()
    page.locator("#column-movement").check()
    page.locator("#column-last_seen").check()
    page.locator("#columns").get_by_role("button", name="Apply").click()
    expect(page.get_by_role("columnheader", name="Movement")).to_be_visible()
    assert names(page) == everyone

    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    row = page.locator("tr:has(a[href*='source=ide'])").first
    calls = row.locator("td").first.inner_text()
    row.locator("a").click()
    expect(page).to_have_url("/leaderboard?source=ide&columns=movement,last_seen")
    expect(page.locator("tfoot .tb-calls")).to_have_text(calls)

    file = downloaded(page, "#export-csv")
    assert [one["display_name"] for one in file] == names(page)
    assert {"rank_before", "last_seen"} < set(file[0])

    page.locator("#views-button").click()
    page.get_by_role("link", name="Saved views").click()
    page.locator("#name").fill("What IDEs do")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url("/leaderboard?source=ide&columns=movement,last_seen")
    page.goto("/views")
    view = page.locator("tr", has_text="What IDEs do")
    view.get_by_role("button", name="Delete").click()
    expect(view).to_have_count(0)

    page.get_by_role("link", name="Budgets").click()
    page.select_option("#project", "mobile")
    page.locator("#amount").fill("0.50")
    page.get_by_role("button", name="Set budget").click()
    budget = page.locator("tr", has_text="mobile")
    spent = re.search(r"\$[\d.,]+", budget.locator("td").first.inner_text())[0]
    budget.get_by_role("link").click()
    expect(page).to_have_url(
        re.compile(r"/leaderboard\?project=mobile&from=2026-11-01&to=2026-11-22$")
    )
    expect(page.locator("tfoot .tb-cost")).to_have_text(spent)
    page.go_back()
    budget.get_by_role("button", name="Remove").click()
    expect(budget).to_have_count(0)
    page.get_by_role("link", name="Notices").click()
    expect(page.get_by_role("heading", name="Notices")).to_be_visible()

    page.get_by_role("link", name="Admin").click()
    page.get_by_role("link", name="Prices").click()
    page.locator("#model").fill("house-model")
    page.locator("#prompt").fill("1.5")
    page.locator("#completion").fill("6")
    page.get_by_role("button", name="Set price", exact=True).click()
    page.locator("#q").fill("house")
    page.keyboard.press("Enter")
    price = page.locator("tr", has_text="house-model")
    expect(price).to_contain_text("1.50")
    price.get_by_role("button", name="Remove").click()
    page.goto("/admin/prices?q=house-model")
    expect(page.locator(".tb-empty-title")).to_contain_text("No price matches")


def test_the_story_behind_the_table_is_told_to_the_keyboard(visit):
    page = visit()

    def reach(locator, key="Enter"):
        for _ in range(150):
            if locator.evaluate("one => one === document.activeElement"):
                break
            page.keyboard.press("Tab")
        expect(locator).to_be_focused()
        if key:
            page.keyboard.press(key)

    reach(page.locator("#columns-button"))
    reach(page.locator("#column-trend"), "Space")
    expect(page).to_have_url("/leaderboard?columns=trend")
    expect(page.locator("#column-trend")).to_be_focused()
    page.locator(".tb-brand").focus()
    reach(page.locator("#nav").get_by_role("link", name="Overview"))
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    reach(page.locator("#views-button"))
    reach(page.locator("#name"), None)
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    expect(page).to_have_url("/overview?columns=trend")
    reach(page.locator("#by-source ~ table a, [aria-labelledby=by-source] a").first)
    expect(page).to_have_url(re.compile(r"/leaderboard\?source=\w+&columns=trend$"))

    page.goto("/views")
    page.on("dialog", lambda dialog: dialog.accept())
    reach(page.locator("tr", has_text="By keyboard").get_by_role("button", name="Delete"))
    expect(page.locator("tr", has_text="By keyboard")).to_have_count(0)
    page.goto("/budgets")
    reach(page.locator("#project"), None)
    page.keyboard.type("Mobile")
    reach(page.locator("#amount"), None)
    page.keyboard.type("25")
    page.keyboard.press("Enter")
    budget = page.locator("tr", has_text="mobile")
    expect(budget).to_contain_text("of $25.00")
    reach(budget.get_by_role("button", name="Remove"))
    expect(budget).to_have_count(0)
