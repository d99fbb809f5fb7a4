"""The Filters panel and the chips beside the scope."""

import re

import pytest
from playwright.sync_api import expect

from browser.conftest import asked, choose, entries, is_marked, mark, names

CHOICES = [
    ("Projects", "#project-checkout", "project=checkout", "Checkout"),
    ("Projects", "#project-unassigned", "project=unassigned", "Unassigned"),
    ("Source", "#source-cli", "source=cli", "CLI"),
    ("Source", "#source-unassigned", "source=unassigned", "Unassigned"),
    ("Date Filter", "#last-7", "days=7", "Last 7 days"),
]


@pytest.fixture
def panel(page):
    """The Filters panel, open."""
    page.locator("#filters-button").click()
    return page.locator("#filters-panel")


def test_a_super_admin_filters_by_projects_source_and_dates(page, panel):
    assert panel.get_by_role("tab").all_text_contents() == ["Projects", "Source", "Date Filter"]
    expect(panel.get_by_role("tab", selected=True)).to_have_text("Projects")
    expect(panel.get_by_role("tabpanel")).to_have_count(1)


def test_arrow_keys_move_along_the_tabs_and_around(page, panel):
    page.keyboard.press("Tab")
    for key, name in (("Right", "Source"), ("Left", "Projects"), ("Left", "Date Filter")):
        page.keyboard.press(f"Arrow{key}")

        expect(panel.get_by_role("tab", name=name, selected=True)).to_be_focused()
        expect(panel.get_by_role("tabpanel", name=name)).to_be_visible()


@pytest.mark.parametrize(("tab", "control", "query", "chip"), CHOICES)
def test_a_choice_takes_effect_at_once_and_everything_else_stays(page, tab, control, query, chip):
    mark(page)
    before, length = names(page), entries(page)

    choose(page, tab, control)

    expect(page).to_have_url(f"/leaderboard?{query}")
    expect(page.locator(".tb-chip")).to_have_text([f"{chip}: remove this filter ×"])
    expect(page.locator("#filters-active")).to_have_text("1 active")
    expect(page.locator(control)).to_be_focused()
    expect(page.get_by_role("tab", name=tab, selected=True)).to_be_visible()
    assert names(page) != before
    assert is_marked(page)
    assert entries(page) == length + 1


def test_arrow_keys_go_through_the_sources_one_by_one(page):
    choose(page, "Source", "#source-ui")
    for source in ("cli", "ide"):
        page.keyboard.press("ArrowDown")

        expect(page.locator(f"#source-{source}")).to_be_focused()
        expect(page).to_have_url(f"/leaderboard?source={source}")
        expect(page.locator(".tb-chip")).to_contain_text(source.upper())


def test_a_choice_made_the_moment_the_last_one_appears_counts(page):
    # While htmx lets a swap settle, what it has swapped in does not listen yet.
    page.evaluate("""addEventListener("htmx:afterSwap", () =>
        queueMicrotask(() => document.getElementById("source-ide").click()), { once: true })""")

    choose(page, "Source", "#source-cli")

    expect(page).to_have_url("/leaderboard?source=ide")


def test_filters_add_up(page):
    for tab, control, query, _ in CHOICES[::2]:
        choose(page, tab, control)
        expect(page).to_have_url(re.compile(query))

    assert asked(page) == "project=checkout&source=cli&days=7"
    expect(page.locator("#filters-active")).to_have_text("3 active")
    expect(page.locator("#scope")).to_contain_text("Checkout · CLI · 16 Nov to 22 Nov 2026")
    expect(page.locator("#scope")).to_contain_text("Europe/Berlin")


def test_an_address_shows_what_the_choices_showed(page):
    for tab, control, query, _ in CHOICES[::2]:
        choose(page, tab, control)
        expect(page).to_have_url(re.compile(query))
    expect(page.locator(".tb-chip")).to_have_count(3)
    shown = [page.locator(place).inner_text() for place in ("#scope", "#inputs", "#region")]

    page.reload()

    assert [page.locator(p).inner_text() for p in ("#scope", "#inputs", "#region")] == shown


def test_escape_closes_the_panel_and_gives_the_focus_back(page, panel):
    choose(page, "Source", "#source-cli")
    expect(page.locator("#source-cli")).to_be_focused()

    page.keyboard.press("Escape")

    expect(panel.get_by_role("tablist")).to_be_hidden()
    expect(page.locator("#filters-button")).to_be_focused()


def test_a_click_elsewhere_closes_the_panel_and_goes_where_it_points(page, panel):
    page.locator("#q").click()

    expect(panel.get_by_role("tablist")).to_be_hidden()
    expect(page.locator("#q")).to_be_focused()


def test_a_chip_removes_its_filter(visit):
    page = visit("/leaderboard?project=checkout&source=cli&days=7")

    for chip, query in (
        ("project", "source=cli&days=7"),
        ("dates", "source=cli"),
        ("source", ""),
    ):
        page.locator(f"#chip-{chip}").click()

        expect(page).to_have_url("/leaderboard" + (f"?{query}" if query else ""))
    expect(page.locator(".tb-chip")).to_have_count(0)
    expect(page.locator("#filters-active")).to_be_empty()
    expect(page.locator("#project-all")).to_be_checked()
    expect(page.locator("#source-all")).to_be_checked()
    expect(page.locator("#by-last")).to_have_value("30")


@pytest.mark.parametrize("control", ["#chip-source", "#reset-filter"])
def test_the_focus_is_not_lost_with_the_filter(visit, control):
    page = visit("/leaderboard?source=cli")
    page.locator("#filters-button").click()
    page.locator(control).focus()

    page.keyboard.press("Enter")

    expect(page).to_have_url("/leaderboard")
    expect(page.locator(".tb-controls :focus, .tb-scope :focus")).to_have_count(1)


def test_reset_filter_restores_the_defaults(visit):
    page = visit("/leaderboard?project=checkout&source=cli&days=7&q=a&prompt_cost=1&sort=cost")
    page.locator("#filters-button").click()

    page.locator("#reset-filter").click()

    expect(page).to_have_url("/leaderboard")
    expect(page.locator("#prompt_cost")).to_have_value("3.00")
    expect(page.locator("#by-last")).to_have_value("30")
    expect(page.locator("#q")).to_have_value("")
    expect(page.locator("#reset-filter")).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("tab").first).to_be_visible()


def test_many_projects_are_narrowed_by_typing(visit):
    page = visit(content="hostile")
    page.locator("#filters-button").click()
    field, options = page.locator("[data-narrows=projects]"), page.locator(".tb-option:visible")
    everything = options.count()

    field.fill("CLICK")
    expect(options).to_have_count(1)
    options.click()
    expect(page.locator(".tb-chip")).to_contain_text("click")
    expect(field).to_have_value("CLICK")
    expect(options).to_have_count(1)

    field.fill("")
    expect(options).to_have_count(everything)


def test_a_click_in_the_table_leaves_the_filters_alone_but_for_what_was_only_typed(visit):
    page = visit("/leaderboard?prompt_cost=1")
    page.evaluate("for (const id of ['inputs', 'sources']) document.getElementById(id).mark = 1")
    kept = "['inputs', 'sources'].every((id) => document.getElementById(id).mark === 1)"

    page.locator("#sort-cost").click()
    expect(page).to_have_url("/leaderboard?sort=cost&prompt_cost=1.00")

    # What was typed and not asked for yet is not what the table shows.
    page.evaluate("document.getElementById('q').value = 'nobody'")
    page.locator("#sort-calls").click()

    expect(page.locator("#q")).to_have_value("")
    expect(page.locator("#prompt_cost")).to_have_value("1.00")
    assert page.locator(".tb-row").count() > 1
    assert page.evaluate(kept)


def test_what_was_typed_stands_until_something_else_changes_it(page):
    page.locator("#prompt_cost").fill("2")
    expect(page).to_have_url("/leaderboard?prompt_cost=2.00")
    page.locator("#sort-cost").click()
    expect(page).to_have_url("/leaderboard?sort=cost&prompt_cost=2.00")
    expect(page.locator("#prompt_cost")).to_have_value("2")
    choose(page, "Date Filter", "#last-7")
    expect(page.locator("#by-last")).to_have_value("7")
    expect(page.locator("#last-n")).to_have_value("7")
    expect(page.locator("#from")).to_have_value("2026-11-16")
    choose(page, "Source", "#source-ide")
    expect(page).to_have_url("/leaderboard?source=ide&days=7&sort=cost&prompt_cost=2.00")
    page.locator("#chip-source").click()
    expect(page.locator("#source-all")).to_be_checked()
    page.locator("#filters-button").click()
    page.locator("#reset-filter").click()

    expect(page).to_have_url("/leaderboard")
    expect(page.locator("#prompt_cost")).to_have_value("3.00")
    expect(page.locator("#by-last")).to_have_value("30")
    expect(page.locator("#last-n")).to_have_value("30")


def test_a_refused_value_gives_way_to_the_one_that_the_table_is_by(page):
    page.locator("#prompt_cost").fill("much")
    expect(page.locator("#problem-prompt_cost")).not_to_be_empty()

    page.locator("#sort-cost").click()

    expect(page.locator("#prompt_cost")).to_have_value("3.00")
    expect(page.locator("#problem-prompt_cost")).to_be_empty()


def test_a_link_opens_elsewhere_with_ctrl(page):
    page.locator("#sort-cost").focus()
    with page.context.expect_page() as opened:
        page.locator("#sort-cost").click(modifiers=["Control"])

    expect(opened.value).to_have_url("/leaderboard?sort=cost")
    expect(page).to_have_url("/leaderboard")
    opened.value.close()


def test_columns_are_chosen_one_after_the_other(visit):
    page = visit("/leaderboard?sort=cost")
    page.locator("#columns-button").click()

    for column in ("failed", "trend"):
        page.locator(f"#column-{column}").check()
        expect(page.locator(f"#column-{column}")).to_be_focused()
    expect(page).to_have_url("/leaderboard?sort=cost&columns=trend,failed")
    page.locator("#by-last").fill("7")
    expect(page).to_have_url("/leaderboard?days=7&sort=cost&columns=trend,failed")
    for column in ("failed", "trend"):
        page.locator(f"#column-{column}").uncheck()

    expect(page).to_have_url("/leaderboard?days=7&sort=cost")
    expect(page.locator("#column-trend")).to_be_visible()
