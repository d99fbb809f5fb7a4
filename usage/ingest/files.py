"""Native files -> numbered records, read a line at a time: CSV with a header, or JSON lines."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pydantic_core import from_json

from usage.ingest.event import TOKEN_FIELDS, WHOLE_NUMBER, InvalidEvent
from usage.ingest.native import FIELDS

REQUIRED = ("id", "time", "prompt_tokens", "completion_tokens")
LONGEST_LINE = 1024 * 1024
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
FORMATS = ("auto", "csv", "jsonl")

Numbered = Iterator[tuple[int, object]]
"""Pairs of line number and record; an InvalidEvent in the place of a record is a refusal."""


class UnreadableFile(ValueError):
    """A file that holds no events: a sentence for a person."""


def numbered_records(path: Path, format: str, progress: Callable[[int], None]) -> Numbered:
    """The records of a file with their line numbers; `progress` is told the bytes read.

    Raises UnreadableFile before the first record when the file can't be read at all.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
            if format == "auto":
                format = "jsonl" if start.startswith((b"{", b"[")) else "csv"
            if start.startswith(b"[") and format == "jsonl":
                raise UnreadableFile(f"{path} holds one JSON array; write one object a line.")
            file.seek(0)
            lines = _lines(file, progress)
            yield from _csv(lines, path) if format == "csv" else _json(lines)
    except OSError as error:
        raise UnreadableFile(f"{path} can't be read: {error.strerror}.") from None


def _lines(file: BinaryIO, progress: Callable[[int], None]) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        progress(len(line))
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            # The end of an overlong line: it is refused as it is, and still one line.
            rest = file.readline(LONGEST_LINE)
            progress(len(rest))
        # What isn't UTF-8 becomes a lone surrogate, which is refused with its field's name.
        yield line.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _json(lines: Iterable[str]) -> Numbered:
    for number, line in enumerate(lines, start=1):
        if text := line.strip():
            try:
                yield number, from_json(text, allow_inf_nan=False)
            except ValueError:
                yield number, InvalidEvent("line", "is not valid JSON")


def _csv(lines: Iterable[str], path: Path) -> Numbered:
    reader = csv.reader(lines, strict=True)
    header: list[str] = []
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield number, InvalidEvent("line", f"is not valid CSV: {error}")
            continue
        if row is None:
            break
        if not header:
            header = _header(row, path)
        elif any(row):
            yield number, _record(header, row)
    if not header:
        raise UnreadableFile(f"{path} is empty.")


def _header(row: list[str], path: Path) -> list[str]:
    names = [name.strip() for name in row]
    for name in names:
        if name not in FIELDS:
            raise UnreadableFile(f'{path}, line 1: "{name[:100]}" is not a field of an event.')
        if names.count(name) > 1:
            raise UnreadableFile(f'{path}, line 1: "{name}" stands there twice.')
    if missing := [name for name in REQUIRED if name not in names]:
        raise UnreadableFile(f'{path}, line 1: the column "{missing[0]}" is missing.')
    return names


def _record(header: list[str], row: list[str]) -> dict | InvalidEvent:
    if len(row) != len(header):
        return InvalidEvent("line", f"has {len(row)} values for {len(header)} columns")
    record: dict[str, object] = {}
    for name, text in zip(header, (cell.strip() for cell in row), strict=True):
        if not text:
            continue
        if name in TOKEN_FIELDS:
            if not text.isascii() or not text.isdigit() or len(text) > 18:
                return InvalidEvent(name, WHOLE_NUMBER, record.get("id"))
            record[name] = int(text)
        elif name == "failed":
            if text.lower() not in TRUTH:
                return InvalidEvent(name, "must be true or false", record.get("id"))
            record[name] = TRUTH[text.lower()]
        else:
            record[name] = text
    return record
