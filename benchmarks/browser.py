"""Until rows are visible in a browser, one that was never here before or one that was."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from statistics import median

from benchmarks.board import HOST, Board

with suppress(ImportError):
    from playwright.sync_api import sync_playwright
# Looks before each frame is drawn, in the page, in an element of it and in frames. What is queued
# while one is, comes right after it.
WATCH = """
(() => {
  const rows = () => {
    const board = document.querySelector("tally-board");
    const found = (board?.shadowRoot ?? document).querySelectorAll("%s");
    return found.length && found[found.length - 1].offsetHeight;
  };
  const drawn = new MessageChannel();
  drawn.port1.onmessage = () => painted(performance.timeOrigin + performance.now());
  const look = () => {
    if (rows()) drawn.port2.postMessage("");
    else requestAnimationFrame(look);
  };
  look();
})();
"""
ROWS = ".tb-row"
LINK = """
url => {
  const link = { id: "there", href: url, textContent: "There" };
  document.body.append(Object.assign(document.createElement("a"), link));
}
"""
# So often, and every process of the board has been asked.
WARM_UP = 8
FLAGS = ("--no-sandbox", "--disable-gpu")
# So long a browser that has just started is busy with windows of its own.
START_UP = 1.5
# So long, in milliseconds, somebody looks at a link before the click: a page that has just been
# opened is still being opened, and with it the process in which the next one will run.
LOOK = 500


def seconds_until_rows(board: Board, times: int = 7) -> float | None:
    """From the click on a link to the painted rows, empty caches; None without a browser.

    The server has been asked before.
    """
    if not can_look():
        return None
    with board.running(), browsers() as start:
        name, _, value = board.sign_in()["Cookie"].partition("=")
        url, took = f"http://{HOST}:{board.port}", []
        for number in range(times + 1):
            with start() as visits:
                visits.context.add_cookies([{"name": name, "value": value, "url": url}])
                took.append(visits.milliseconds(f"{url}/leaderboard") / 1000)
                for _ in range(0 if number else WARM_UP):
                    visits.milliseconds(f"{url}/leaderboard")
    return median(took[1:])


def can_look() -> bool:
    """True where there is a browser to look with."""
    return "sync_playwright" in globals() and bool(shutil.which("chromium"))


class Visits:
    """Visits with one browser, the first of which is its first ever."""

    def __init__(self, context: object, rows: str):
        self.context, self.painted = context, []
        context.expose_binding("painted", lambda _, moment: self.painted.append(moment))
        context.add_init_script(WATCH % rows)

    def milliseconds(self, url: str, before: str = "about:blank") -> float:
        """From the click that leads there, which ends the page before, to the painted rows."""
        page = self.context.new_page()
        page.goto(before)
        page.evaluate(LINK, url)
        page.wait_for_timeout(LOOK)
        self.painted.clear()
        page.click("#there", no_wait_after=True)
        # Seldom: whoever drives a browser takes processor time from it.
        while not self.painted:
            page.wait_for_timeout(100)
        took = self.painted[0] - page.evaluate("performance.timeOrigin")
        page.close()
        return took


Starts = Callable[..., AbstractContextManager[Visits]]


@contextmanager
def browsers() -> Iterator[Starts]:
    """Starts browsers that were never anywhere, one after the other, which look out for rows."""
    with sync_playwright() as playwright:

        @contextmanager
        def start(rows: str = ROWS) -> Iterator[Visits]:
            chromium = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            time.sleep(START_UP)
            yield Visits(browser.new_context(), rows)
            browser.close()

        yield start
