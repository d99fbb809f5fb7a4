"""The admin area's forms: what is refused stays as it was typed, what is done shows at once."""

import re

import pytest
from playwright.sync_api import expect


def test_a_refused_form_keeps_what_was_typed(visit):
    page = visit("/admin/keys", "empty")
    page.fill("#name", "gateway of a form")
    page.get_by_role("button", name="Make key").click()

    problem, box = page.locator("#problem-scopes"), page.get_by_label("Send usage (ingest)")
    expect(problem).to_have_text("A key needs a scope; choose from ingest, read, embed.")
    expect(problem).to_be_in_viewport()
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_accessible_description(
        "A key needs a scope; choose from ingest, read, embed."
    )
    expect(page.locator("#name")).to_have_value("gateway of a form")

    box.check()
    page.get_by_role("button", name="Make key").click()

    expect(page.locator("#secret")).to_contain_text("tb_")
    expect(page.locator("#notice")).to_be_empty()
    expect(page.locator("#once")).to_be_focused()
    expect(page.locator("#once")).to_have_accessible_name(
        "This is the key gateway of a form. It is not shown again."
    )


def test_a_form_leads_where_it_led_without_scripts(visit):
    page = visit("/admin/projects", "empty")
    page.fill("#name", "Made of a form")
    page.get_by_role("button", name="Make project").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Made of a form")
    expect(page).to_have_url("/admin/projects/made-of-a-form")
    expect(page).to_have_title("Made of a form · Tallyboard")

    page.fill("#prompt_cost", "much")
    page.get_by_role("button", name="Save rates").click()

    expect(page.locator("#problem-prompt_cost")).to_contain_text("A rate must be a number")
    expect(page.locator("#prompt_cost")).to_be_focused()
    expect(page.locator("#prompt_cost")).to_be_in_viewport()
    expect(page.locator("#prompt_cost")).to_have_value("much")


def test_the_next_refusal_takes_back_what_was_said_before(visit):
    page = visit("/admin/prices")
    field = {name: page.locator(f"#{name}") for name in ("model", "prompt", "completion", "start")}
    field["model"].fill("some-model")
    field["prompt"].fill("much")
    field["completion"].fill("2")
    field["start"].fill("soon")
    field["start"].press("Enter")
    expect(field["start"]).to_have_attribute("aria-invalid", "true")

    field["start"].fill("")
    field["start"].press("Enter")

    expect(field["prompt"]).to_be_focused()
    expect(field["prompt"]).to_have_attribute("aria-invalid", "true")
    expect(field["start"]).to_have_attribute("aria-invalid", "false")
    expect(page.locator("#problem-start")).to_be_empty()

    page.evaluate("htmx.ajax('POST', '/admin/prices', {target: '#main', values: {do: 'dance'}})")

    expect(page.locator("#notice")).to_contain_text("must be set or remove")
    expect(page.locator("#problem-prompt")).to_be_empty()

    field["prompt"].press("Enter")

    expect(page.locator("#problem-prompt")).not_to_be_empty()
    expect(page.locator("#notice")).to_be_empty()


@pytest.mark.parametrize("scripts", [True, False], ids=["htmx", "no scripts"])
def test_a_refused_form_is_there_again_with_the_focus_on_what_is_wrong(visit, scripts):
    page = visit("/admin/people", java_script_enabled=scripts)
    page.fill("#username", "ada")
    page.fill("#display_name", "Another Ada")
    page.select_option("#role", "super_admin")
    page.get_by_role("button", name="Invite").click()

    expect(page.locator("#problem-username")).to_have_text('There is a user "ada" already.')
    expect(page.locator("#username")).to_have_value("ada")
    expect(page.locator("#username")).to_be_focused()
    expect(page.locator("#username")).to_be_in_viewport()
    expect(page.locator("#username")).to_have_accessible_description(
        'As senders of usage name them. There is a user "ada" already.'
    )
    expect(page.locator("#display_name")).to_have_value("Another Ada")
    expect(page.locator("#role")).to_have_value("super_admin")
    expect(page).to_have_url("/admin/people")


def test_what_is_wrong_takes_the_focus_once(visit):
    page = visit("/admin/people")
    page.fill("#username", "ada")
    page.get_by_role("button", name="Invite").click()
    expect(page.locator("#username")).to_be_focused()

    page.locator("#q").fill("giulia")

    expect(page.locator("#announcement")).to_have_text("1 person")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#problem-username")).not_to_be_empty()


@pytest.mark.parametrize("scripts", [True, False], ids=["htmx", "no scripts"])
def test_a_link_shown_once_has_the_focus_and_going_back_leads_to_everyone(visit, scripts):
    page = visit("/admin/people", "empty", java_script_enabled=scripts)
    name = "invited.by.htmx" if scripts else "invited.by.form"
    page.fill("#username", name)
    page.get_by_role("button", name="Invite").click()

    expect(page.locator("#secret")).to_contain_text("/set-password/")
    expect(page.locator("#once")).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    # Without scripts a form is answered at its own address, as the link is kept nowhere.
    expect(page).to_have_url(f"/admin/people/{name}" if scripts else "/admin/people")

    page.go_back()

    expect(page).to_have_url("/admin/people")
    expect(page.get_by_role("heading", level=1)).to_have_text("People")


def test_a_link_shown_once_is_gone_when_the_page_is_loaded_again(visit):
    page = visit("/admin/people", "empty")
    page.fill("#username", "loaded.again")
    page.get_by_role("button", name="Invite").click()
    expect(page.locator("#secret")).to_be_visible()

    page.reload()

    expect(page.get_by_role("heading", level=1)).to_have_text("loaded.again")
    expect(page.locator("#secret")).to_have_count(0)
    expect(page.get_by_role("button", name="Make a link to set a password")).to_be_visible()


def gone_when_sure(page, button):
    """Press a button that asks back, first unsure."""
    page.once("dialog", lambda dialog: dialog.dismiss())
    button.click()
    expect(button).to_be_visible()

    page.once("dialog", lambda dialog: dialog.accept())
    button.click()
    expect(button).to_have_count(0)


def test_a_key_is_revoked_only_when_one_is_sure(visit):
    page = visit("/admin/keys", "empty")
    page.fill("#name", "gone soon")
    page.get_by_label("Read numbers (read)").check()
    page.get_by_role("button", name="Make key").click()
    revoke = page.get_by_role("button", name="Revoke gone soon")

    gone_when_sure(page, revoke)
    expect(page.get_by_role("row", name="gone soon")).to_contain_text("revoked just now")


def test_a_budget_is_removed_only_when_one_is_sure_and_the_page_says_so(visit):
    page = visit("/budgets", "empty")
    page.fill("#user", "ada")
    page.fill("#amount", "20")
    page.get_by_role("button", name="Set budget").click()
    expect(page.locator("main")).to_contain_text("The budget is set to $20.00 a month.")
    expect(page.locator("#announcement")).to_have_text("The budget is set to $20.00 a month.")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    remove = page.get_by_role("button", name="Remove the budget of ada")

    gone_when_sure(page, remove)
    expect(page.locator("main")).to_contain_text("The budget is removed.")


def test_somebody_is_disabled_only_when_one_is_sure(visit):
    page = visit("/admin/people/giulia.ferraro")

    gone_when_sure(page, page.get_by_role("button", name="Disable"))

    expect(page.locator("main")).to_contain_text("giulia.ferraro is disabled.")
    page.get_by_role("button", name="Enable").click()
    expect(page.locator("main")).to_contain_text("giulia.ferraro is enabled.")


def test_a_choice_that_loads_a_page_has_the_focus_there(visit):
    page = visit("/budgets")
    choice = page.locator("#project")
    # As the selector of those who run some projects.
    choice.evaluate("""one => {
        one.dataset.submits = "";
        one.closest("form").outerHTML = `<form>${one.outerHTML}</form>`;
    }""")
    choice.focus()

    page.keyboard.press("ArrowDown")

    expect(page).to_have_url(re.compile(r"/budgets\?.*project=\w+"))
    expect(choice).to_be_focused()
    page.reload()
    expect(choice).not_to_be_focused()
