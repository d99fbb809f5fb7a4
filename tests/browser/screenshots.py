"""Pictures of every state in both themes and four widths; with --readme the two of the README."""

import argparse
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright
from server import ROOT, Board, serving

FOLDER = ROOT / "screenshots"
DOCS = ROOT / "docs"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
THEMES = ("light", "dark")
SIZES = ((320, 640), (768, 1024), (1280, 800), (1920, 1080))
PHONE = 320
README_SIZE = (1280, 800)
COLUMNS = "/leaderboard?columns=movement,trend,cached,failed,active_days,cost_per_call,last_seen"
MOST_BYTES = 150 * 1024


def press(*places: str) -> Callable[[Page], None]:
    """Press one after the other."""

    def act(page: Page) -> None:
        for place in places:
            page.locator(place).click()

    return act


def refuse(page: Page) -> None:
    """Type what is no rate."""
    page.locator("#prompt_cost").fill("much")
    page.locator("#problem-prompt_cost:not(:empty)").wait_for()


def unfold(page: Page) -> None:
    """Open every data table."""
    for summary in page.locator(".tb-chart-data summary").all():
        summary.click()


def set_budget(page: Page) -> None:
    """Set a budget that is partly spent."""
    page.select_option("#project", "checkout")
    page.fill("#amount", "60")
    page.click("button[value=set]")


# Where, what is done there, and whether the picture goes on below the window.
SAMPLE = {
    "leaderboard": ("/leaderboard", None, False),
    "leaderboard-whole": ("/leaderboard", None, True),
    "filtered": ("/leaderboard?project=checkout&source=ide&days=7", None, False),
    "range": ("/leaderboard?from=2026-11-01&to=2026-11-15&sort=cost", None, False),
    "filters-projects": ("/leaderboard?project=mobile", press("#filters-button"), False),
    "filters-source": (
        "/leaderboard?source=cli",
        press("#filters-button", "#tab-source-button"),
        False,
    ),
    "filters-dates": ("/leaderboard?days=7", press("#filters-button", "#tab-dates-button"), False),
    "views-menu": ("/leaderboard?project=checkout", press("#views-button"), False),
    "budgets": ("/budgets", set_budget, True),
    "notices": ("/notices", None, False),
    "admin-embeds": ("/grants", None, True),
    "admin-webhooks": ("/admin/webhooks", None, True),
    "views": ("/views?screen=leaderboard&days=7", None, False),
    "refused": ("/leaderboard", refuse, False),
    "nobody-found": ("/leaderboard?q=nobody", None, False),
    "no-usage": ("/leaderboard?from=2020-01-01&to=2020-01-31", None, False),
    "columns": (COLUMNS, None, True),
    "overview": ("/overview", None, True),
    "overview-of-one": ("/overview?project=checkout&days=7", unfold, True),
    "overview-empty": ("/overview?from=2020-01-01&to=2020-01-31", None, False),
    "users": ("/users", None, False),
    "details": ("/users/amara.okafor?days=90", None, True),
    "details-tables": ("/users/mt.hohen", unfold, True),
    "details-empty": ("/users/giulia.ferraro", None, False),
    "not-found": ("/users/nobody", None, False),
    "malformed": ("/leaderboard?days=0", None, False),
    "arrivals": ("/admin/arrivals", None, True),
    "identities": ("/admin/identities", None, True),
    "import": ("/admin/import", None, False),
    "account": ("/account", None, True),
    "admin-people": ("/admin/people", None, True),
    "admin-person": ("/admin/people/ada", None, True),
    "admin-projects": ("/admin/projects", None, True),
    "admin-project": ("/admin/projects/mobile", None, True),
    "costs-list": ("/leaderboard?cost=list", None, False),
    "costs-reported": ("/leaderboard?cost=reported", None, True),
    "details-reported": ("/users/mateusz.wojcik?cost=reported", None, True),
    "rates-to-save": ("/leaderboard?project=mobile&prompt_cost=2.50", None, False),
    "admin-prices": ("/admin/prices?q=sonnet-4-5", None, True),
    "admin-keys": ("/admin/keys", None, True),
    "admin-audit": ("/admin/audit", None, True),
}
HOSTILE = {
    "hostile": ("/leaderboard?per_page=50", None, True),
    "hostile-filters": ("/leaderboard", press("#filters-button"), False),
    "hostile-details": ("/users/everyone", None, True),
}
EMPTY = {"first-run": ("/leaderboard", None, True)}
SIGNED_OUT = {"sign-in": ("/sign-in", None, False), "link-used": ("/sign-in/used", None, False)}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


def pictures(browser: Browser, board: Board, states: dict, signed_in: bool = True) -> None:
    """Write NAME-THEME-WIDTH.png for each state of that board."""
    for width, height in SIZES:
        with window(browser, board, width, height, signed_in) as page:
            for name, (path, act, whole) in states.items():
                for theme in THEMES:
                    page.set_viewport_size({"width": width, "height": height})
                    page.emulate_media(color_scheme=theme)
                    page.goto(path)
                    if act:
                        act(page)
                    if whole or width == PHONE:
                        # A full_page picture would forget that the screen is touched.
                        height_of_all = page.evaluate("document.documentElement.scrollHeight")
                        page.set_viewport_size({"width": width, "height": height_of_all})
                    page.screenshot(path=FOLDER / f"{name}-{theme}-{width}.png")


@contextmanager
def window(browser: Browser, board: Board, width: int, height: int, signed_in: bool = True):
    """A page of that size on the board; the small ones are touched."""
    size = {"width": width, "height": height}
    with browser.new_context(
        base_url=board.url, viewport=size, has_touch=width < 1000, is_mobile=width < 1000
    ) as context:
        page = context.new_page()
        if signed_in:
            page.goto(board.link())
        yield page


def readme(browser: Browser, board: Board) -> None:
    """Write the leaderboard in both themes into docs/."""
    with window(browser, board, *README_SIZE) as page:
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.goto("/leaderboard")
            file = DOCS / f"leaderboard-{theme}.png"
            page.screenshot(path=file)
            assert file.stat().st_size < MOST_BYTES, f"{file} is too large"
            print(file)


def main() -> None:
    """Take the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", action="store_true", help="only the two in docs/")
    only_readme = parser.parse_args().readme
    with ExitStack() as running:
        browser = running.enter_context(chromium())

        def board(content: str) -> Board:
            folder = running.enter_context(TemporaryDirectory())
            return running.enter_context(serving(content, Path(folder)))

        sample = board("sample")
        if only_readme:
            readme(browser, sample)
            return
        FOLDER.mkdir(exist_ok=True)
        take = partial(pictures, browser)
        take(sample, SAMPLE)
        take(sample, SIGNED_OUT, signed_in=False)
        take(board("hostile"), HOSTILE)
        take(board("empty"), EMPTY)
        print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
