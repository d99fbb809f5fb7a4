"""What becomes of calls in exports: LiteLLM's table, Langfuse, Helicone, OpenRouter, Open WebUI."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from usage.counting import TOKEN_FIELDS
from usage.ingest import helicone, langfuse, litellm, open_webui, openrouter, spend_logs
from usage.ingest.event import InvalidEvent

DATA = Path(__file__).parent / "data"
SAMPLES = json.loads((DATA / "exports.json").read_text())
ROW, OBSERVATION, REQUEST = (SAMPLES[name] for name in ("spend_logs", "langfuse", "helicone"))
GENERATION, ANSWER, CHAT = (
    SAMPLES[name] for name in ("openrouter", "open_webui", "open_webui_chat")
)


def event_of(module, record, **changes):
    """The one event of a record with other fields."""
    (event,) = module.read(record | changes)
    return event


def tokens_of(module, record, **changes):
    """Prompt, completion, cache read, cache write and reasoning tokens of a record."""
    event = event_of(module, record, **changes)
    return tuple(getattr(event, name) for name in TOKEN_FIELDS)


def cells(record):
    """A record as a CSV file holds it: every value is text, objects are JSON."""
    return {
        name: value if isinstance(value, str) else "" if value is None else json.dumps(value)
        for name, value in record.items()
    }


def test_a_row_of_litellms_table_is_the_event_of_its_callback():
    payload = json.loads((DATA / "litellm.json").read_text())[0]
    # The table knows no e-mail addresses.
    payload["metadata"]["user_api_key_user_email"] = None
    (callback,) = litellm.read(payload)

    assert event_of(spend_logs, ROW) == callback


def test_a_row_that_knows_an_email_address_names_whom_its_callback_names():
    known = ROW["metadata"] | {"user_api_key_user_email": "Alice@Example.com"}
    event = event_of(spend_logs, ROW, metadata=known)

    assert (event.user, event.email) == ("alice@example.com",) * 2
    assert event == event_of(spend_logs, cells(ROW | {"metadata": known}))


@pytest.mark.parametrize(
    ("module", "record"),
    [(spend_logs, ROW), (langfuse, OBSERVATION), (helicone, REQUEST), (open_webui, ANSWER)],
)
def test_a_csv_file_counts_like_the_objects_it_was_made_of(module, record):
    assert event_of(module, cells(record)) == event_of(module, record)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"cache_hit": "True"}, id="litellms-own-cache"),
        pytest.param({"api_base": "", "prompt_tokens": 10, "metadata": {}}, id="mocked"),
        pytest.param({"mcp_namespaced_tool_name": "github-search"}, id="tool"),
        pytest.param(
            {"status": "failure", "user": "", "api_base": "", "metadata": {}}, id="bad-key"
        ),
    ],
)
def test_a_row_without_a_call_of_a_model_is_no_event(changes):
    assert not list(spend_logs.read(ROW | changes))


def test_a_row_of_a_failure_is_a_failed_call_without_tokens():
    event = event_of(spend_logs, ROW, status="", api_base="", metadata={"status": "failure"})

    assert (event.failed, event.user) == (True, "u-alice")
    assert (event.total_tokens, event.cost_usd) == (0, None)


def test_a_daily_sum_of_litellm_is_refused_with_the_way_out():
    with pytest.raises(InvalidEvent, match="summarize=false"):
        list(spend_logs.read({"startTime": "2026-11-22", "spend": 1.5, "models": {}}))


def test_an_observation_becomes_an_event():
    event = event_of(langfuse, OBSERVATION)

    assert event.id == "langfuse:a1b2c3d4e5f60718"
    assert event.span == "fc5dc497b62dac80d9fac1238ffecca1:a1b2c3d4e5f60718"
    assert event.time == datetime(2026, 11, 22, 10, 0, 1, 500000, tzinfo=UTC)
    assert (event.user, event.email) == ("alice@example.com",) * 2
    assert (event.project, event.source, event.test_type) == ("acme", "cli", "codegen")
    assert (event.model, event.cost_usd) == ("gpt-4.1-mini", Decimal("0.0003"))


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input": 500, "input_cached_tokens": 512, "output": 120}, (1012, 120, 512, 0, 0)),
        # The total says that what is cached or thought is inside.
        ({"input": 12, "input_cached_tokens": 5, "output": 3, "total": 15}, (12, 3, 5, 0, 0)),
        ({"input": 12, "output": 9, "output_reasoning": 4, "total": 25}, (12, 13, 0, 0, 4)),
        ({"input": 12, "output": 9, "output_reasoning": 4, "total": 21}, (12, 9, 0, 0, 4)),
        ({"input": 1, "cache_read": 2, "cache_creation_5m": 3, "output": 1}, (6, 1, 2, 3, 0)),
        # What was written may be told as a whole, by how long it is kept, or both ways.
        (
            {
                "input": 4,
                "cache_creation_input_tokens": 5,
                "cache_creation_ephemeral_5m_input_tokens": 5,
                "cache_read_input_tokens": 7,
                "output": 1,
            },
            (16, 1, 7, 5, 0),
        ),
        (
            {"input": 4, "input_cache_creation": 0, "input_ephemeral_1h_input_tokens": 5},
            (9, 0, 0, 5, 0),
        ),
        ({"input_text": 4, "input_audio": 3, "output_text": 2}, (7, 2, 0, 0, 0)),
        ({"prompt_tokens": "7", "completion_tokens": "2", "total_tokens": 9}, (7, 2, 0, 0, 0)),
        ({"total": 9}, (9, 0, 0, 0, 0)),
    ],
)
def test_free_names_of_usage_are_told_apart_and_checked_against_the_total(usage, tokens):
    assert tokens_of(langfuse, OBSERVATION, usageDetails=usage) == tokens


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input": 7, "output": 2, "total": 9, "unit": "TOKENS", "inputCost": 0.2}, (7, 2)),
        ({"input": 7, "output": 2, "total": 9, "unit": "CHARACTERS"}, (0, 0)),
        ({"input": None, "unit": "TOKENS"}, (70, 20)),
        (None, (70, 20)),
    ],
)
def test_the_usage_of_older_versions_is_read(usage, tokens):
    older = {"usageDetails": {}, "usage": usage, "promptTokens": 70, "completionTokens": 20}
    event = event_of(langfuse, OBSERVATION, **older)

    assert (event.prompt_tokens, event.completion_tokens) == tokens
    assert event.usage_known is any(tokens)


def test_the_blob_storage_of_langfuse_names_the_same_things_otherwise():
    names = {"traceId": "trace_id", "startTime": "start_time", "endTime": "end_time"}
    names |= {"projectId": "project_id", "userId": "user_id", "usageDetails": "usage_details"}
    names |= {"model": "provided_model_name", "totalCost": "total_cost"}
    row = {names.get(name, name): value for name, value in OBSERVATION.items()}

    assert langfuse.recognises(row)
    assert event_of(langfuse, row) == event_of(langfuse, OBSERVATION)


@pytest.mark.parametrize("kind", ["SPAN", "AGENT", "TOOL", "EVENT"])
def test_what_surrounds_a_generation_is_no_call(kind):
    assert not list(langfuse.read(OBSERVATION | {"type": kind}))


def test_an_error_is_a_failed_call_unless_its_tokens_were_used():
    assert not event_of(langfuse, OBSERVATION, level="ERROR").failed
    assert event_of(langfuse, OBSERVATION, level="ERROR", usageDetails={}).failed


def test_a_request_of_helicone_becomes_an_event():
    event = event_of(helicone, REQUEST)

    assert (event.id, event.also) == ("helicone:0b1f", ("helicone:9c2e",))
    assert event.time == datetime(2026, 11, 22, 10, 0, 2, tzinfo=UTC)
    assert (event.user, event.project, event.source) == ("alice", "acme-webapp", "ide")
    assert (event.provider, event.model, event.test_type) == ("openai", "gpt-4.1-mini", "review")
    assert event.cost_usd == Decimal("0.0005")
    assert tokens_of(helicone, REQUEST) == (1012, 120, 512, 0, 0)


@pytest.mark.parametrize(
    ("prompt", "total", "counted"), [(500, 620, 1012), (512, 1144, 1024), (1012, 1132, 1012)]
)
def test_caches_apart_from_the_prompt_show_by_their_size_or_the_total(prompt, total, counted):
    tokens = tokens_of(helicone, REQUEST, prompt_tokens=prompt, total_tokens=total)

    assert tokens == (counted, 120, 512, 0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"cache_reference_id": "0b1f-77"}, id="helicones-own-cache"),
        pytest.param({"prompt_tokens": None, "completion_tokens": ""}, id="nothing-counted"),
    ],
)
def test_a_request_without_usage_is_no_call(changes):
    assert not list(helicone.read(REQUEST | changes))


def test_a_refused_request_is_a_failed_call_without_tokens():
    event = event_of(helicone, REQUEST, response_status=429)

    assert (event.failed, event.total_tokens, event.cost_usd) == (True, 0, None)


def test_helicones_csv_export_is_read_though_it_escapes_properties_twice():
    row = {"response_id": "9c2e", "request_created_at": "2026-11-22 10:00:00", "cost": "0.25"}
    row |= {"request_properties": '{""Project"":""acme""}', "prompt_tokens": "7"}
    event = event_of(helicone, row)

    assert (event.id, event.project) == ("helicone:9c2e", "acme")
    assert (event.prompt_tokens, event.cost_usd) == (7, Decimal("0.25"))


def test_what_never_came_back_to_helicone_counts_when_it_was_asked():
    event = event_of(helicone, REQUEST, response_created_at="1970-01-01 00:00:00.000")

    assert event.time == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_a_generation_of_openrouter_counts_what_the_models_own_tokenizer_counted():
    event = event_of(openrouter, GENERATION)

    assert (event.id, event.also) == ("gen-1", ("chatcmpl-1",))
    assert (event.user, event.source, event.provider) == ("alice", "cli", "openrouter")
    assert (event.model, event.cost_usd) == ("anthropic/claude-sonnet-4", Decimal("0.0015"))
    assert tokens_of(openrouter, GENERATION) == (100, 12, 60, 0, 5)


def test_an_own_key_pays_the_provider_on_top_of_openrouter():
    assert event_of(openrouter, GENERATION, is_byok=True).cost_usd == Decimal("0.0027")


def test_a_generation_that_failed_has_no_tokens():
    empty = {"native_tokens_prompt": 0, "native_tokens_completion": None}
    parts = {"native_tokens_cached": 0, "native_tokens_reasoning": 0, "tokens_completion": 0}
    event = event_of(openrouter, GENERATION, finish_reason="error", **empty, **parts)

    assert (event.failed, event.total_tokens) == (True, 0)


def test_openrouters_csv_export_of_generations_is_read():
    row = {"generation_id": "gen-2", "created_at": "2026-06-28 03:46:57.713", "user": ""}
    row |= {"tokens_prompt": "100", "tokens_completion": "50", "tokens_cached": "10"}
    row |= {"tokens_reasoning": "5", "cost_total": "0.0123", "byok_usage_inference": "0"}
    row |= {"model_permaslug": "openai/gpt-oss-120b", "api_key_name": "alice-laptop"}
    row |= {"app_name": "Cline", "finish_reason_normalized": "stop"}
    event = event_of(openrouter, row)

    assert openrouter.recognises(row)
    assert (event.id, event.user, event.source) == ("gen-2", "alice-laptop", "ide")
    assert event.time == datetime(2026, 6, 28, 3, 46, 57, 713000, tzinfo=UTC)
    assert (event.model, event.cost_usd) == ("openai/gpt-oss-120b", Decimal("0.0123"))
    assert tokens_of(openrouter, row) == (100, 50, 10, 0, 5)


def test_an_answer_counts_the_sum_of_the_calls_behind_it():
    event = event_of(open_webui, ANSWER)

    assert (event.id, event.replaces) == ("owui:chat-1-m2", True)
    assert event.time == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert (event.user, event.model) == ("u-1", "gpt-4.1-mini")
    assert event.cost_usd == Decimal("0.01")
    assert tokens_of(open_webui, ANSWER) == (300, 50, 128, 0, 8)


def test_an_exported_chat_holds_the_same_answers_as_the_database():
    _, answer = open_webui.records([CHAT])

    assert list(open_webui.read(answer)) == list(open_webui.read(ANSWER))
    assert list(open_webui.read(CHAT)) == list(open_webui.read(ANSWER))


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_eval_count": 7, "eval_count": 2}, (7, 2, 0, 0, 0)),
        ({"prompt_n": 7, "predicted_n": 2}, (7, 2, 0, 0, 0)),
        (
            {"input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 2},
            (12, 2, 5, 0, 0),
        ),
        (
            {"prompt_tokens": 7, "cache_read_input_tokens": 5, "completion_tokens": 2},
            (7, 2, 5, 0, 0),
        ),
    ],
)
def test_every_kind_of_usage_in_open_webui_is_read(usage, tokens):
    assert tokens_of(open_webui, ANSWER, usage=usage) == tokens
    if "eval_count" in usage:
        assert tokens_of(open_webui, ANSWER, usage=None, info=usage) == tokens


def test_milliseconds_of_older_rows_are_no_far_future():
    event = event_of(open_webui, ANSWER, created_at=1795341600000)

    assert event.time == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_an_answer_without_usage_is_a_call_of_unknown_usage_or_a_failed_one():
    unknown = event_of(open_webui, ANSWER, usage=None)
    failed = event_of(open_webui, ANSWER, usage=None, error={"content": "overloaded"})

    assert (unknown.usage_known, unknown.failed) == (False, False)
    assert (failed.usage_known, failed.failed) == (True, True)
