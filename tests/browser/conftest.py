"""Running boards, a signed-in page, and the watch kept over every page that a test opens."""

import re
import shutil
from contextlib import ExitStack
from functools import cache
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.server import serving

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
# A browser calls a refusal an error, and htmx a request that a newer one replaced.
REFUSAL = re.compile(r"Failed to load resource: .* status of (401|404|410|422) ")
REPLACED = re.compile(r"htmx:(sendAbort|afterRequest), ")
VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
expect.set_options(timeout=10_000)


@pytest.fixture(autouse=True)
def _at_noon():
    """The clock that stands still is that of the boards, not of the browser."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Debian's Chromium; Playwright's own can't be downloaded everywhere."""
    chromium = shutil.which("chromium")
    return browser_type_launch_args | {"executable_path": chromium, "args": FLAGS}


@pytest.fixture(scope="session")
def base_url():
    """None: every board has its own. The plugin's fixture of that name warns under this pytest."""


@pytest.fixture(scope="session")
def boards(tmp_path_factory):
    """Starts the board with that content, once."""
    with ExitStack() as running:
        yield cache(
            lambda content: running.enter_context(serving(content, tmp_path_factory.mktemp("b")))
        )


@pytest.fixture(scope="session")
def browsers(browser, boards, problems):
    """Ada's browser, signed in on the board with that content; the same one for many tests."""

    @cache
    def start(content: str) -> BrowserContext:
        context = browser.new_context(base_url=boards(content).url)
        watch(context, problems)
        page = context.new_page()
        page.goto(boards(content).link())
        page.close()
        return context

    return start


@pytest.fixture(scope="session")
def problems():
    """What went wrong in the pages of the running test."""
    return []


@pytest.fixture
def visit(browser, browsers, boards, problems):
    """Opens an address of a board; any error of the page is the test's.

    With options, it does so in a browser of its own that starts with Ada's session.
    """
    with ExitStack() as opened:

        def open_page(path="/leaderboard", content="sample", **options) -> Page:
            context = browsers(content)
            if options:
                options = {"storage_state": context.storage_state()} | options
                context = browser.new_context(base_url=boards(content).url, **options)
                watch(context, problems)
                opened.callback(context.close)
            page = context.new_page()
            opened.callback(page.close)
            page.goto(path)
            return page

        yield open_page
    found, problems[:] = problems[:], []
    assert found == []


@pytest.fixture
def page(visit):
    """The leaderboard with the sample data, on Ada's screen."""
    return visit()


def watch(context: BrowserContext, problems: list[str]) -> None:
    """Collect what goes wrong in that browser: messages, errors, violations of the policy."""

    def heard(message) -> None:
        if message.type not in ("error", "warning") or REPLACED.match(message.text):
            return
        if not REFUSAL.match(message.text) or "/assets/" in message.location["url"]:
            problems.append(f"{message.type}: {message.text}")

    context.on("console", heard)
    context.on("weberror", lambda found: problems.append(f"uncaught: {found.error}"))
    context.add_init_script(VIOLATIONS)


def choose(page: Page, tab: str, control: str) -> None:
    """Open that tab of the Filters panel, unless it is open, and click a control in it."""
    if not page.locator("#filters-panel[open]").count():
        page.locator("#filters-button").click()
    page.get_by_role("tab", name=tab).click()
    page.locator(f"label:has({control})").or_(page.locator(f"a{control}")).click()


def names(page: Page) -> list[str]:
    """The display names in the table, from the top."""
    return page.locator(".tb-row .tb-name").all_text_contents()


def asked(page: Page) -> str:
    """What the address asks for."""
    return urlsplit(page.url).query


def mark(page: Page) -> None:
    """Leave a mark on this document, which does not outlive it."""
    page.evaluate("window.mark = true")


def is_marked(page: Page) -> bool:
    """True while the document is the one that was marked: nothing loaded another."""
    return page.evaluate("window.mark === true")


def entries(page: Page) -> int:
    """How long the history is."""
    return page.evaluate("history.length")
