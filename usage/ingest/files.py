"""Files -> numbered records: JSON lines, one JSON document or CSV, of whichever format."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

from usage.counting import TOKEN_FIELDS
from usage.ingest import formats, json_lines
from usage.ingest.event import WHOLE_NUMBER, InvalidEvent
from usage.ingest.formats import Format
from usage.ingest.json_lines import Numbered, lines, parse
from usage.ingest.json_text import elements, fits, is_array
from usage.ingest.native_fields import FIELDS

REQUIRED = ("id", "time", "prompt_tokens", "completion_tokens")
MIB = 1024 * 1024
# Formats that read many lines at once hold these in memory. Session files have pictures in lines.
LONGEST_LINE, LONGEST_ALONE = MIB, 32 * MIB
LARGEST_DOCUMENT = 256 * MIB
SAMPLES = 20
# How far into a file of JSON lines a format is looked for.
MOST_SEARCHED, MOST_BYTES_SEARCHED = 20_000, 64 * MIB
LISTS = ("events", "data")
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv")
# What a byte that isn't UTF-8 becomes.
SURROGATE = re.compile("[\ud800-\udfff]")


class UnreadableFile(ValueError):
    """A file that holds no events: a sentence for a person."""


class UnknownFormat(UnreadableFile):
    """A file that none of the known programs wrote."""


def walk(path: Path) -> Iterator[Path]:
    """The file itself, or the files of a folder and all folders in it that may hold usage."""
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in ENDINGS and file.is_file():
            yield file


def open_file(
    path: Path, name: str, shown: str, progress: Callable[[int], None]
) -> tuple[Format, Numbered]:
    """The format of a file and its records with their line numbers (in a document: positions).

    `shown` is its place below what is imported, its name alone when it was named itself.
    `progress` is told the bytes read. Raises UnreadableFile, UnknownFormat for a file whose
    format was to be recognised and isn't.
    """
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_LINE).removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start.startswith((b"{", b"[")):
            return _open_csv(path, name, shown, start, progress)
        if is_array(start) or parse(start.split(b"\n", 1)[0]) is None:
            document = _document(path)
            if document is not None:
                return _open_document(path, name, shown, document, progress)
        form = _format(path, name, shown, _searched(path))
        longest = LONGEST_LINE if form.read_many else LONGEST_ALONE
        return form, json_lines.records(path, progress, longest)
    except OSError as error:
        raise UnreadableFile(f"{path} can't be read: {error.strerror}.") from None


def _searched(path: Path) -> Iterator[object]:
    """The first records of a file of JSON lines, those among which its format shows."""
    left = MOST_BYTES_SEARCHED
    for line in islice(lines(path, lambda count: None, LONGEST_ALONE), MOST_SEARCHED):
        yield parse(line)
        left -= len(line)
        if left < 0:
            return


def _format(path: Path, name: str, shown: str, samples: Iterable[object]) -> Format:
    if name == "auto":
        # Of a file that was named itself, native events are expected when nothing else is clear.
        name = formats.recognise(_within(samples)) or ("" if shown != path.name else "native")
    if not name:
        raise UnknownFormat(f"{path} is in no format that is known here.")
    return formats.of(name, shown)


def _within(samples: Iterable[object]) -> Iterator[object]:
    """These samples, each before what stands in it as in an array, or in pages of an API."""
    for sample in samples:
        yield sample
        listed = [sample.get(name) for name in LISTS] if isinstance(sample, dict) else [sample]
        for rows in listed:
            yield from _within(rows[:SAMPLES]) if isinstance(rows, list) else ()


def _document(path: Path) -> Iterator[object] | None:
    """The one JSON document of a file, a long array as its elements; None when it isn't one."""
    if _begins_with_two_lines(path):
        return None
    if path.stat().st_size > LARGEST_DOCUMENT:
        size = LARGEST_DOCUMENT // MIB
        raise UnreadableFile(f"{path} holds one JSON document of over {size} MiB; use JSON lines.")
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if fits(text):
        document = parse(text)
        return None if document is None else iter([document])
    if is_array(text):
        return _elements(path, text)
    _first, second, *_more = [*text.split(b"\n", 2), b""]
    if isinstance(parse(second), dict):
        return None
    raise UnreadableFile(f"{path} holds one JSON document of too many values; use JSON lines.")


def _begins_with_two_lines(path: Path) -> bool:
    with path.open("rb") as file:
        first, second = file.readline(LONGEST_ALONE), file.readline(LONGEST_LINE)
    return second.startswith(b"{") and isinstance(parse(first.removeprefix(b"\xef\xbb\xbf")), dict)


def _elements(path: Path, text: bytes) -> Iterator[object]:
    try:
        for element in elements(text):
            yield json_lines.read(element)
    except ValueError as error:
        raise UnreadableFile(f"{path} is not valid JSON: {error}.") from None


def _open_document(
    path: Path, name: str, shown: str, parts: Iterator[object], progress: Callable[[int], None]
) -> tuple[Format, Numbered]:
    first = list(islice(parts, SAMPLES))
    form = _format(path, name, shown, first)
    progress(path.stat().st_size)
    return form, enumerate(_records(form, chain(first, parts)), start=1)


def _records(form: Format, parts: Iterable[object]) -> Iterator[object]:
    for part in parts:
        refused = isinstance(part, InvalidEvent)
        yield from [part] if refused else formats.FILES[form.name].records(part)


def _open_csv(
    path: Path, name: str, shown: str, start: bytes, progress: Callable[[int], None]
) -> tuple[Format, Numbered]:
    rows = csv.reader(start.decode("utf-8", "replace").splitlines(keepends=True))
    with suppress(csv.Error):
        header, first = next(rows, []), next(rows, [])
        cells = dict(zip(header, first or header, strict=False))
        if name == "auto" and (foreign := formats.recognise([cells])):
            name = foreign
    # A header that nobody else writes is a native one, perhaps with a typing error to name.
    form = formats.of("native" if name == "auto" else name, shown)
    record = _record if form.name == "native" else _cells
    return form, _csv(lines(path, progress, LONGEST_LINE), path, record)


def _csv(lines: Iterable[bytes], path: Path, record: Callable) -> Numbered:
    # What isn't UTF-8 becomes a lone surrogate, which is refused with its field's name.
    texts = (line.decode("utf-8", "surrogateescape") for line in lines)
    reader = csv.reader(texts, strict=True)
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
            header = _header(row, path) if record is _record else row
        elif any(row):
            yield number, record(header, row)
    if not header:
        raise UnreadableFile(f"{path} is empty.")


def _cells(header: list[str], row: list[str]) -> dict | InvalidEvent:
    if len(row) != len(header):
        return InvalidEvent("line", f"has {len(row)} values for {len(header)} columns")
    return dict(zip(header, row, strict=True))


def _header(row: list[str], path: Path) -> list[str]:
    names = [name.strip() for name in row]
    if any(map(SURROGATE.search, names)):
        raise UnreadableFile(f"{path} is not UTF-8 text.")
    for name in names:
        if name not in FIELDS:
            raise UnreadableFile(f'{path}, line 1: "{name[:100]}" is not a field of an event.')
        if names.count(name) > 1:
            raise UnreadableFile(f'{path}, line 1: "{name}" stands there twice.')
    if missing := [name for name in REQUIRED if name not in names]:
        raise UnreadableFile(f'{path}, line 1: the column "{missing[0]}" is missing.')
    return names


def _record(header: list[str], row: list[str]) -> dict | InvalidEvent:
    cells = _cells(header, row)
    if isinstance(cells, InvalidEvent):
        return cells
    record: dict[str, object] = {}
    for name, cell in cells.items():
        if not (text := cell.strip()):
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
