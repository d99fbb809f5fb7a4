"""JSON lines: the lines of a file, and the record in each."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic_core import from_json

from usage.ingest.event import InvalidEvent
from usage.ingest.json_text import fits

Numbered = Iterator[tuple[int, object]]
"""Pairs of line number and record; an InvalidEvent in the place of a record is a refusal."""


def lines(path: Path, progress: Callable[[int], None], longest: int) -> Iterator[bytes]:
    """The lines of a file, of a longer one its first bytes; `progress` is told the bytes read."""
    with path.open("rb") as file:
        while line := file.readline(longest):
            progress(len(line))
            rest = line
            while len(rest) == longest and not rest.endswith(b"\n"):
                # The end of an overlong line: it is refused as it is, and still one line.
                rest = file.readline(longest)
                progress(len(rest))
            yield line.removeprefix(b"\xef\xbb\xbf")


def records(path: Path, progress: Callable[[int], None], longest: int) -> Numbered:
    """The records of a file, each with the number of its line."""
    for number, line in enumerate(lines(path, progress, longest), start=1):
        if text := line.strip():
            record = read(text)
            if isinstance(record, InvalidEvent) and len(line) == longest:
                record = InvalidEvent("line", f"is longer than {longest:,} bytes")
            yield number, record


def parse(text: bytes) -> object | None:
    """The value of a text; None for nonsense, and for more than may stand in memory."""
    try:
        return from_json(text, allow_inf_nan=False) if fits(text) else None
    except ValueError:
        return None


def read(text: bytes) -> object:
    """The record of a text, or its refusal."""
    record = parse(text)
    if record is not None:
        return record
    return InvalidEvent("line", "is not valid JSON" if fits(text) else "holds too many values")
