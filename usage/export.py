"""Rows -> CSV, TSV and JSON, a piece at a time; no cell is a formula to any spreadsheet."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from io import StringIO
from itertools import islice
from unicodedata import category, normalize

from usage.pricing import plain

ROWS_AT_ONCE = 200
BYTE_ORDER_MARK = "\ufeff"
SIGNS = "=+-@"
MINUS = "\u2212"
NOT_SEEN = ("C", "Z")


def csv_safe(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula: an apostrophe is put before it.

    Where the list separator is ";", a spreadsheet cuts cells there: each piece is made safe.
    """
    text = "".join(" " if category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    return ";".join(f"'{piece}" if _calculates(piece) else piece for piece in text.split(";"))


def csv_text(
    header: Sequence[str], rows: Iterable[Mapping[str, object]], tabs: bool = False
) -> Iterator[str]:
    """A header and a line per row, in pieces; what a row does not say is an empty cell.

    CSV begins with a byte order mark, without which Excel reads no UTF-8; with `tabs` it is what
    spreadsheets paste.
    """
    text = StringIO(newline="")
    writer = csv.writer(text, delimiter="\t" if tabs else ",")
    text.write("" if tabs else BYTE_ORDER_MARK)
    writer.writerow(header)
    for some in _batches(rows):
        writer.writerows([_cell(row.get(name)) for name in header] for row in some)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def json_text(answer: Mapping, name: str, rows: Iterable[Mapping]) -> Iterator[str]:
    """An object with one more list in it, in pieces."""
    text, separator = json.dumps(answer).removesuffix("}") + f', "{name}": [', ""
    for some in _batches(rows):
        yield text + separator + ", ".join(map(json.dumps, some))
        text, separator = "", ", "
    yield text + "]}\n"


def _calculates(piece: str) -> bool:
    """True when its first visible character starts a formula, in any width it is written."""
    for char in piece:
        if char != '"' and category(char)[0] not in NOT_SEEN:
            return char == MINUS or normalize("NFKC", char)[0] in SIGNS
    return False


def _cell(value: object) -> object:
    if isinstance(value, str):
        return csv_safe(value)
    return plain(value) if isinstance(value, Decimal) else value


def _batches(rows: Iterable[Mapping]) -> Iterator[list[Mapping]]:
    rows = iter(rows)
    while some := list(islice(rows, ROWS_AT_ONCE)):
        yield some
