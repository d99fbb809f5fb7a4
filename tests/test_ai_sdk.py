"""usage/ingest/ai_sdk.py - which spans of Vercel's AI SDK 7 tell a call."""

from datetime import UTC, datetime

from usage.ingest import ai_sdk
from usage.ingest.event import Event, Naming
from usage.ingest.otlp import Record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EMBEDDING = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "a-model"}
WHO = {"enduser.id": "vera"}


def read(said, failed=False):
    """What is read of a span."""
    ids = {"trace_id": "0a" * 16, "span_id": "0b" * 8, "failed": failed}
    record = Record("traces", "gen_ai", {}, WHO | said, "embeddings a-model", NOON, **ids)
    assert ai_sdk.claims(record)
    return list(ai_sdk.read(record))


def test_what_is_around_the_calls_of_an_embedding_is_none():
    (call,) = read(EMBEDDING | {"gen_ai.usage.input_tokens": 36})

    assert isinstance(call, Event)
    assert (call.prompt_tokens, call.usage_known) == (36, True)
    assert read(EMBEDDING) == [Naming("0a" * 16, "vera")]


def test_a_failed_embedding_is_a_failed_call():
    (call,) = read(EMBEDDING, failed=True)

    assert call.failed


def test_a_chat_without_usage_is_a_call_of_unknown_usage():
    (call,) = read(EMBEDDING | {"gen_ai.operation.name": "chat"})

    assert not call.usage_known
