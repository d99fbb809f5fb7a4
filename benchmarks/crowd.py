"""Many viewers at once, while usage keeps coming in."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from random import Random
from statistics import quantiles
from typing import NamedTuple

from benchmarks.board import Board
from benchmarks.reading import Reader, Wrong, batch, calls, send

VIEWERS = 50
EVENTS_A_SECOND = 500
BATCH = 50


class Crowd(NamedTuple):
    """How it went for the viewers: milliseconds, and how many were asked, failed and sent."""

    p50: float
    p95: float
    asked: int
    failed: int
    sent: int


def watch(board: Board, people: int, seconds: float) -> Crowd:
    """Each viewer asks for the table once a second, all by the same account.

    Raises Wrong unless every sum is exact.
    """
    with board.running():
        headers, before = board.sign_in(), calls(board, 30)
        end = time.perf_counter() + seconds
        with ThreadPoolExecutor(VIEWERS + 1) as pool:
            sending = pool.submit(_send, board, people, end)
            views = [pool.submit(_view, board, headers, n, end) for n in range(VIEWERS)]
            sent, waits = sending.result(), [wait for one in views for wait in one.result()]
        found = calls(board, 30)
    if found != before + sent:
        raise Wrong(f"{found:,} calls are counted where there are {before + sent:,}")
    took = [wait for wait in waits if wait is not None]
    percent = quantiles(took, n=100)
    return Crowd(percent[49], percent[94], len(waits), len(waits) - len(took), sent)


def _view(board: Board, headers: dict, place: int, end: float) -> list[float | None]:
    """The milliseconds of each answer; None for one that is no table."""
    took: list[float | None] = []
    reader, phase = Reader(board, headers), Random(place).random()
    with closing(reader.connection):
        while (start := _at_phase(phase)) < end:
            try:
                reader.table("/leaderboard")
                took.append((time.perf_counter() - start) * 1000)
            except (Wrong, OSError):
                took.append(None)
                reader = Reader(board, headers)
    return took


def _at_phase(phase: float) -> float:
    """Wait for the viewer's own moment of a second; returns when that was.

    People are independent: one slow answer for all must not make them ask in step ever after.
    """
    time.sleep((phase - time.perf_counter()) % 1)
    return time.perf_counter()


def _send(board: Board, people: int, end: float) -> int:
    sent, pause = 0, BATCH / EVENTS_A_SECOND
    with closing(board.connect()) as connection:
        for place in count():
            start = time.perf_counter()
            if start >= end:
                break
            sent += _until_taken(lambda body: send(board, body, connection), people, place)
            time.sleep(max(0.0, start + pause - time.perf_counter()))
    return sent


def _until_taken(act: Callable[[bytes], int], people: int, place: int) -> int:
    """Send again what a busy board has not taken, as a sender does."""
    body = batch(people, BATCH, place)
    while not (taken := act(body)):
        time.sleep(0.2)
    return taken
