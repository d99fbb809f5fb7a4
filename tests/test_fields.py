"""usage/ingest/fields.py - what adapters read out of foreign fields."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from usage.ingest import fields
from usage.ingest.event import InvalidEvent

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize("nothing", [None, "", "None", "  ", [], {}, 1.5, True, 10**30])
def test_what_says_nothing_is_no_text(nothing):
    assert fields.text({"a": nothing, "b": " x "}, "a", "b") == "x"
    assert fields.text({"a": 10**5000}, "a") == ""


def test_a_whole_number_is_the_text_of_its_digits():
    assert fields.text({"a": 42}, "a") == "42"


@pytest.mark.parametrize(
    ("value", "number"), [("12.0", 12), (" 7 ", 7), ("", 0), ("None", 0), (None, 0), (3.0, 3)]
)
def test_counts_of_spreadsheets_and_blank_ones_are_counts(value, number):
    assert fields.count({"a": value}, "a") == number


def test_several_names_hold_the_same_count():
    assert fields.count({"a": 5, "b": "9", "c": None}, "a", "b", "c") == 9


@pytest.mark.parametrize("wrong", ["1.5", "-1", "many", -1, 1.5, True, [], 10**20, float("inf")])
def test_a_count_that_is_none_is_refused_by_its_name(wrong):
    with pytest.raises(InvalidEvent) as refusal:
        fields.count({"a": 1, "b": wrong}, "a", "b")

    assert refusal.value.field == "b"


def test_parts_larger_than_their_whole_were_counted_apart_from_it():
    inside = fields.tokens(100, 20, 60, 40, 20)
    apart = fields.tokens(99, 20, 60, 40, 21)

    assert tuple(inside.values()) == (100, 20, 60, 40, 20)
    assert tuple(apart.values()) == (199, 41, 60, 40, 21)


@pytest.mark.parametrize("nothing", [None, "", "much", True, float("nan"), float("inf"), 0, -1])
def test_dollars_are_the_first_amount_of_more_than_nothing(nothing):
    assert fields.dollars(nothing, "5.8e-05", 7) == Decimal("0.000058")
    assert fields.dollars(nothing) is None


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-22T10:00:00Z",
        "2026-11-22 10:00:00",
        "2026-11-22T12:00:00+02:00",
        1795341600,
        "1795341600",
        1795341600000,
    ],
)
def test_a_time_is_iso_or_seconds_and_utc_unless_it_says(said):
    assert fields.instant(None, "yesterday", True, float("nan"), said) == TEN
    assert fields.instant(said).utcoffset() is not None


@pytest.mark.parametrize(
    ("said", "time"),
    [
        (1_795_342_557.784_923, datetime(2026, 11, 22, 10, 15, 57, 784_923, tzinfo=UTC)),
        (1_795_342_557_784.0, datetime(2026, 11, 22, 10, 15, 57, 784_000, tzinfo=UTC)),
        (2e10 - 0.5, datetime(2603, 10, 11, 11, 33, 19, 500_000, tzinfo=UTC)),
        (-0.5, datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)),
        (float("inf"), None),
    ],
)
def test_numbers_are_seconds_or_milliseconds_since_1970(said, time):
    assert fields.instant(said) == time


def test_a_time_far_from_utc_at_the_edge_of_the_calendar_stays_as_it_was_said():
    assert fields.instant("9999-12-31T23:00:00-10:00").isoformat() == "9999-12-31T23:00:00-10:00"


def test_seconds_are_no_time_where_iso_is_meant():
    assert fields.iso("1795341600.5") is None
    assert fields.iso("2026-11-22T10:00:00") == TEN


@pytest.mark.parametrize(
    ("path", "name"), [("/src/shop", "shop"), ("C:\\src\\shop", "shop"), ("", ""), ("/", "")]
)
def test_a_folder_has_the_last_name_of_any_systems_path(path, name):
    assert fields.folder(path) == name
    assert fields.folder(path + "x" * 200) == (name + "x" * 200)[:100]


@pytest.mark.parametrize("said", [["a"], '["a"]', "['a']", "('a', )"])
def test_a_list_may_stand_there_as_its_text(said):
    found = fields.nested({"tags": said}, "tags", list)

    assert found == (["a"] if said != "('a', )" else [])
    assert fields.nested({"tags": said}, "tags") == {}


def test_text_is_the_first_field_that_has_any():
    assert fields.text({"a": "", "b": None, "c": " x ", "d": "y"}, "a", "b", "c", "d") == "x"
    assert fields.text({"a": 1.5, "b": True}, "a", "b") == ""


@pytest.mark.parametrize(
    ("value", "count"), [(None, 0), (0, 0), (5, 5), ("5", 5), ("007", 7), (5.0, 5), (2**63, 2**63)]
)
def test_counts_are_numbers_or_their_digits(value, count):
    assert fields.whole(value) == count
    assert type(fields.whole(value)) is int


@pytest.mark.parametrize(
    "value",
    [-1, "-1", 1.5, True, False, "", "x", "1e3", "9" * 30, [], {}, float("nan"), float("inf")],
)
def test_anything_else_is_no_count(value):
    with pytest.raises(InvalidEvent) as refusal:
        fields.whole(value, "input_tokens")

    assert refusal.value.field == "input_tokens"
    assert refusal.value.message == "must be a whole number, 0 or more"
