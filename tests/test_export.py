"""usage/export.py: cells that no spreadsheet calculates, and text in pieces of bounded size."""

import csv
import json
import tracemalloc
from decimal import Decimal
from functools import partial
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.export import ROWS_AT_ONCE, csv_safe, csv_text, json_text

STARTS = ("=", "+", "-", "@", "\t=", "\r=", "\n+", "\0-", "＝", "＋", "－", "＠", "﹢", "−")
BEFORE = ("", " ", "   ", "\u00a0", "\u200b", "\ufeff", "\u3000", '"', '" ')


def read(text, delimiter=","):
    return list(csv.reader(StringIO(text.removeprefix("\ufeff")), delimiter=delimiter))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", BEFORE)
def test_a_formula_is_taken_for_text_whatever_stands_before_it(start, before):
    safe = csv_safe(f"{before}{start}HYPERLINK(1)")

    assert safe.startswith("'")
    assert safe.endswith("HYPERLINK(1)")
    assert not {"\t", "\r", "\n", "\0"} & set(safe)


@pytest.mark.parametrize("start", STARTS)
def test_a_formula_after_a_semicolon_is_text_too(start):
    assert csv_safe(f"Smith;{start}1").startswith("Smith;'")


@pytest.mark.parametrize("text", ["\t", "\r", "\0", "\tx", "\rx", "\0x", "a\tb", "a\r\nb"])
def test_no_cell_holds_a_character_that_ends_one(text):
    assert csv_safe(text) == "".join(" " if char < " " else char for char in text)


@pytest.mark.parametrize(
    "text", ["", "ada", "Ada Lovelace", "ada@example.com", "a+b", "O'Neil", "Łukasz", "張偉", "x=1"]
)
def test_what_is_no_formula_stays_as_it_is(text):
    assert csv_safe(text) == text


@given(st.lists(st.lists(st.one_of(st.text(), st.integers(-9, 9)), min_size=2, max_size=2)))
def test_a_table_reads_back_cell_by_cell(table):
    rows = [dict(zip("ab", row, strict=True)) for row in table]
    cells = [[csv_safe(c) if isinstance(c, str) else str(c) for c in row] for row in table]

    assert read("".join(csv_text("ab", rows))) == [["a", "b"], *cells]
    assert read("".join(csv_text("ab", rows, tabs=True)), "\t") == [["a", "b"], *cells]


def test_money_is_written_out_and_numbers_may_be_negative():
    (row,) = read("".join(csv_text("abcd", [{"a": Decimal("1E-7"), "b": -3, "c": None}])))[1:]

    assert row == ["0.0000001", "-3", "", ""]


@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 999])
def test_a_list_in_json_is_whole_however_many_pieces_it_comes_in(count):
    rows = [{"number": number} for number in range(count)]

    pieces = list(json_text({"page": 1}, "rows", iter(rows)))

    assert json.loads("".join(pieces)) == {"page": 1, "rows": rows}
    assert len(pieces) == -(-count // ROWS_AT_ONCE) + 1


@pytest.mark.parametrize("write", [partial(csv_text, "ab"), partial(json_text, {}, "rows")])
def test_memory_does_not_grow_with_the_rows(write):
    few, many = (
        peak(write({"a": f"user-{n}", "b": 10**9 + n} for n in range(count)))
        for count in (1_000, 8_000)
    )

    assert many < 1.1 * few


def peak(pieces):
    """The most memory that is held while all pieces pass by."""
    tracemalloc.start()
    try:
        for _ in pieces:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
