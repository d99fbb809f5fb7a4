"""usage/ingest/langfuse_spans.py - which spans of Langfuse's libraries tell a call, and what."""

import json
from datetime import UTC, datetime

import pytest

from usage.ingest import langfuse_spans
from usage.ingest.event import TOKENS_OF, Naming
from usage.ingest.otlp import Record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRACE = "0a" * 16


def read(usage=None, failed=False, **said):
    """What is read of an observation with this usage."""
    said = {"type": "generation", "model.name": "gpt-4.1"} | said
    attributes = {f"langfuse.observation.{name}": value for name, value in said.items()}
    attributes["user.id"] = "vera@example.com"
    if usage is not None:
        attributes["langfuse.observation.usage_details"] = json.dumps(usage)
    ids = {"trace_id": TRACE, "span_id": "0b" * 8, "failed": failed}
    record = Record("traces", "langfuse-sdk", {}, attributes, "a name", NOON, **ids)
    assert langfuse_spans.claims(record)
    return list(langfuse_spans.read(record))


def test_a_generation_is_the_call_of_its_span():
    (event,) = read({"input": 9, "output": 2})

    assert (event.id, event.span) == (f"{TRACE}:{'0b' * 8}",) * 2
    assert (event.user, event.model, event.usage_known) == ("vera@example.com", "gpt-4.1", True)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        # OpenAI's own words, in whose counts the details are.
        (
            {
                "prompt_tokens": 20,
                "completion_tokens": 9,
                "total_tokens": 29,
                "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
            (20, 9, 5, 0, 4),
        ),
        (
            {
                "input_tokens": 20,
                "output_tokens": 9,
                "total_tokens": 29,
                "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
                "output_tokens_details": {},
            },
            (20, 9, 5, 2, 0),
        ),
        # Langfuse's, whose parts are apart.
        (
            {"input": 3, "output": 5, "total": 19, "input_cache_read": 7, "output_reasoning": 4},
            (10, 9, 7, 0, 4),
        ),
        ({"input": 25}, (25, 0, 0, 0, 0)),
    ],
)
def test_counts_are_read_in_openais_words_and_in_langfuses(usage, tokens):
    (event,) = read(usage)

    assert TOKENS_OF(event) == tokens


def test_an_embedding_is_a_call_and_what_surrounds_it_says_whose_the_trace_is():
    (event,) = read({"input": 25}, type="embedding")

    assert event.prompt_tokens == 25
    for kind in ("span", "agent", "tool", "chain", ""):
        assert read({"input": 25}, type=kind) == [Naming(TRACE, "vera@example.com")]


def test_a_generation_without_usage_has_unknown_usage_or_has_failed():
    assert [(e.failed, e.usage_known) for e in read()] == [(False, False)]
    assert [e.failed for e in read(level="ERROR")] == [True]
    assert [e.failed for e in read(failed=True)] == [True]


def test_what_failed_after_the_answer_has_used_its_tokens():
    (event,) = read({"input": 25, "output": 5}, level="ERROR", failed=True)

    assert (event.failed, event.prompt_tokens) == (False, 25)


@pytest.mark.parametrize("usage", [[], "a text", 7, {"input": 1, "details": None}])
def test_usage_of_another_shape_is_no_reason_to_fall(usage):
    (event,) = read(usage)

    assert event.usage_known is (usage == {"input": 1, "details": None})
