"""How fast usage is taken in, beside the bare driver doing the very same statements."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import floor
from benchmarks.board import Board
from benchmarks.bodies import Batch, batches, native
from benchmarks.reading import Wrong

SIZE = 1000
SENDERS = 4
JSON = "application/json"


def events_a_second(count: int, rounds: int = 3) -> tuple[float, float]:
    """Over HTTP and on the bare driver, medians of turns that take one another's place."""
    over_http, bare = [], []
    for seed in range(rounds):
        made = batches(native, JSON, count, SIZE, seed)
        # The first batch only warms the driver up.
        bare.append((count - 1) * SIZE / floor.seconds(made))
        with TemporaryDirectory() as folder, (board := Board(folder)).running():
            over_http.append(count * SIZE / _send(board, made))
            totals = board.totals("2026-01-01", "2026-06-30")
        if totals["calls"] != count * SIZE:
            raise Wrong(f"{totals['calls']:,} calls are counted where {count * SIZE:,} were sent")
    return median(over_http), median(bare)


def _send(board: Board, made: list[Batch]) -> float:
    """Seconds for all bodies, from several senders at once."""
    parts = [made[place::SENDERS] for place in range(SENDERS)]
    start = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(_send_some, [board] * SENDERS, parts))
    return time.perf_counter() - start


def _send_some(board: Board, some: list[Batch]) -> None:
    with closing(board.connect()) as connection:
        for one in some:
            status = 503
            while status == 503:
                headers = board.headers | {"Content-Type": one.content_type}
                connection.request("POST", "/api/v1/events", one.body, headers)
                response = connection.getresponse()
                response.read()
                status = response.status
            if status != 200:
                raise Wrong(f"The board answered {status}")
