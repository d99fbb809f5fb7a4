"""Until a portal's page shows rows: the example portal beside a board, placed in each way.

    python -m benchmarks.portals [--people 40 10000] [--times 5]

Both servers have been asked before; the browser is new, or was there before, and its page before is
empty, or one of the portal. Beside it, in the same rounds, the same page without a board: what the
portal and the browser take by themselves.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from statistics import median
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from benchmarks import browser, content, report
from benchmarks.board import HOST, ROOT, Board
from benchmarks.browser import Starts
from benchmarks.content import Size
from benchmarks.report import Goal

GRANT = "example-portal"
ALONE = "The page alone"
OWN_ROWS = "#own-table tr"
WAYS = {
    "1, proxied": "/proxied",
    "1, without htmx": "/proxied?htmx=no",
    "2, element": "/element?htmx=no",
    "3, frame": "/framed?htmx=no",
    "4, blueprint": "/blueprint?htmx=no",
    "4, with the page": "/blueprint",
    ALONE: "/proxied?boards=0",
}
NEW, BEFORE, WITHIN = "new browser", "there before", "from a page of the portal"
MOST = 150


def main() -> None:
    """Measure and print, a line for each way."""
    asked = _arguments()
    if not browser.can_look():
        sys.exit("There is no Chromium to look with.")
    for people in asked.people:
        with TemporaryDirectory() as folder:
            board = Board(folder)
            content.fill(board.url, Size(people, days=30), datetime.now(UTC).date())
            board.flask("rebuild")
            content.settle(board.url)
            with board.running(), portal(board) as url, browser.browsers() as start:
                took = rounds(url, start, asked.times)
        print(f"\n{people:,} people; load {os.getloadavg()[0]:.1f}.\n")
        print(report.goals(_goals(took)))


def rounds(url: str, start: Starts, times: int) -> dict[tuple[str, str], float]:
    """Medians in milliseconds, by way and by browser."""
    with start() as visits:
        for path in list(WAYS.values())[:-1]:
            # Every process of the board is asked before anything is measured.
            for _ in range(4):
                visits.milliseconds(url + path)
    took = defaultdict(list)
    for _ in range(times):
        for way, path in WAYS.items():
            with start(OWN_ROWS if way == ALONE else browser.ROWS) as visits:
                took[way, NEW].append(visits.milliseconds(url + path))
                took[way, BEFORE].append(visits.milliseconds(url + path))
                took[way, WITHIN].append(visits.milliseconds(url + path, url + WAYS[ALONE]))
    return {which: median(some) for which, some in took.items()}


@contextmanager
def portal(board: Board) -> Iterator[str]:
    """The example portal beside a running board, as `make portal` starts it; its address."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    url = f"http://{HOST}:{port}"
    board.flask("grant", "create", GRANT, "--origin", url)
    key = board.flask("key", "create", GRANT, "--scope", "embed").splitlines()[-1]
    env = {"BOARD_URL": f"http://{HOST}:{board.port}", "BOARD_KEY": key, "PORTAL_PORT": str(port)}
    command = [sys.executable, str(ROOT / "docs/examples/portal/portal.py")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=board.env | env, **quiet) as process:
        try:
            while not _answers(url):
                time.sleep(0.05)
            yield url
        finally:
            process.kill()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=[40, 10_000], help="on the boards")
    parser.add_argument("--times", type=int, default=5, help="rounds")
    return parser.parse_args()


def _goals(took: dict[tuple[str, str], float]) -> Iterator[Goal]:
    for (way, which), milliseconds in took.items():
        if way == ALONE:
            continue
        what = f"Way {way}: rows, {which}"
        goal = report.figure(what, f"≤ {MOST} ms", milliseconds, MOST, "ms")
        ours = f", {milliseconds - took[ALONE, which]:,.0f} ms after the page alone"
        yield goal._replace(measured=goal.measured + ours)


def _answers(url: str) -> bool:
    with suppress(OSError), urlopen(url):
        return True
    return False


if __name__ == "__main__":
    main()
