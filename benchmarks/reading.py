"""What a board's answers cost over real HTTP: cold, warm, just changed, unchanged."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from itertools import count
from statistics import median
from typing import NamedTuple

from benchmarks.bare import NAIVE, ROLLED_UP, Ask, milliseconds
from benchmarks.board import Board
from benchmarks.content import IDLE, PROJECTS, username

# What the board's own page sends when somebody turns a page of its table.
FRAGMENT = {"HX-Request": "true", "HX-Trigger": "page-next", "HX-Target": "region"}
FRAGMENT |= {"Filters-Kept": "1", "Accept-Encoding": "gzip"}
TOUCHED = 100
SORTS = ("calls", "prompt_tokens", "completion_tokens", "cost")
NUMBERS = count()


class Wrong(Exception):
    """A number that is not what it has to be: worse than any slowness."""


class Answers(NamedTuple):
    """Medians in milliseconds of the same question, asked in each of these ways; None: not had."""

    people: int
    days: int
    bare: float
    naive: float
    duck: float | None
    cold: float
    warm: float
    again: float
    changed: float
    unchanged: float | None
    unchanged_cpu: float | None


class Reader:
    """A signed-in browser on one connection, so that one worker answers it."""

    def __init__(self, board: Board, headers: dict[str, str]):
        self.headers = headers | FRAGMENT
        self.connection: HTTPConnection = board.connect()

    def get(self, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        """The answer and its body as it came."""
        self.connection.request("GET", path, headers=self.headers | headers)
        response = self.connection.getresponse()
        return response, response.read()

    def table(self, path: str) -> bytes:
        """A fragment, which has to hold rows."""
        response, body = self.get(path)
        if response.status != 200 or b"<tr" not in text_of(response, body):
            raise Wrong(f"{path} answered {response.status}: {body[:200]!r}")
        return body


def measure(
    board: Board, people: int, days: int, today: date, bare: Ask, duck: Ask | None, rounds: int
) -> Answers:
    """Ask for the table of the last days in every way; raises Wrong for a wrong sum."""
    path, first = f"/leaderboard?days={days}", today - timedelta(days=days - 1)
    cold = []
    for _ in range(max(2, rounds // 4)):
        with board.running(), reading(board) as reader:
            reader.get(f"/leaderboard?project={IDLE}")
            cold.append(milliseconds(lambda: reader.table(path)))
    with board.running(), reading(board) as reader:
        reader.table(path)
        bares, ducks, warms, repeats = [], [], [], []
        pages = _pages(reader, path)
        for _ in range(rounds):
            bares.append(milliseconds(lambda: bare(ROLLED_UP, first, today)))
            if duck:
                ducks.append(milliseconds(lambda: duck(ROLLED_UP, first, today)))
            for _ in range(5):
                # What nobody asked for before has to be rendered, what somebody did is still there.
                page = next(pages)
                for took in (warms, repeats):
                    took.append(milliseconds(partial(reader.table, page)))
        unchanged = _unchanged(board, reader, path, rounds * 10)
        changed = _changed(board, reader, path, people, days, rounds)
    naive = [milliseconds(lambda: bare(NAIVE, first, today)) for _ in range(2)]
    duckdb = median(ducks) if ducks else None
    ways = (min(naive), duckdb, median(cold), median(warms), median(repeats), changed)
    return Answers(people, days, median(bares), *ways, *unchanged)


@contextmanager
def reading(board: Board) -> Iterator[Reader]:
    """A signed-in reader of a running board."""
    reader = Reader(board, board.sign_in())
    with closing(reader.connection):
        yield reader


def _pages(reader: Reader, path: str) -> Iterator[str]:
    """Tables that were not asked for yet, in orders that were."""
    for sort in SORTS:
        reader.table(f"{path}&sort={sort}")
    return (f"{path}&sort={sort}&page={page}" for page in count(2) for sort in SORTS)


def _unchanged(board: Board, reader: Reader, path: str, times: int) -> tuple:
    """Milliseconds, and those of processor time, of an unchanged table; None without a tag."""
    tag = reader.get(path)[0].getheader("ETag")
    if not tag:
        return None, None
    took, before = [], board.cpu()
    for _ in range(times):
        took.append(milliseconds(lambda: _expect_304(reader, path, tag)))
    return median(took), (board.cpu() - before) / times * 1000


def _expect_304(reader: Reader, path: str, tag: str) -> None:
    response, _ = reader.get(path, **{"If-None-Match": tag})
    if response.status != 304:
        raise Wrong(f"{path} answered {response.status} though nothing had changed")


def _changed(board: Board, reader: Reader, path: str, people: int, days: int, rounds: int) -> float:
    """Milliseconds of a table right after a hundred people's usage grew; every sum is checked."""
    took, due = [], calls(board, days)
    for number in range(rounds):
        send(board, batch(people, TOUCHED, number))
        took.append(milliseconds(lambda: reader.table(path)))
        due += TOUCHED
        if (found := calls(board, days)) != due:
            raise Wrong(f"{found:,} calls are counted where {due:,} were sent")
    return median(took)


def batch(people: int, size: int, place: int) -> bytes:
    """New calls of so many people, a minute ago."""
    moment = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    return json.dumps(
        [
            {
                "id": f"bench-{next(NUMBERS)}",
                "time": moment,
                "user": username((place * size + n) * 37 % people + 1),
                "project": PROJECTS[n % len(PROJECTS)],
                "source": "api",
                "prompt_tokens": 100,
                "completion_tokens": 10,
            }
            for n in range(size)
        ]
    ).encode()


def send(board: Board, body: bytes, connection: HTTPConnection | None = None) -> int:
    """Send native events; returns how many were accepted. Raises Wrong unless all were."""
    mine = connection or board.connect()
    mine.request(
        "POST", "/api/v1/events", body, board.headers | {"Content-Type": "application/json"}
    )
    response = mine.getresponse()
    told = json.loads(response.read())
    if connection is None:
        mine.close()
    if response.status == 503:
        return 0
    if response.status != 200 or told["accepted"] != told["received"]:
        raise Wrong(f"The board answered {response.status}: {told}")
    return told["accepted"]


def calls(board: Board, days: int) -> int:
    """How many calls the board counts, as the API tells it."""
    with closing(board.connect()) as connection:
        path = f"/api/v1/leaderboard?days={days}&per_page=25"
        connection.request("GET", path, headers=board.headers)
        return json.loads(connection.getresponse().read())["totals"]["calls"]


def text_of(response: HTTPResponse, body: bytes) -> bytes:
    """A body as it was before it was compressed."""
    return gzip.decompress(body) if response.getheader("Content-Encoding") == "gzip" else body


def bytes_of_a_view(board: Board) -> tuple[int, int, int]:
    """Compressed: the first view with all it loads, in how many requests, and the fragment."""
    with board.running(), reading(board) as reader:
        fragment = len(reader.table("/leaderboard"))
        page = Reader(board, reader.headers)
        del page.headers["HX-Request"]
        response, body = page.get("/leaderboard")
        text = text_of(response, body).decode()
        loaded = set(re.findall(r'<(?:script|link)[^>]+(?:src|href)="(/[^"]+)"', text))
        sizes = [len(page.get(path)[1]) for path in loaded]
        page.connection.close()
    return len(body) + sum(sizes), 1 + len(loaded), fragment


def memory_of_scopes(board: Board, scopes: int = 20) -> float:
    """Megabytes of the worker that has answered for so many scopes."""
    with board.running(), reading(board) as reader:
        for number in range(scopes):
            source = "&source=ide" if number % 2 else ""
            reader.table(f"/leaderboard?days={30 + number // 2}{source}")
        return board.memory()
