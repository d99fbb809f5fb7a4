"""Every screen for everyone: axe, narrow windows, targets, charts in words, less motion."""

import re
from itertools import combinations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from browser.conftest import FLAGS, choose
from browser.server import SECRET
from usage.scope import MORE_COLUMNS

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": RULES, "resultTypes": ["violations"]}
THEMES = ("light", "dark")
WIDTHS = (1280, 320)
# Whatever reacts to a pointer. A label is pressed for its input, a row for its link.
SMALL_TARGETS = """() => [...document.querySelectorAll("a[href], button, input, summary")]
  .map((one) => one.closest("label") ?? one.closest(".tb-row") ?? one)
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.matches(".tb-skip"))
  .filter((one) => Math.min(one.getBoundingClientRect().width, one.offsetHeight ?? 24) < 24)
  .map((one) => one.outerHTML)"""
OVERFLOWING = """() => [...document.querySelectorAll(".tb-inputs .tb-box")]
  .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"""
WIDE_HEADINGS = """() => [...document.querySelectorAll("thead [role=columnheader]")]
  .filter((one) => {
    const text = document.createRange();
    text.selectNodeContents(one.querySelector(".tb-sort")?.firstChild ?? one);
    const [inside, outside] = [text.getBoundingClientRect(), one.getBoundingClientRect()];
    const padding = parseFloat(getComputedStyle(one).paddingInlineEnd);
    return inside.right > outside.right - padding + 1 || inside.left < outside.left - 1;
  })
  .map((one) => one.innerText)"""
MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
  const { transitionDuration, transitionDelay, animationName } = getComputedStyle(one);
  return `${transitionDuration} ${transitionDelay} ${animationName}` !== "0s 0s none";
}).length"""


def settled(page):
    """Once the table has been swapped."""
    expect(page.locator("#announcement")).not_to_be_empty()


def filters(tab, control):
    def act(page):
        choose(page, tab, control)
        settled(page)

    return act


def refused(page):
    page.locator("#prompt_cost").fill("much")
    expect(page.locator("#problem-prompt_cost")).not_to_be_empty()


def sorted_by_cost(page):
    page.locator("#sort-cost").click()
    settled(page)


def details(page):
    page.locator(".tb-details").first.click()
    expect(page.locator("h1")).to_be_focused()


def tables(page):
    for summary in page.locator(".tb-chart-data summary").all():
        summary.click()


def views(page):
    page.locator("#views-button").click()
    page.locator("#name").wait_for()


def budget(page):
    page.select_option("#project", "checkout")
    page.fill("#amount", "60")
    page.get_by_role("button", name="Set budget").click()
    page.locator(".tb-progress").first.wait_for()


def webhook(page):
    page.fill("#url", "https://chat.example.com/hook")
    page.get_by_role("button", name="Add webhook").click()
    page.locator("#secret").wait_for()


def as_reported(page):
    page.locator("#cost-reported").check()
    settled(page)


SCREENS = {
    "leaderboard": ("/leaderboard", None),
    "reported costs": ("/leaderboard", as_reported),
    "rates to save": ("/leaderboard?project=mobile&prompt_cost=2.50", None),
    "list costs of a person": ("/users/mateusz.wojcik?cost=list", None),
    "prices": ("/admin/prices?q=sonnet", None),
    "sorted": ("/leaderboard", sorted_by_cost),
    "projects": ("/leaderboard", filters("Projects", "#project-mobile")),
    "source": ("/leaderboard", filters("Source", "#source-api")),
    "dates": ("/leaderboard", filters("Date Filter", "#last-90")),
    "views": ("/leaderboard?project=checkout", views),
    "budgets": ("/budgets", budget),
    "notices": ("/notices", None),
    "embeds": ("/grants", None),
    "webhooks": ("/admin/webhooks", webhook),
    "saved views": ("/views?screen=leaderboard", None),
    "refused": ("/leaderboard", refused),
    "nobody found": ("/leaderboard?q=nobody", None),
    "no usage": ("/leaderboard?from=2020-01-01&to=2020-01-02", None),
    "more columns": (f"/leaderboard?columns={','.join(MORE_COLUMNS)}", None),
    "overview": ("/overview", tables),
    "one source of it": ("/overview", filters("Source", "#source-ide")),
    "overview without usage": ("/overview?from=2020-01-01&to=2020-01-02", None),
    "people": ("/users", None),
    "person": ("/users/amara.okafor", tables),
    "person without usage": ("/users/giulia.ferraro", None),
    "details": ("/leaderboard", details),
    "not found": ("/users/nobody", None),
    "malformed": ("/leaderboard?days=0", None),
    "arrivals": ("/admin/arrivals", None),
    "identities": ("/admin/identities", None),
    "whose name": ("/admin/identities/amara.okafor/person?q=a", None),
    "import": ("/admin/import", None),
    "account": ("/account", None),
    "all people": ("/admin/people", None),
    "one of them": ("/admin/people/ada", None),
    "all projects": ("/admin/projects", None),
    "one project": ("/admin/projects/mobile", None),
    "keys": ("/admin/keys", None),
    "audit": ("/admin/audit", None),
}


def violations(page):
    """What axe objects to, sideways scrolling and small targets, in both themes and widths."""
    found = []
    page.evaluate(Axe().axe_script)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        needed = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{width} px: scrolls sideways to {needed}"] if needed > width else []
        found += [f"{width} px: small target {one}" for one in page.evaluate(SMALL_TARGETS)]
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            found += [
                f"{width} px, {theme}: {rule['id']} {node['html']} {node['failureSummary']}"
                for rule in page.evaluate("options => axe.run(options)", OPTIONS)["violations"]
                for node in rule["nodes"]
            ]
    return found


def named(user):
    """How the proxy in front of the board sends somebody's requests."""
    sent = {"X-Forwarded-User": user, "X-Tallyboard-Proxy-Secret": SECRET}
    return {"storage_state": None, "extra_http_headers": sent}


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_for_everyone_in_both_themes_wide_and_narrow(visit, screen):
    path, act = SCREENS[screen]
    page = visit(path)
    if act:
        act(page)

    assert violations(page) == []


@pytest.mark.parametrize(
    ("path", "content", "options"),
    [
        ("/leaderboard", "empty", {}),
        ("/sign-in", "empty", {"storage_state": None}),
        ("/sign-in/used", "empty", {"storage_state": None}),
        ("/leaderboard?project=mobile", "doors", {}),
        ("/sign-in", "doors", {"storage_state": None}),
        ("/account", "doors", named("ada")),
        ("/users/amara.okafor", "doors", named("amara.okafor")),
        ("/leaderboard", "doors", named("mt.hohen")),
        ("/notices", "doors", named("ada")),
    ],
)
def test_the_first_screens_are_for_everyone_too(visit, path, content, options):
    assert violations(visit(path, content, **options)) == []


def test_people_sign_in_with_the_keyboard_alone(visit):
    page = visit("/sign-in", "doors", storage_state=None)
    page.locator("#name").focus()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("a wrong password")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_have_text("That name and password don't belong together.")
    expect(page.locator("#name")).to_have_value("ada")
    expect(page.get_by_role("link", name="Sign in with Example ID")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("query", ["", "?days=7", "?from=2026-10-30&to=2026-11-15"])
def test_controls_keep_clear_of_each_other_at_any_width(visit, query):
    page = visit(f"/leaderboard{query}")
    for width in (320, 500, 768, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        controls = page.locator(".tb-inputs .tb-box, #filters-button").all()
        boxes = [one.bounding_box() for one in controls]
        table = page.locator("#region").bounding_box()

        assert len(boxes) == 5
        assert page.evaluate(OVERFLOWING) == [], width
        for one in boxes:
            assert one["x"] + one["width"] <= table["x"] + table["width"] + 1
        for one, other in combinations(boxes, 2):
            assert apart(one, other, "x", "width") or apart(one, other, "y", "height")


def test_a_refused_rate_leaves_the_other_where_it_is(visit):
    page = visit("/leaderboard")
    page.set_viewport_size({"width": 320, "height": 800})
    other = page.locator(".tb-box:has(#completion_cost)")
    before = other.bounding_box()

    page.locator("#prompt_cost").fill("much")

    expect(page.locator("#problem-prompt_cost")).to_contain_text("Must be a number")
    assert other.bounding_box() == before
    assert page.locator(".tb-box:has(#prompt_cost)").bounding_box()["y"] == before["y"]


@pytest.mark.parametrize("user", ["ada", "mt.hohen"])
def test_the_header_has_room_for_everything_at_any_width(visit, user):
    page = visit("/leaderboard", "doors", **named(user))
    for width in (320, 460, 641, 768, 801, 1280):
        page.set_viewport_size({"width": width, "height": 600})
        parts = page.locator(".tb-header-row > *").all()
        boxes = [one.bounding_box() for one in parts]

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".tb-mark").bounding_box()["width"] == 18
        for one, other in combinations(boxes, 2):
            assert apart(one, other, "x", "width") or apart(one, other, "y", "height"), width


@pytest.mark.parametrize("path", ["/leaderboard", "/users/amara.okafor"])
def test_millions_of_dollars_have_room_on_a_phone(visit, path):
    page = visit(f"{path}?prompt_cost=999999&completion_cost=999999")
    page.set_viewport_size({"width": 320, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_names_have_room_at_any_width(visit):
    page = visit("/leaderboard")
    for width in (320, 641, 680, 721, 961, 1280):
        page.set_viewport_size({"width": width, "height": 600})
        name = page.locator(".tb-name").first.bounding_box()

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert name["width"] >= 100, width


@pytest.mark.parametrize("query", ["", "?columns=" + ",".join(MORE_COLUMNS)])
def test_headings_stay_within_their_columns(visit, query):
    page = visit("/leaderboard" + query)
    for width in (641, 768, 961, 1280):
        page.set_viewport_size({"width": width, "height": 600})

        assert page.evaluate(WIDE_HEADINGS) == [], width


def apart(one, other, start, length):
    return one[start] + one[length] <= other[start] or other[start] + other[length] <= one[start]


def test_type_has_the_sizes_of_the_design(visit):
    page = visit("/leaderboard")

    for place, size in (("h1", 28), ("body", 14), (".tb-name", 14), (".tb-username", 13)):
        expect(page.locator(place).first).to_have_css("font-size", f"{size}px")


def test_larger_type_has_room(launch_browser, visit):
    page = visit("/leaderboard")
    large = launch_browser(args=[*FLAGS, "--blink-settings=defaultFontSize=24"])
    with large, large.new_context(storage_state=page.context.storage_state()) as context:
        larger = context.new_page()
        for width in (641, 961, 1280, 1440):
            larger.set_viewport_size({"width": width, "height": 600})
            larger.goto(page.url)
            name = larger.locator(".tb-name").first

            expect(name).to_have_css("font-size", "21px")
            assert larger.evaluate("document.documentElement.scrollWidth") <= width
            assert name.bounding_box()["width"] >= 100, width


def test_dark_is_dark(page):
    colours = set()
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        colours.add(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    assert colours == {"rgb(255, 255, 255)", "rgb(20, 23, 26)"}


def test_every_chart_says_in_words_and_in_a_table_what_it_shows(visit):
    page = visit("/users/amara.okafor")

    for figure in page.locator("figure").all():
        heading = figure.get_by_role("heading").inner_text()
        words = re.compile(rf"^{heading} .*\d")
        expect(figure.locator("svg[role=img]")).to_have_accessible_name(words)
        figure.locator("summary").press("Enter")
        table = figure.get_by_role("table", name=heading)
        expect(table).to_be_visible()
        assert table.get_by_role("row").count() > 1


def test_the_keyboard_goes_through_the_page_in_its_order(page):
    seen = []
    while not seen or seen[-1] != "details-amara.okafor":
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))

    assert seen[0] == "tb-skip"
    assert seen[-12:] == [
        *("prompt_cost", "completion_cost", "cost-rates", "by-last", "q", "filters-button"),
        *("sort-activity", "sort-calls", "sort-prompt_tokens", "sort-completion_tokens"),
        *("sort-cost", "details-amara.okafor"),
    ]


def test_the_skip_link_leads_past_the_header(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_nothing_moves_for_those_who_want_less_motion(page):
    page.evaluate("document.getElementById('region').classList.add('htmx-request')")
    assert page.evaluate(MOVING) > 0

    page.emulate_media(reduced_motion="reduce")

    assert page.evaluate(MOVING) == 0


def test_marks_survive_forced_colours(visit):
    page = visit("/users/amara.okafor", forced_colors="active")
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    for mark in page.locator(".tb-chart-legend i").all():
        shown = mark.evaluate("one => getComputedStyle(one).backgroundColor")
        assert shown != paper
