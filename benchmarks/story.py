"""What the story behind the table costs: added columns, the overview, and a file of everyone."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import content
from benchmarks.board import Board
from benchmarks.content import Size
from benchmarks.reading import TOUCHED, Reader, Wrong, batch, reading, send
from usage.scope import MORE_COLUMNS

TABLE, OVERVIEW = "/leaderboard?days=30", "/overview"
COLUMNS = {"movement": "movement", "all": ",".join(MORE_COLUMNS)}
FORMS = ("csv", "json")
# The processor's clock ticks every 10 ms: so many answers at a time, so many after a change.
AT_ONCE, CHANGES = 20, 5
EVERYONE = 100_000


class Story(NamedTuple):
    """Milliseconds of processor time of an answer: the table, it with more columns, the overview.

    `changed` is the overview right after a hundred people's usage.
    """

    table: float
    columns: dict[str, float]
    changed: float


def measure(board: Board, people: int, rounds: int) -> Story:
    """Ask a large board, in turns, for what stands beside its table."""
    paths = {"table": TABLE} | {name: f"{TABLE}&columns={some}" for name, some in COLUMNS.items()}
    took: dict[str, list[float]] = {name: [] for name in (*paths, "changed")}
    with board.running(), reading(board) as reader:
        for path in (*paths.values(), OVERVIEW):
            reader.table(path)
        for number in range(rounds):
            # What was rendered before would be there still: each page is asked for once.
            pages = [number * AT_ONCE + place + 2 for place in range(AT_ONCE)]
            for name, path in paths.items():
                asked = [f"{path}&page={page}" for page in pages]
                took[name].append(_cpu(board, reader, asked))
            took["changed"].append(_changed(board, reader, people, number))
    middle = {name: median(some) for name, some in took.items()}
    return Story(middle["table"], {name: middle[name] for name in COLUMNS}, middle["changed"])


def megabytes_of_files(folder: Path, today: date) -> dict[str, float]:
    """How much more memory a worker takes at most while it sends a file of EVERYONE, by form."""
    (folder / "everyone").mkdir()
    board = Board(folder / "everyone", workers=1)
    content.fill(board.url, Size(EVERYONE, days=1), today)
    board.flask("rebuild")
    with board.running(), reading(board) as reader:
        reader.table("/leaderboard?days=1")
        return {form: _memory_of(board, reader, f"/leaderboard.{form}?days=1") for form in FORMS}


def _cpu(board: Board, reader: Reader, paths: Sequence[str]) -> float:
    before = board.cpu()
    for path in paths:
        reader.table(path)
    return (board.cpu() - before) / len(paths) * 1000


def _changed(board: Board, reader: Reader, people: int, number: int) -> float:
    took = 0.0
    for place in range(CHANGES):
        send(board, batch(people, TOUCHED, number * CHANGES + place))
        # It brings up to date what the table needs, too.
        reader.table(TABLE)
        took += _cpu(board, reader, [OVERVIEW])
    return took / CHANGES


def _memory_of(board: Board, reader: Reader, path: str) -> float:
    before = board.memory()
    board.forget_peak()
    response, body = reader.get(path)
    if response.status != 200 or len(body) < EVERYONE:
        raise Wrong(f"{path} answered {response.status} with {len(body):,} bytes")
    return board.memory(peak=True) - before
