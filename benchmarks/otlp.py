"""Usage a second, and how long senders wait, against the real server on SQLite.

    python -m benchmarks.otlp [--workers 2] [--senders 4] [--batches 120]

The client is a process of its own with bodies made beforehand; the disk is waited for as always.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import floor
from benchmarks.board import Board
from benchmarks.bodies import Batch, Call, batches, native, payloads, traces

JSON, PROTOBUF = "application/json", "application/x-protobuf"


class Road(NamedTuple):
    """One way in: where to, what, how much of it at once, and from how many senders."""

    name: str
    path: str
    write: Callable[[Random, list[Call]], bytes]
    content_type: str
    size: int
    batches: int
    senders: int


def main() -> None:
    """Send along every road, print a line for each, and compare the sums with what was sent."""
    asked = _arguments()
    spans = "OTLP/HTTP spans, protobuf", "/v1/traces", traces, PROTOBUF, 512
    gateway = "LiteLLM generic_api, JSON", "/ingest/litellm", payloads, JSON, 512
    events = "Native events, JSON", "/api/v1/events", native, JSON, 1000
    roads = [
        Road(*spans, asked.batches, asked.senders),
        Road(*spans, max(3, asked.batches // 4), 1),
        Road(*gateway, max(3, asked.batches // 4), 1),
        Road(*events, max(3, asked.batches // 2), asked.senders),
    ]
    due = Counter()
    with TemporaryDirectory() as folder, (board := Board(folder, asked.workers)).running():
        print(f"{'':28}{'senders':>8}{'a batch':>9}{'a second':>10}{'p50 ms':>8}{'p95 ms':>8}")
        for seed, road in enumerate(roads):
            made = batches(road.write, road.content_type, road.batches, road.size, seed)
            due += sum((batch.due for batch in made), Counter())
            rate = _travel(board, road, made)
        bare = (len(made) - 1) * roads[-1].size / floor.seconds(made)
        print(f"{'The driver alone':28}{'':8}{'':9}{bare:10,.0f}, the same statements")
        print(f"{roads[-1].name} reach {rate / bare:.0%} of it.")
        totals = board.totals("2026-01-01", "2026-06-30")
    wrong = {name: (totals[name], count) for name, count in due.items() if totals[name] != count}
    if wrong:
        raise SystemExit(f"Counted and sent differ: {wrong}")
    print(f"All sums are exact: {due['calls']:,} calls, {due['prompt_tokens']:,} prompt tokens.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="server processes")
    parser.add_argument("--senders", type=int, default=4, help="senders at the same time")
    parser.add_argument("--batches", type=int, default=120, help="batches of 512 spans")
    return parser.parse_args()


def _travel(board: Board, road: Road, made: list[Batch]) -> float:
    """Send all batches of a road; returns how many calls a second arrived."""
    _send(board, road, made[:1])
    rest = made[1:]
    start = time.perf_counter()
    with ThreadPoolExecutor(road.senders) as pool:
        parts = [rest[place :: road.senders] for place in range(road.senders)]
        waits = [wait for some in pool.map(lambda p: _send(board, road, p), parts) for wait in some]
    took = time.perf_counter() - start
    percent = quantiles(waits, n=100)
    kib = sum(len(batch.body) for batch in rest) // len(rest) // 1024
    rate = len(rest) * road.size / took
    print(f"{road.name:28}{road.senders:8}{kib:5} KiB{rate:10,.0f}", end="")
    print(f"{percent[49]:8.1f}{percent[94]:8.1f}")
    return rate


def _send(board: Board, road: Road, some: list[Batch]) -> list[float]:
    """Send one batch after the other; returns the milliseconds each answer took."""
    connection, waits = board.connect(), []
    for batch in some:
        headers = board.headers | {"Content-Type": batch.content_type}
        start = time.perf_counter()
        while True:
            connection.request("POST", road.path, batch.body, headers)
            response = connection.getresponse()
            text = response.read()
            if response.status != 503:
                break
        waits.append((time.perf_counter() - start) * 1000)
        if response.status != 200:
            raise SystemExit(f"{road.path} answered {response.status}: {text[:300]!r}")
    connection.close()
    return waits


if __name__ == "__main__":
    main()
