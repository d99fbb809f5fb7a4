"""usage/ingest/mlflow_spans.py - which spans of MLflow tell a call, and what of it."""

import json
from datetime import UTC, datetime

import pytest

from usage.ingest import mlflow_spans
from usage.ingest.event import TOKENS_OF, Naming
from usage.ingest.otlp import Record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRACE = "0a" * 16


def read(kind, usage=None, **said):
    """What is read of a span, whose texts MLflow writes as JSON."""
    attributes = {name: json.dumps(value) for name, value in said.items()}
    attributes |= {"mlflow.spanType": json.dumps(kind), "enduser.id": "vera"}
    if usage is not None:
        attributes["mlflow.chat.tokenUsage"] = json.dumps(usage)
    ids = {"trace_id": TRACE, "span_id": "0b" * 8}
    record = Record("traces", "mlflow.tracing.provider", {}, attributes, "Completions", NOON, **ids)
    assert mlflow_spans.claims(record)
    return list(mlflow_spans.read(record))


def test_a_span_of_a_model_is_a_call():
    models = {"model": "gpt-4.1", "mlflow.llm.model": "gpt-4.1-2025-04-14"}
    usage = {"input_tokens": 20, "output_tokens": 9, "total_tokens": 29}
    usage |= {"cache_read_input_tokens": 5, "cache_creation_input_tokens": 2}

    (event,) = read("CHAT_MODEL", usage, **models, **{"mlflow.llm.provider": "openai"})

    assert event.id == f"{TRACE}:{'0b' * 8}"
    assert (event.user, event.provider, event.model) == ("vera", "openai", "gpt-4.1")
    assert TOKENS_OF(event) == (20, 9, 5, 2, 0)


def test_a_span_that_follows_the_conventions_is_read_by_them():
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1"}
    said |= {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 9}
    ids = {"trace_id": TRACE, "span_id": "0b" * 8}

    record = Record("traces", "mlflow.tracing.provider", {}, said, "Completions", NOON, **ids)

    (event,) = mlflow_spans.read(record)
    assert TOKENS_OF(event) == (20, 9, 0, 0, 0)


@pytest.mark.parametrize("kind", ["LLM", "EMBEDDING"])
@pytest.mark.parametrize("usage", [None, [], "a text"])
def test_a_call_without_usage_has_unknown_usage(kind, usage):
    (event,) = read(kind, usage)

    assert not event.usage_known


@pytest.mark.parametrize("kind", ["AGENT", "CHAIN", "TOOL", "UNKNOWN", ""])
def test_what_surrounds_calls_says_whose_the_trace_is(kind):
    assert read(kind, {"input_tokens": 20}) == [Naming(TRACE, "vera")]
