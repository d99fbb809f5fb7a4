"""The menu of saved views, and the page that stands for it without scripts."""

from playwright.sync_api import expect

from browser.conftest import asked


def test_a_view_is_saved_in_the_menu_and_followed_from_it(visit):
    page = visit("/leaderboard?project=checkout&days=7")
    page.locator("#views-button").click()
    page.locator("#name").fill("Checkout, this week")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#views-menu[open]")).to_have_count(0)
    assert asked(page) == "project=checkout&days=7"

    page.locator("#filters-button").click()
    page.locator("#chip-dates").click()
    expect(page.locator("#chip-dates")).to_have_count(0)
    page.locator("#views-button").press("Enter")
    view = page.get_by_role("link", name="Checkout, this week")
    expect(view).to_be_visible()
    assert view.get_attribute("aria-current") is None
    page.keyboard.press("Escape")
    expect(page.locator("#views-menu[open]")).to_have_count(0)
    expect(page.locator("#views-button")).to_be_focused()
    page.locator("#views-button").click()
    view.click()

    expect(page.locator("#chip-dates")).to_be_visible()
    assert asked(page) == "project=checkout&days=7"
    page.locator("#views-button").click()
    expect(page.locator("#views [aria-current=true]")).to_contain_text("Checkout, this week")


def test_without_scripts_a_view_is_saved_on_a_page(visit):
    page = visit("/leaderboard?source=ide", java_script_enabled=False)
    page.locator("#views-button").click()
    page.get_by_role("link", name="Saved views").click()
    page.locator("#name").fill("From the IDE")
    page.get_by_role("button", name="Save", exact=True).click()

    assert asked(page) == "source=ide"
    page.goto("/views")
    page.get_by_role("link", name="From the IDE").click()
    assert asked(page) == "source=ide"


def test_a_taken_name_is_said_beside_the_name_in_the_form_again(visit):
    page = visit("/leaderboard?days=7")
    for _ in range(2):
        page.goto("/leaderboard?days=7")
        page.locator("#views-button").click()
        page.locator("#name").fill("Taken twice")
        page.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator("#problem-name")).to_have_text('You have a view "Taken twice" already.')
    expect(page.locator("#name")).to_be_focused()
    expect(page.locator("#name")).to_have_value("Taken twice")

    page.locator("#name").fill("Taken once")
    page.locator("#name").press("Enter")

    expect(page).to_have_url("/leaderboard?days=7")
    page.goto("/views")
    for name in ("Taken once", "Taken twice"):
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name=f"Delete {name}").click()
        expect(page.locator("main")).to_contain_text(f"{name} is deleted.")
