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
# The first batches only warm up: the driver, and the processes of the server.
WARM_UP = 2 * SENDERS
JSON = "application/json"


def events_a_second(count: int = 60, rounds: int = 3) -> tuple[float, float]:
    """Over HTTP and on the bare driver, medians of turns that take one another's place."""
    over_http, bare = [], []
    for seed in range(rounds):
        made = batches(native, JSON, WARM_UP + count, SIZE, seed)
        bare.append(count * SIZE / floor.seconds(made, WARM_UP))
        with TemporaryDirectory() as folder, (board := Board(folder)).running():
            _send(board, made[:WARM_UP])
            over_http.append(count * SIZE / _send(board, made[WARM_UP:]))
            totals = board.totals("2026-01-01", "2026-06-30")
        if totals["calls"] != len(made) * SIZE:
            raise Wrong(f"{totals['calls']:,} calls are counted of {len(made) * SIZE:,}")
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
