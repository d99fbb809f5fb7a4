"""usage/ingest/openlit.py - what OpenLIT guesses, counts apart and tells twice."""

from datetime import UTC, datetime

import pytest

from usage.ingest import openlit
from usage.ingest.otlp import Record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANSWER = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "a-model",
    "gen_ai.response.id": "answer-1",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}
CACHE = {
    "gen_ai.usage.cache_read.input_tokens": 30,
    "gen_ai.usage.cache_creation.input_tokens": 4,
}


def events(library, said=(), signal="traces"):
    """What is read of a record."""
    ids = {"trace_id": "0a" * 16, "span_id": "0b" * 8}
    scope = f"openlit.instrumentation.{library}"
    name = "gen_ai.client.inference.operation.details"
    record = Record(signal, scope, {}, ANSWER | dict(said), name, NOON, **ids)
    assert openlit.claims(record)
    return list(openlit.read(record))


def told(*arguments, **changes):
    """The counts of each event of a record: prompt, completion, cache read and write tokens."""
    return [
        (e.prompt_tokens, e.completion_tokens, e.cache_read_tokens, e.cache_write_tokens)
        for e in events(*arguments, **changes)
        if e.usage_known
    ]


@pytest.mark.parametrize(
    ("library", "prompt"), [("anthropic", 134), ("bedrock", 134), ("openai", 100), ("groq", 100)]
)
def test_what_the_cache_read_is_added_where_the_input_lacks_it(library, prompt):
    assert told(library, CACHE) == [(prompt, 20, 30, 4)]


def test_the_length_of_a_text_is_no_usage():
    assert told("openai") == []
    assert told("openai", {"gen_ai.operation.name": "embeddings"}) == [(100, 20, 0, 0)]
    assert told("mistral") == [(100, 20, 0, 0)]


def test_a_log_tells_nothing_that_its_span_does_not():
    assert told("openai", CACHE, signal="logs") == []


def test_a_vendor_is_no_model():
    said = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "anthropic"}
    (event,) = events("langchain", said | {"gen_ai.response.model": "claude-sonnet-4-5"})

    assert (event.provider, event.model) == ("anthropic", "claude-sonnet-4-5")
