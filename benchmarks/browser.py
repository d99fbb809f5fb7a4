"""Until rows are visible in a browser that was never here before."""

import shutil
from contextlib import suppress
from statistics import median

from benchmarks.board import HOST, Board

with suppress(ImportError):
    from playwright.sync_api import sync_playwright
# The clock starts when the click makes the browser leave the page before.
WATCH = """
const look = () => {
  const rows = document.querySelectorAll("tbody tr");
  if (rows.length && rows[rows.length - 1].offsetHeight) {
    requestAnimationFrame(() => { window.rowsAt = performance.now(); });
  } else {
    requestAnimationFrame(look);
  }
};
if (location.pathname.startsWith("/leaderboard")) look();
"""


def seconds_until_rows(board: Board, times: int = 7) -> float | None:
    """From the click on a link to the painted rows, empty caches; None without a browser."""
    chromium = shutil.which("chromium")
    if "sync_playwright" not in globals() or not chromium:
        return None
    with board.running(), sync_playwright() as playwright:
        name, _, value = board.sign_in()["Cookie"].partition("=")
        url, took = f"http://{HOST}:{board.port}", []
        for _ in range(times):
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            context = browser.new_context()
            context.add_cookies([{"name": name, "value": value, "url": url}])
            context.add_init_script(WATCH)
            page = context.new_page()
            page.set_content(f'<a id="board" href="{url}/leaderboard">Board</a>')
            page.click("#board")
            page.wait_for_function("window.rowsAt")
            took.append(page.evaluate("window.rowsAt") / 1000)
            browser.close()
    return median(took)
