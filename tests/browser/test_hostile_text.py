"""Text of senders that means harm: it is shown as it is, and nothing in it ever runs."""

import pytest
from playwright.sync_api import expect

from browser.conftest import choose, names
from browser.hostile import TEXTS, shown

# Whatever only the text of a sender could have put on a page of ours.
INTRUDERS = """() => [
  ...document.querySelectorAll(
    "iframe, img, base, meta[http-equiv], style, body script, head script ~ script, [hx-post], " +
    "form[action^='//'], [href^='javascript:' i], [href^='data:text' i], [srcdoc]"),
  ...[...document.querySelectorAll("*")].filter((one) =>
    one.getAttributeNames().some((name) => name.startsWith("on") || name.startsWith("hx-on"))),
].map((one) => one.outerHTML)"""
HIT = "window.__hit"
SHOWN = {shown(text) for text in TEXTS}


def assert_harmless(page):
    assert page.evaluate(HIT) is None
    assert page.evaluate(INTRUDERS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [320, 1280])
def test_names_are_shown_as_they_are(visit, width):
    page = visit("/leaderboard?per_page=100", content="hostile")
    page.set_viewport_size({"width": width, "height": 800})

    assert set(names(page)) == SHOWN | {"everyone"}
    assert_harmless(page)


def test_every_project_can_be_chosen(visit):
    page = visit(content="hostile")
    options = page.locator(".tb-option")
    assert options.count() > 40
    for number in range(0, options.count(), 8):
        name = options.nth(number).text_content().strip()
        choose(page, "Projects", f"#{options.nth(number).locator('input').get_attribute('id')}")
        expect(page.locator("#scope")).to_contain_text(name)
        assert_harmless(page)


@pytest.mark.parametrize("width", [320, 1280])
def test_models_providers_and_test_types_are_shown_as_they_are(visit, width):
    page = visit("/users/everyone", content="hostile")
    page.set_viewport_size({"width": width, "height": 800})
    for summary in page.locator(".tb-chart-data summary").all():
        summary.click()

    models = page.locator(".tb-plain th[scope=row]").all_text_contents()
    assert set(models) == SHOWN
    for chart in ("provider", "test-type"):
        rows = page.locator(f"figure:has(#chart-{chart}-heading) tbody th").all_text_contents()
        assert set(rows) == {shown(text, 100) for text in TEXTS}
    for title in page.locator("figure > svg > svg").all()[:20]:
        title.hover(force=True)
    assert_harmless(page)


def test_every_person_can_be_visited(visit):
    page = visit("/leaderboard?per_page=100", content="hostile")
    links = page.locator(".tb-details").evaluate_all("links => links.map(link => link.href)")

    titles = set()
    for link in links:
        page.goto(link)
        titles.add(page.title().removesuffix(" · Tallyboard"))
        assert_harmless(page)

    assert titles == SHOWN | {"everyone"}


def test_every_name_goes_through_a_swap_and_back(visit):
    page = visit("/leaderboard?per_page=50", content="hostile")

    for number in range(0, len(TEXTS), 6):
        name = names(page)[number]
        page.locator(".tb-details").nth(number).click()
        expect(page).to_have_title(f"{name} · Tallyboard")
        assert_harmless(page)
        page.go_back()
        expect(page).to_have_title("Leaderboard · Tallyboard")
        expect(page.locator(".tb-row").first).to_be_visible()


@pytest.mark.parametrize("text", TEXTS[::9])
def test_a_search_is_shown_as_it_was_typed(page, text):
    page.locator("#q").fill(text)

    expect(page.locator(".tb-empty-title")).to_contain_text(text)
    assert_harmless(page)


def test_the_watch_notices_what_the_policy_forbids(page, problems):
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=color:red>')")
    page.evaluate("document.body.append(document.createElement('script').cloneNode())")
    page.evaluate("""document.body.append(Object.assign(
        document.createElement("script"), { textContent: "window.__hit = 1" }))""")

    assert page.evaluate(HIT) is None
    assert [one for one in problems if "CSP: style-src" in one]
    assert [one for one in problems if "CSP: script-src" in one]
    problems.clear()
