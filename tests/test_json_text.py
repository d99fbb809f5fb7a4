"""usage/ingest/json_text.py - how much is in JSON, and its elements, told before it is parsed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.ingest import json_text
from usage.ingest.json_text import MOST_TOKENS, elements, fits, is_array

MANY = MOST_TOKENS + 1
TEXT = st.text(alphabet='"\\[]{},:\n\u2028é😀 a', max_size=8)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)


@pytest.mark.parametrize(
    "text",
    [
        b"0," * MANY,
        b'"",' * MANY,
        b"{}," * MANY,
        b"[" * MANY,
        b'"a":' * MANY,
        b'"' * 2 * MANY,
        b'"\n' + b"[" * MANY,
        b'"\\"\n' + b"[" * MANY,
        b'"\\\n' + b"[" * MANY,
        b'["\\\\",' * MANY,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_what_would_swell_does_not_fit(text):
    assert not fits(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"0" * 3 * MANY,
        b'"' + b"[{,:" * MANY + b'"',
        b'["' + b'\\"' * MANY + b'"]',
        b'["' + b"\\\\" * MANY + b'"]',
        b'["' + b"\\," * MANY,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_what_stands_in_a_string_is_one_value(text):
    assert fits(text)


def values_in(document):
    """How many values and names a parser makes of a document."""
    if isinstance(document, dict):
        return 1 + sum(1 + values_in(part) for part in document.values())
    return 1 + sum(map(values_in, document)) if isinstance(document, list) else 1


@given(JSON, st.sampled_from([None, 2]))
def test_no_document_holds_more_than_was_counted(document, indent):
    text = json.dumps(document, indent=indent).encode()
    held = values_in(document)

    with pytest.MonkeyPatch.context() as limits:
        limits.setattr(json_text, "MOST_TOKENS", max(held - 2, 0))
        assert held < 2 or not fits(text)


@given(
    st.lists(st.lists(JSON, max_size=3) | st.dictionaries(TEXT, JSON, max_size=3), max_size=4),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.booleans(),
)
def test_the_elements_are_those_of_the_array(records, indent, named, ascii_only):
    document = {"events": records} if named else records
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()

    assert is_array(text)
    assert [json.loads(element) for element in elements(b" " + text + b"\n")] == records


@pytest.mark.parametrize("text", [b"", b"{}", b'{"event":[]}', b'"[', b'{"id":[]}', b"x[", b"5"])
def test_anything_else_is_no_array_of_events(text):
    assert not is_array(text)


@pytest.mark.parametrize(
    "text",
    [
        b"[",
        b"[{}",
        b"[{},",
        b"[{},]",
        b"[{} {}]",
        b"[,{}]",
        b"[{},,{}]",
        b"[5]",
        b"[{},5]",
        b'["x"]',
        b"[{}]]",
        b"[{}]}",
        b"[{}] x",
        b'{"events":[{}]',
        b'{"events":[{}],"more":1}',
        b'[{"a":"}]',
        b"[" * 1000,
    ],
)
def test_an_array_that_is_not_one_of_objects_is_refused(text):
    with pytest.raises(ValueError, match=r"too early|objects"):
        list(elements(text))


def test_text_without_an_end_is_read_through_once():
    tail = b'"' + b'\\"[' * 300_000

    assert is_array(b"[{" + tail)
    with pytest.raises(ValueError, match="too early"):
        list(elements(b"[{" + tail))
