"""usage/ingest/literals.py - the objects and lists in texts of JSON and of Python's str()."""

import json
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage.ingest.literals import FEW_MARKS, LONGEST, value_of

# What str() writes as it is and what it writes as an escape, in both kinds of quotes.
LETTERS = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])
TEXT = st.text(LETTERS, max_size=20) | st.text("a'\"\\\n\0\x01\x7f,[{}:", max_size=8)
SCALAR = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXT
SCALAR |= st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
# Few enough that none of them is too dense to be read.
OBJECT = st.lists(VALUE, max_size=2) | st.dictionaries(TEXT, VALUE, max_size=2)


@settings(max_examples=500)
@given(OBJECT)
def test_what_python_and_json_write_is_read_as_it_was(value):
    assert value_of(json.dumps(value)) == value
    assert value_of(f" {value}\n") == value


@settings(max_examples=300)
@given(OBJECT, st.data())
def test_what_was_cut_off_or_damaged_is_read_or_not_at_all(value, data):
    written = str(value)
    place = data.draw(st.integers(0, len(written)))
    for damaged in (written[:place], written[:place] + data.draw(TEXT) + written[place:]):
        assert isinstance(value_of(damaged), dict | list | None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': ('b', \"it's\", 'a \"b\"')}", {"a": ["b", "it's", 'a "b"']}),
        ("['\\'\"', '\\xe9', '\\\\x41', '\\\\\\'']", ["'\"", "é", "\\x41", "\\'"]),
        ("{'a': ('b',), 'c': (1, 2)}", {"a": ["b"], "c": [1, 2]}),
        (
            "{'None': None, 'x': True, 'a (b)': 'False'}",
            {"None": None, "x": True, "a (b)": "False"},
        ),
    ],
)
def test_quotes_escapes_and_words_keep_their_meaning(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "None",
        "'text'",
        "7",
        "\0",
        "{",
        "{'a'",
        "{'a': b}",
        "{'a': Key(alias='x')}",
        "{'a': <Role.USER>}",
        "{'a': \"b, 'c': \"d}",
        "['a' 'b']",
        "['a\nb']",
        "['\0', 'b']",
        "['\ud800']",
        "{1: 2}",
        "[" * 100_000,
        """["\\'x']""",
        "[" + " " * LONGEST + "]",
    ],
)
def test_what_is_no_plain_object_or_list_is_none(text):
    assert value_of(text) is None


def test_text_that_is_denser_than_any_that_tells_of_a_call_is_not_read():
    few = ["a"] * (FEW_MARKS // 4)

    assert value_of(str(few)) == few
    assert value_of(str(few * 10)) is None


@pytest.mark.parametrize("part", ["'a', ", "'abcdefgh', ", '["abcdefgh"], ', "[], ", "1, ", "-"])
def test_no_text_takes_long(part):
    text = "[" + part * (3000 // len(part)) + "'']"
    start = process_time()

    for _ in range(1000):
        value_of(text)

    # Python's own parser takes over a second.
    assert process_time() - start < 0.5
