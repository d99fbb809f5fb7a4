"""usage/ingest/adk.py - which spans of the Agent Development Kit tell a call, and what of it."""

import json
from datetime import UTC, datetime

import pytest

from usage.ingest import adk
from usage.ingest.event import Event, Naming
from usage.ingest.otlp import Record, decode

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
IDS = {"trace_id": "0a" * 16, "span_id": "0b" * 8, "parent_id": "0c" * 8}
SAID = {
    "gen_ai.system": "gcp.vertex.agent",
    "gen_ai.request.model": "gemini-2.5-pro",
    "gcp.vertex.agent.event_id": "event-1",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "enduser.id": "vera",
}


def read(said=(), version="", name="call_llm"):
    """What is read of such a span; None takes away what it says."""
    said = {key: value for key, value in (SAID | dict(said)).items() if value is not None}
    resource = {"user.id": "max"}
    record = Record("traces", adk.SCOPE, resource, said, name, NOON, **IDS, version=version)
    assert adk.claims(record)
    return list(adk.read(record))


@pytest.mark.parametrize("version", ["", "1.23.0"])
def test_in_the_older_kit_a_call_is_the_span_around_it(version):
    (event,) = read(version=version)

    assert (event.span, event.also) == (event.id, ("event-1",))
    assert (event.user, event.provider, event.total_tokens) == ("vera", "google", 120)


def test_later_it_only_adds_to_the_span_inside_that_says_whose_it_is():
    (outer,) = read(version="1.39.1")
    said = {"gen_ai.operation.name": "generate_content", "enduser.id": None, "user.id": "ada"}
    (inner,) = read(said, version="1.39.1", name="generate_content gemini-2.5-pro")

    assert (outer.user, outer.span, outer.parent_span) == ("", "", "")
    assert inner.user == "ada"
    assert {outer.id, *outer.also} & {inner.id, *inner.also} == {"event-1"}


def test_what_is_apart_in_an_answer_is_part_of_it_here():
    # As the kit says it, or as it writes down the answer.
    told = {"gen_ai.usage.experimental.reasoning_tokens": 7}
    written = {"thoughts_token_count": 7, "tool_use_prompt_token_count": 3}
    written = {f"usage.{name}": count for name, count in written.items()}
    (one,), (other,) = read(told, "1.39.1"), read(written | {"usage.cached_content_token_count": 9})

    assert (one.prompt_tokens, one.completion_tokens, one.reasoning_tokens) == (100, 27, 7)
    assert (other.prompt_tokens, other.cache_read_tokens) == (103, 9)
    assert (other.completion_tokens, other.reasoning_tokens) == (27, 7)


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("anthropic/claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("projects/p/models/gemini", "google", "projects/p/models/gemini"),
    ],
)
def test_who_serves_a_model_stands_before_its_name(model, provider, name):
    (event,) = read({"gen_ai.request.model": model})

    assert (event.provider, event.model) == (provider, name)


@pytest.mark.parametrize(
    ("said", "version"),
    [({"gen_ai.request.model": None}, ""), ({"gcp.vertex.agent.event_id": None}, "1.24.0")],
)
def test_what_came_to_no_answer_is_no_call(said, version):
    assert read(said, version) == [Naming(IDS["trace_id"], "vera")]


def test_tools_and_agents_are_no_calls():
    assert not any(isinstance(one, Event) for one in read({}, name="execute_tool look"))


def test_of_an_answer_that_is_written_out_only_its_usage_is_kept():
    text = 'a "usage_metadata":{"thoughts_token_count":1} in a text'
    usage = {"prompt_token_count": 100, "thoughts_token_count": 7}
    answer = {"content": {"parts": [{"text": text}], "thoughts_token_count": 2}}
    answer = json.dumps(answer | {"usage_metadata": usage}, separators=(",", ":"))
    said = [{"key": "gcp.vertex.agent.llm_response", "value": {"stringValue": answer}}]
    spans = [{"traceId": "0a" * 16, "spanId": "0b" * 8, "name": "call_llm", "attributes": said}]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}

    (record,) = decode(json.dumps(body).encode(), "application/json", "traces")

    assert record.attributes == {f"usage.{name}": count for name, count in usage.items()}
