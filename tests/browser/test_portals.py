"""The board inside a portal with a reset, an htmx and a policy of its own, in all four ways."""

import re
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from browser.conftest import watch
from browser.portal import running

HTMX_4 = Path(__file__).parents[1] / "data" / "htmx-4.0.1.min.js"
# The way, the portal's htmx, and what its reader's system prefers.
WAYS = (
    ("proxied", "2", "light"),
    ("proxied", "4", "dark"),
    ("proxied", "no", "light"),
    ("element", "2", "dark"),
    ("element", "no", "light"),
    ("framed", "4", "dark"),
    ("blueprint", "2", "dark"),
)
OWN = "html, body, header, header *, main > h2, main > p, main > p *, #own-table, #own-table *"
# How everything of the portal itself looks, but for what follows from the length of the page.
STYLES = """
(own) => [...document.querySelectorAll(own)].map((one) => {
  const style = getComputedStyle(one);
  const lasting = [...style].filter((name) => !/^(block-size|height)$|-origin$/.test(name));
  return one.tagName + lasting.map((name) => `\\n${name}: ${style.getPropertyValue(name)}`);
})
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """The example portal, beside a board."""
    with running(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


@pytest.fixture
def enter(browser, portal, problems):
    """Opens a page of the portal; any error of it is the test's."""

    @contextmanager
    def opened(way, htmx="2", theme="light", more="", width=1280):
        context = browser.new_context(
            base_url=portal.url, color_scheme=theme, viewport={"width": width, "height": 2600}
        )
        watch(context, problems)
        if htmx == "4":
            context.route("**/htmx.js", lambda route: route.fulfill(path=HTMX_4))
        page = context.new_page()
        page.goto(f"/{way}?htmx={'no' if htmx == 'no' else ''}{more}")
        yield page, page.frame_locator("iframe") if way == "framed" else page
        context.close()

    yield opened
    found, problems[:] = problems[:], []
    assert found == []


def until(page, condition):
    """Wait for it; Playwright's own way is not allowed by the portal's policy."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def rows(board):
    return board.locator(".tb-row")


def names(board):
    return board.locator(".tb-row .tb-name").all_text_contents()


@pytest.mark.parametrize(("way", "htmx", "theme"), WAYS)
def test_the_whole_journey_leaves_the_portal_as_it_was(enter, way, htmx, theme):
    with enter(way, htmx, theme, more="&boards=0") as (page, _):
        untouched = page.evaluate(STYLES, OWN)
    with enter(way, htmx, theme) as (page, board):
        expect(rows(board)).to_have_count(25)
        where, entries = page.url, page.evaluate("history.length")

        board.locator("[id$=sort-calls]").click()
        expect(board.locator("[aria-sort=descending] [id$=sort-calls]")).to_be_visible()
        board.locator("[id$=page-next]").click()
        expect(rows(board)).to_have_count(11)
        second = names(board)

        board.locator(".tb-details").first.click()
        expect(board.locator("h2.tb-title")).to_contain_text(second[0])
        expect(board.locator("h2.tb-title")).to_be_focused()
        board.locator("[id$=back]").click()
        expect(rows(board)).to_have_count(11)
        assert names(board) == second

        board.locator("summary[id$=filters-button]").click()
        board.get_by_role("tab", name="Source").click()
        board.locator("label:has([id$=source-ide])").click()
        expect(board.locator("[id$=chip-source]")).to_contain_text("IDE")
        expect(board.locator("[id$=filters-panel]")).to_have_attribute("open", "")
        board.locator("summary[id$=filters-button]").click()

        search = board.locator("input[id$=-q]")
        search.press_sequentially("tester-0")
        expect(rows(board)).to_have_count(10)
        expect(search).to_be_focused()
        expect(search).to_have_value("tester-0")
        expect(board.locator("[id$=chip-source]")).to_contain_text("IDE")

        assert (page.url, page.evaluate("history.length")) == (where, entries)
        assert page.evaluate(STYLES, OWN) == untouched


@pytest.mark.parametrize("htmx", ["2", "4", "no"])
def test_a_preloaded_board_is_asked_for_once_and_before_any_script(browser, portal, htmx):
    held, asked = [], []

    def answer(route):
        own = htmx == "4" and route.request.url.endswith("/htmx.js")
        route.fulfill(path=HTMX_4) if own else route.continue_()

    with browser.new_context(base_url=portal.url) as context:
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.route("**/*.js", lambda route: held.append(route))
        with page.expect_request("**/embed/leaderboard*"):
            page.goto(f"/proxied?htmx={htmx}", wait_until="commit")
        page.route("**/*.js", answer)
        for route in held:
            answer(route)
        expect(rows(page)).to_have_count(25)
    assert len([url for url in asked if "/embed/leaderboard" in url]) == 1


@pytest.mark.parametrize(("way", "htmx"), [("proxied", "2"), ("proxied", "4"), ("element", "2")])
def test_two_boards_on_one_page_do_not_interfere(enter, way, htmx):
    with enter(way, htmx, more="&boards=2") as (page, _):
        first, second = page.locator("section.card").all()
        expect(rows(second)).to_have_count(25)
        expect(rows(first)).to_have_count(25)

        first.locator("input[id$=-q]").fill("amara")
        expect(rows(first)).to_have_count(1)
        second.locator("[id$=sort-cost]").click()
        expect(second.locator("[aria-sort=descending] [id$=sort-cost]")).to_be_visible()

        expect(rows(first)).to_have_count(1)
        expect(rows(second)).to_have_count(25)
        expect(second.locator("input[id$=-q]")).to_have_value("")
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("way", ["element", "framed"])
def test_a_token_that_has_had_its_time_is_renewed_without_a_word(enter, portal, way):
    with enter(way) as (page, board):
        expect(rows(board)).to_have_count(25)
        page.evaluate(
            """() => { window.told = [];
            for (const name of ["loaded", "error", "expired"])
              addEventListener(`tally:${name}`, () => told.push(name)); }"""
        )
        rate, search = board.locator("input[id$=prompt_cost]"), board.locator("input[id$=-q]")
        rate.fill("4")
        expect(board.locator("[id$=page-next]")).to_have_attribute("href", re.compile("cost=4"))
        board.locator("[id$=page-next]").click()
        expect(rows(board)).to_have_count(11)
        page.evaluate("told.length = 0")
        portal.wait_minutes(6)

        board.locator("[id$=sort-cost]").click()
        expect(board.locator("[aria-sort=descending] [id$=sort-cost]")).to_be_focused()
        expect(rate).to_have_value("4.00")
        portal.wait_minutes(6)
        search.press_sequentially("amara")

        expect(rows(board)).to_have_count(1)
        expect(search).to_have_value("amara")
        expect(search).to_be_focused()
        expect(rate).to_have_value("4.00")
        assert set(page.evaluate("told")) == ({"loaded"} if way == "element" else set())


def test_not_even_rules_with_ids_in_them_get_into_the_board(enter):
    with enter("proxied") as (page, board):
        name = board.locator(".tb-row .tb-name").first
        expect(name).to_have_css("letter-spacing", "normal")
        page.evaluate("""() => {
            const sheet = new CSSStyleSheet();
            const own = ":root:not(#page#main)";
            sheet.replaceSync(`${own} * { letter-spacing: 9px; display: flex }
              ${own} ::placeholder { color: red } ${own} ::first-letter { color: red }`);
            document.adoptedStyleSheets = [sheet];
        }""")

        expect(page.locator("main > p").first).to_have_css("letter-spacing", "9px")
        expect(name).to_have_css("letter-spacing", "normal")
        for part, kind in (("input[id$=-q]", "placeholder"), (".tb-name", "first-letter")):
            style = f"one => getComputedStyle(one, '::{kind}').color"
            assert board.locator(part).first.evaluate(style) != "rgb(255, 0, 0)", kind


def test_a_portal_of_another_make_shows_the_board_as_it_is(enter):
    # XHTML in Arabic with small rems, a flex row and trusted types, which gets the script twice.
    policy = "require-trusted-types-for 'script'; trusted-types tally-board"
    script = "/static/embed/tally-board.js"
    odd = f"""<html xmlns="http://www.w3.org/1999/xhtml" lang="ar" dir="rtl">
        <head><title>Portal</title>
        <style>html {{ font-size: 62.5% }} body {{ display: flex }}</style></head>
        <body><tally-board src="/embed/leaderboard"></tally-board>
        <script src="{script}"></script><script src="{script}?again"></script></body></html>"""
    headers = {"content-type": "application/xhtml+xml", "content-security-policy": policy}
    with enter("proxied", "no") as (page, board):
        page.route("**/odd", lambda route: route.fulfill(body=odd, headers=headers))
        page.goto("/odd")

        expect(rows(board)).to_have_count(25)
        name = board.locator(".tb-row .tb-name").first
        expect(name).to_have_css("direction", "ltr")
        expect(name).to_have_css("font-size", "14px")
        assert name.evaluate("one => one.closest('[lang]').lang") == "en"

        page.evaluate("document.documentElement.style.fontSize = '24px'")
        expect(name).to_have_css("font-size", "21px")
        parts = board.locator(".tb-details"), board.locator("table")
        button, table = (part.first.bounding_box() for part in parts)
        assert 1200 < button["x"] + button["width"] <= table["x"] + table["width"]

        page.set_viewport_size({"width": 700, "height": 700})
        table = board.locator("table").first.bounding_box()
        assert 0 <= table["x"] <= 700 - table["width"]


def test_a_script_of_the_release_before_wears_the_styles_that_the_answer_names(enter):
    with enter("element", "no") as (page, board):
        before = "tally-board.css?v=before"

        def older(route):
            text = route.fetch().text()
            route.fulfill(body=re.sub(r"tally-board\.css\?v=\w+", before, text))

        page.route("**/tally-board.js", older)
        page.route(f"**/{before.replace('?', '[?]')}", lambda route: route.fulfill(body="* { }"))
        asked = []
        page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        page.reload()

        expect(rows(board)).to_have_count(25)
        expect(board.locator(".tb-row .tb-name").first).to_have_css("font-weight", "600")
        styles = [one for one in asked if one.startswith("tally-board.css")]
        assert styles[0] == before
        assert len(styles) == 2
        links = "[...document.querySelector('tally-board').shadowRoot.querySelectorAll('link')]"
        assert page.evaluate(f"{links}.map((one) => one.href.split('/').pop())") == styles[1:]


@pytest.mark.parametrize("way", ["element", "framed"])
def test_the_board_is_asked_without_cookies(enter, way):
    with enter(way) as (page, board):
        expect(rows(board)).to_have_count(25)
        # Of the portal's session, which a browser would send to any port of this host.
        assert page.context.cookies()
        asked = []
        page.on("request", lambda request: asked.append(request))

        board.locator("[id$=sort-cost]").click()
        expect(board.locator("[aria-sort=descending] [id$=sort-cost]")).to_be_visible()

        told = [one.all_headers() for one in asked if "/embed/" in one.url]
        assert told
        assert not [one for one in told if "cookie" in one]


def test_a_laptop_that_slept_recovers_by_itself(enter, portal, problems):
    with enter("element") as (page, board):
        expect(rows(board)).to_have_count(25)
        page.evaluate("addEventListener('tally:error', () => (window.failed = true))")
        # As when the network isn't there yet.
        page.route("**/embed/**", lambda route: route.abort())
        board.locator("[id$=sort-cost]").click()
        until(page, "window.failed")
        expect(board.get_by_role("alert").first).to_contain_text("can't be reached")
        expect(rows(board)).to_have_count(25)
        page.unroute("**/embed/**")
        portal.wait_minutes(600)

        problems[:] = [one for one in problems if "net::ERR_FAILED" not in one]
        page.evaluate("dispatchEvent(new Event('online'))")

        expect(board.locator("[aria-sort=descending] [id$=sort-cost]")).to_be_visible()
        expect(board.locator("[id$=-notice]")).to_be_empty()


# Another reader, whose first token this is.
FIRST_TOKEN = """() => {
  const element = document.querySelector("tally-board");
  const { fetchToken } = element;
  let asked = 0;
  element.fetchToken = () => (asked++ ? fetchToken() : %s);
}"""


def test_who_never_answers_is_asked_again(enter):
    with enter("element", "no") as (page, board):
        expect(rows(board)).to_have_count(25)
        page.clock.install()
        page.evaluate(FIRST_TOKEN % "new Promise(() => {})")
        page.clock.run_for(30_000)
        expect(board.get_by_role("alert").first).to_contain_text("can't be reached")
        expect(rows(board)).to_have_count(25)

        page.clock.run_for(5_000)

        expect(board.locator("[id$=-notice]")).to_be_empty()
        expect(board.locator(".htmx-request")).to_have_count(0)


def test_what_is_no_token_is_asked_for_again(enter):
    with enter("element", "no") as (page, board):
        expect(rows(board)).to_have_count(25)
        page.clock.install()
        page.evaluate(FIRST_TOKEN % '({ token: "\u0142", expires_in: 300 })')
        expect(board.get_by_role("alert").first).to_contain_text("can't be reached")
        expect(rows(board)).to_have_count(0)

        page.clock.run_for(5_000)

        expect(rows(board)).to_have_count(25)


@pytest.mark.parametrize("way", ["element", "framed"])
def test_what_is_typed_while_an_answer_is_on_its_way_stays(enter, way):
    with enter(way, "no") as (page, board):
        expect(rows(board)).to_have_count(25)
        held, box = [], board.locator("input[id$=-q]")
        page.route("**/embed/leaderboard?*", lambda route: held.append(route), times=1)
        board.locator("[id$=sort-cost]").click()
        while not held:
            page.wait_for_timeout(10)

        box.press_sequentially("amara", delay=0)
        held[0].continue_()

        expect(rows(board)).to_have_count(1)
        expect(box).to_have_value("amara")


@pytest.mark.parametrize("width", [1280, 700, 393])
def test_a_frame_needs_no_scrollbar(enter, width):
    with enter("framed", width=width) as (page, board):
        expect(rows(board)).to_have_count(25)
        height = "document.querySelector('iframe').clientHeight"
        until(page, f"{height} > 1000")

        frame = page.frames[1]
        assert frame.evaluate("document.documentElement.scrollHeight - innerHeight") == 0


def test_a_frame_is_as_high_as_what_it_shows(enter):
    with enter("framed") as (page, board):
        expect(rows(board)).to_have_count(25)
        height = "document.querySelector('iframe').clientHeight"
        until(page, f"{height} > 1200")

        board.locator("input[id$=-q]").fill("amara")
        until(page, f"{height} < 400")
        board.locator("summary[id$=filters-button]").click()
        until(page, f"{height} > 400")
        projects = page.evaluate(height)
        board.get_by_role("tab", name="Source").click()
        until(page, f"{height} < {projects}")
        board.locator("summary[id$=filters-button]").click()
        until(page, f"{height} < 400")
        board.locator("input[id$=-q]").fill("")

        until(page, f"{height} > 1200")


@pytest.mark.parametrize(("way", "htmx"), [("blueprint", "4"), ("element", "no")])
def test_the_filters_panel_is_used_by_keyboard_alone(enter, way, htmx):
    with enter(way, htmx) as (page, board):
        button = board.locator("summary[id$=filters-button]")
        panel = board.locator("[id$=filters-panel]")
        button.press("Enter")
        page.keyboard.press("Tab")
        expect(board.get_by_role("tab", name="Projects")).to_be_focused()

        page.keyboard.press("ArrowLeft")
        expect(board.get_by_role("tab", name="Date Filter")).to_be_focused()
        expect(board.get_by_role("tabpanel")).to_have_count(1)
        expect(board.get_by_label("From")).to_have_attribute("type", "date")
        expect(board.get_by_label("From")).not_to_have_value("")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        expect(board.get_by_role("tabpanel", name="Source")).to_be_visible()
        board.locator("[id$=source-all]").focus()
        page.keyboard.press("ArrowRight")
        expect(board.locator("[id$=chip-source]")).to_be_visible()
        expect(board.get_by_role("tabpanel", name="Source")).to_be_visible()
        page.keyboard.press("Escape")

        expect(button).to_be_focused()
        expect(panel).not_to_have_attribute("open", "")
        button.click()
        page.locator("#own-input").click()
        expect(panel).not_to_have_attribute("open", "")


@pytest.mark.parametrize(
    ("way", "htmx"), [("proxied", "2"), ("blueprint", "4"), ("element", "no"), ("framed", "no")]
)
def test_the_focus_stays_on_the_board_when_what_had_it_goes(enter, way, htmx):
    with enter(way, htmx) as (_, board):
        button = board.locator("summary[id$=filters-button]")
        board.locator("[id$=page-next]").press("Enter")
        expect(rows(board)).to_have_count(11)
        expect(board.locator("[id$=page-next]")).to_be_focused()

        button.click()
        board.get_by_role("tab", name="Source").click()
        board.locator("label:has([id$=source-ide])").click()
        board.locator("[id$=chip-source]").press("Enter")
        expect(board.locator("[id$=chip-source]")).to_have_count(0)
        expect(button).to_be_focused()

        board.locator("input[id$=-q]").fill("nobody of that name")
        board.locator("[id$=empty-next]").press("Enter")
        expect(rows(board)).to_have_count(25)
        expect(button).to_be_focused()


def test_a_link_followed_the_moment_it_appears_does_not_leave_the_portal(enter):
    with enter("proxied", "2") as (page, board):
        expect(rows(board)).to_have_count(25)
        where = page.url
        # Unless told otherwise, htmx lets a swap settle first, and does not listen meanwhile.
        page.evaluate("""addEventListener("htmx:afterSwap", () => queueMicrotask(() =>
            document.querySelector("[id$=page-next]").click()), { once: true })""")
        board.locator("[id$=sort-calls]").click()

        expect(rows(board)).to_have_count(11)
        expect(board.locator("[aria-sort=descending] [id$=sort-calls]")).to_be_visible()
        assert page.url == where


@pytest.mark.parametrize(("way", "htmx"), [("proxied", "2"), ("element", "no")])
def test_the_panel_works_where_the_portal_keeps_clicks_to_itself(enter, way, htmx):
    with enter(way, htmx) as (page, board):
        expect(rows(board)).to_have_count(25)
        page.evaluate("""() => {
            const stop = (event) => event.stopPropagation();
            const main = document.querySelector("main");
            for (const name of ["click", "pointerdown"]) main.addEventListener(name, stop);
        }""")
        panel = board.locator("details[data-panel]")

        board.locator("summary[id$=filters-button]").click()
        expect(board.get_by_role("tab", name="Source")).to_be_visible()
        page.locator("main > h2").first.click()

        expect(panel).not_to_have_attribute("open", "")


@pytest.mark.parametrize(("way", "htmx"), [("proxied", "2"), ("element", "no")])
def test_what_the_portal_lays_over_the_board_stays_over_it(enter, way, htmx):
    with enter(way, htmx) as (page, board):
        expect(rows(board)).to_have_count(25)
        page.evaluate("""() => {
          const bar = document.createElement("aside");
          Object.assign(bar.style, { position: "absolute", zIndex: 0, inset: 0, height: "5000px" });
          document.querySelector("main").style.position = "relative";
          document.querySelector("main").append(bar);
        }""")
        heads = board.locator("thead th").all()

        for place in [head.bounding_box() for head in heads[:3]]:
            found = f"document.elementFromPoint({place['x'] + 5}, {place['y'] + 5}).tagName"
            assert page.evaluate(found) == "ASIDE"


@pytest.mark.parametrize(("way", "htmx"), [("proxied", "2"), ("element", "no")])
def test_esc_closes_the_panel_and_leaves_the_dialog_around_it_open(enter, way, htmx):
    with enter(way, htmx) as (page, board):
        expect(rows(board)).to_have_count(25)
        # An element that is moved asks for its board anew.
        page.evaluate("""() => {
            const dialog = document.createElement("dialog");
            document.querySelector("main").append(dialog);
            const element = document.querySelector("tally-board");
            const anew = element && new Promise((done) => {
                element.addEventListener("tally:loaded", () => done());
            });
            dialog.append(document.querySelector(".card"));
            dialog.addEventListener("keydown", ({ key }) => (window.heard = key));
            dialog.showModal();
            return anew;
        }""")
        dialog, panel = page.locator("dialog"), board.locator("[id$=filters-panel]")
        button = board.locator("summary[id$=filters-button]")

        button.press("Enter")
        expect(panel).to_have_attribute("open", "")
        page.keyboard.press("Escape")
        expect(panel).not_to_have_attribute("open", "")
        expect(button).to_be_focused()
        expect(dialog).to_have_attribute("open", "")
        assert page.evaluate("window.heard") != "Escape"

        page.keyboard.press("Escape")
        expect(dialog).not_to_have_attribute("open", "")
        assert page.evaluate("window.heard") == "Escape"


def test_names_of_models_are_read_where_the_board_is_narrowest(enter):
    with enter("element", "no") as (page, board):
        page.evaluate("document.querySelector('tally-board').style.width = '280px'")
        board.locator(".tb-details").first.click()
        expect(board.locator("h2.tb-title")).to_be_visible()

        names = board.locator("table[aria-labelledby$=models-heading] tbody th")
        assert names.count()
        assert min(one.bounding_box()["width"] for one in names.all()) > 200
        assert max(one.bounding_box()["height"] for one in names.all()) < 40


def test_a_frame_takes_colours_and_lengths_and_nothing_else(enter):
    with enter("framed") as (page, board):
        arrow = board.locator("[id$=sort-activity] .tb-arrow")
        expect(arrow).to_have_css("color", "rgb(138, 43, 226)")

        page.evaluate(
            """frames[0].postMessage({ tally: "theme", properties: {
            "--tally-accent": "rgb(1, 2, 3)", "--tally-radius": "9px",
            "--tally-ink": "var(--tb-paper)", "--tally-paper": "url(https://elsewhere.example/)",
            "--tally-muted": "red; position: fixed", "--tb-line": "red", "color": "red",
            "--tally-prompt": 7 } }, "*")"""
        )

        expect(arrow).to_have_css("color", "rgb(1, 2, 3)")
        worn = page.frames[1].evaluate("document.documentElement.getAttribute('style')")
        assert sorted(worn.replace(" ", "").strip(";").split(";")) == [
            "--tally-accent-tint:light-dark(#f3e9fd,#2d2040)",
            "--tally-accent:rgb(1,2,3)",
            "--tally-paper:light-dark(#ffffff,#221d2b)",
            "--tally-radius:9px",
        ]


def test_a_frame_begins_with_the_token_in_its_address_and_shows_it_to_nobody(enter):
    with enter("framed") as (page, board):
        silent = {"body": "", "content_type": "text/javascript"}
        page.route("**/own/portal.js", lambda route: route.fulfill(**silent))
        page.reload()

        expect(rows(board)).to_have_count(25)
        assert page.frames[1].evaluate("location.hash") == ""


def test_a_frame_goes_on_asking_until_the_page_has_a_token(enter, portal, problems):
    with enter("framed") as (page, board):
        expect(rows(board)).to_have_count(25)
        page.route("**/board-token", lambda route: route.abort(), times=1)
        portal.wait_minutes(6)

        board.locator("input[id$=-q]").fill("amara")

        expect(rows(board)).to_have_count(1)
        problems[:] = [one for one in problems if not re.search("ERR_FAILED|Failed to fetch", one)]


def test_a_frame_tells_its_height_to_a_page_that_listens_late(browser, portal):
    with closing(browser.new_context(base_url=portal.url)) as context:
        held, page = [], context.new_page()
        page.route("**/own/portal.js*", lambda route: held.append(route))
        page.goto("/framed", wait_until="commit")
        expect(rows(page.frame_locator("iframe"))).to_have_count(25)

        held[0].continue_()

        until(page, "document.querySelector('iframe').clientHeight > 1200")


def test_a_frame_heeds_nobody_but_the_page_around_it(enter):
    with enter("framed") as (page, board):
        expect(rows(board)).to_have_count(25)
        frame = page.frames[1]
        scheme = "document.documentElement.style.colorScheme"
        frame.evaluate("postMessage({ tally: 'theme', theme: 'dark' }, '*')")
        frame.evaluate("new Promise((done) => setTimeout(done))")

        assert frame.evaluate(scheme) == ""
        page.evaluate("frames[0].postMessage({ tally: 'theme', theme: 'dark' }, '*')")
        until(frame, f"{scheme} === 'dark'")


@pytest.mark.parametrize(("way", "htmx"), [("proxied", "2"), ("proxied", "4"), ("element", "no")])
def test_a_refused_value_says_so_and_keeps_the_table(enter, way, htmx):
    with enter(way, htmx) as (_, board):
        expect(rows(board)).to_have_count(25)

        board.locator("input[id$=prompt_cost]").fill("much")

        expect(board.locator("[id$=problem-prompt_cost]")).to_contain_text("Must be")
        expect(rows(board)).to_have_count(25)
        board.locator("input[id$=prompt_cost]").fill("4")
        expect(board.locator("[id$=problem-prompt_cost]")).to_be_empty()


@pytest.mark.parametrize(("way", "theme"), [("proxied", "dark"), ("element", "light")])
def test_a_portal_themes_the_board_with_a_few_properties(enter, way, theme):
    with enter(way, "2", theme) as (page, board):
        accent = board.locator("[id$=sort-activity] .tb-arrow")
        expect(accent).to_have_css(
            "color", "rgb(201, 160, 255)" if theme == "dark" else "rgb(138, 43, 226)"
        )
        if way == "element":
            assert page.locator(".tb-table").get_attribute("part") == "table"


@pytest.mark.parametrize(
    ("way", "theme", "width"), [("proxied", "dark", 1280), ("element", "light", 360)]
)
def test_the_board_is_accessible_where_it_is(enter, way, theme, width):
    with enter(way, "2", theme, width=width) as (page, board):
        expect(rows(board)).to_have_count(25)
        for step in ("table", "filters", "details"):
            if step == "filters":
                board.locator("summary[id$=filters-button]").click()
                board.get_by_role("tab", name="Date Filter").click()
            if step == "details":
                board.locator("summary[id$=filters-button]").click()
                board.locator(".tb-details").first.click()
                expect(board.locator("h2.tb-title")).to_be_visible()
            found = Axe().run(page, {"include": [["section.card"]]}, {"preload": False})
            problems = [
                (one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]
            ]
            assert problems == [], step
        assert page.evaluate("document.documentElement.scrollWidth") <= width


READERS = """(times) => {
  const element = document.querySelector("tally-board");
  const { fetchToken } = element;
  const after = (wait) => async () => {
    await new Promise((done) => setTimeout(done, wait));
    window.asked = (window.asked ?? 0) + 1;
    return { ...(await fetchToken()), token: `reader-${wait}` };
  };
  for (const wait of times) element.fetchToken = after(wait);
}"""


def test_a_late_token_of_the_reader_before_opens_nothing(enter):
    with enter("element", "no") as (page, board):
        expect(rows(board)).to_have_count(25)
        sent = []

        def answer(route):
            sent.append(route.request.headers.get("authorization"))
            route.continue_(headers=route.request.headers | {"authorization": token})

        token = page.evaluate("JSON.parse(document.body.dataset.token).token")
        token = f"Bearer {token}"
        page.route("**/embed/leaderboard**", answer)
        page.evaluate(READERS, [300, 0])
        until(page, "window.asked === 2")
        board.locator("[id$=sort-cost]").click()
        expect(board.locator("[aria-sort=descending] [id$=sort-cost]")).to_be_visible()

        assert set(sent) == {"Bearer reader-0"}


@pytest.mark.parametrize("change", ["removeAttribute('src')", "fetchToken = null"])
def test_an_element_that_was_emptied_stays_empty_when_the_network_comes_back(
    enter, problems, change
):
    with enter("element", "no") as (page, board):
        expect(rows(board)).to_have_count(25)
        page.route("**/embed/**", lambda route: route.abort())
        page.evaluate("document.querySelector('tally-board').reload()")
        expect(board.get_by_role("alert").first).to_contain_text("can't be reached")
        page.unroute("**/embed/**")
        problems[:] = [one for one in problems if "net::ERR_FAILED" not in one]
        page.evaluate(f"() => {{ document.querySelector('tally-board').{change} }}")

        page.evaluate("dispatchEvent(new Event('online'))")

        page.wait_for_timeout(300)
        assert page.evaluate("document.querySelector('tally-board').shadowRoot.textContent") == ""


def test_a_token_that_is_refused_without_a_reason_is_asked_for_again(enter):
    with enter("element", "no") as (page, board):
        expect(rows(board)).to_have_count(25)
        page.clock.install()
        page.evaluate(FIRST_TOKEN % "Promise.reject()")
        expect(board.get_by_role("alert").first).to_contain_text("can't be reached")

        page.clock.run_for(5_000)

        expect(rows(board)).to_have_count(25)
        expect(board.locator("[id$=-notice]")).to_be_empty()


@pytest.mark.parametrize(
    "change",
    [
        "fetchToken = async () => { throw new Error('Signed out.') }",
        "fetchToken = null",
        "removeAttribute('src')",
    ],
)
def test_no_row_stays_for_who_may_not_see_it(enter, change):
    with enter("element", "no") as (page, board):
        expect(rows(board)).to_have_count(25)

        page.evaluate(f"() => {{ document.querySelector('tally-board').{change} }}")

        expect(rows(board)).to_have_count(0)


def test_rows_come_without_styles_that_fail_and_put_them_on_later(enter, problems):
    with enter("element", "no") as (page, board):
        page.route("**/tally-board.css?v=*", lambda route: route.abort())
        page.reload()
        expect(rows(board)).to_have_count(25)
        page.unroute("**/tally-board.css?v=*")

        page.evaluate("document.querySelector('tally-board').reload()")

        expect(board.locator(".tb-row .tb-name").first).to_have_css("font-weight", "600")
        problems[:] = [one for one in problems if "net::ERR_FAILED" not in one]


def test_rows_do_not_wait_for_styles_for_ever(enter):
    with enter("element", "no") as (page, board):
        page.clock.install()
        page.route("**/tally-board.css?v=*", lambda route: None)
        with page.expect_response("**/embed/leaderboard"):
            page.reload(wait_until="commit")
        expect(rows(board)).to_have_count(0)

        page.clock.run_for(5_000)

        expect(rows(board)).to_have_count(25)


@pytest.mark.parametrize("status", [200, 401, 502, 503])
def test_a_page_of_somebody_elses_takes_no_boards_place(enter, problems, status):
    with enter("proxied", "no") as (page, board):
        expect(rows(board)).to_have_count(25)
        page.evaluate("addEventListener('tally:error', () => (window.failed = true))")
        page.evaluate("addEventListener('tally:expired', () => (window.failed = true))")
        theirs = "<!doctype html><link rel=icon href=/fav.ico><form id=login>Sign in</form>"
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.route("**/embed/**", lambda route: route.fulfill(status=status, body=theirs))

        for act in ("board.reload()", "board.shadowRoot.querySelector('[id$=sort-cost]').click()"):
            page.evaluate("window.failed = false")
            page.evaluate(f"const board = document.querySelector('tally-board'); {act}")
            until(page, "window.failed")

            expect(board.get_by_role("alert").first).to_contain_text("can't be reached")
            expect(rows(board)).to_have_count(25)
            expect(board.locator("#login")).to_have_count(0)
        assert not [one for one in asked if "fav.ico" in one]
        problems[:] = [one for one in problems if "the server responded" not in one]


@pytest.mark.parametrize("htmx", ["2", "4"])
@pytest.mark.parametrize("failing", ["proxy", "network"])
def test_a_reader_on_htmx_hears_that_the_board_is_away_and_keeps_the_table(
    enter, problems, htmx, failing
):
    kept = {"status": 502, "headers": {"HX-Reswap": "none"}, "body": "Bad gateway."}
    with enter("proxied", htmx) as (page, board):
        expect(rows(board)).to_have_count(25)
        away = "**/embed/leaderboard**"
        page.route(
            away, lambda route: route.fulfill(**kept) if failing == "proxy" else route.abort()
        )
        board.locator("[id$=sort-cost]").click()
        expect(board.locator("[id$=-notice]")).to_contain_text("can't be reached")
        expect(rows(board)).to_have_count(25)
        page.unroute(away)
        board.locator("[id$=sort-cost]").click()
        expect(board.locator("[aria-sort=descending] [id$=sort-cost]")).to_be_visible()
        expect(board.locator("[id$=-notice]")).to_be_empty()
        problems.clear()


def test_an_element_that_was_removed_asks_no_more(enter):
    with enter("element", "no") as (page, board):
        expect(rows(board)).to_have_count(25)
        asked = []
        page.on("request", lambda request: asked.append(request.url))

        board.locator("input[id$=-q]").press_sequentially("amara", delay=0)
        page.evaluate("document.querySelector('tally-board').remove()")
        page.wait_for_timeout(600)

        assert asked == []
