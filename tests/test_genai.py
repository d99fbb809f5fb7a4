"""usage/ingest/genai.py - what becomes of spans and logs that speak OpenTelemetry's GenAI."""

import gzip
import json
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from random import Random

import pytest
from conftest import tokens_of

from usage.ingest.event import Event, InvalidEvent, Naming
from usage.ingest.genai import read
from usage.ingest.genai_frame import DETAILS
from usage.ingest.otlp import Record, decode

HERE = Path(__file__)
CAPTURES = HERE.parents[2] / "shared" / "captures"
SPANS = list(
    decode((HERE.parent / "data/genai_traces.json").read_bytes(), "application/json", "traces")
)
LOGS = list(decode((HERE.parent / "data/genai_logs.json").read_bytes(), "application/json", "logs"))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRACE, SPAN, PARENT = "0a" * 16, "0b" * 8, "0c" * 8
ANSWER = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4.1-mini",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}
COUNTED = {
    "calls": None,
    "input_total": "prompt_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "output_total": "completion_tokens",
    "reasoning": "reasoning_tokens",
}


def call(said=(), signal="traces", scope="test", resource=(), **changes):
    """A record of an answered call, with other attributes (None: without) and other fields."""
    attributes = {name: value for name, value in (ANSWER | dict(said)).items() if value is not None}
    fields = {"name": DETAILS, "time": NOON, "trace_id": TRACE, "span_id": SPAN}
    fields |= {"parent_id": PARENT} if signal == "traces" else {}
    return Record(signal, scope, dict(resource), attributes, **(fields | changes))


def event(*arguments, **changes):
    """The one event of such a record."""
    (event,) = read(call(*arguments, **changes))
    return event


def test_a_log_is_known_by_its_answer_and_not_by_the_span_that_it_was_written_in():
    # Which may be one around several calls: OpenLIT writes the logs of streams there.
    span, log = event(), event(signal="logs")

    assert (log.id, log.also, log.span) == (span.id, (), "")
    assert tokens_of(log) == tokens_of(span)
    assert log.parent_span == span.span


def calls_in(record):
    """The events of a record, without what it says of its trace."""
    return [one for one in read(record) if isinstance(one, Event)]


def told_by(record):
    """The name of a sample's span with what was read of it."""
    return record.name, [(e.model, e.user, *tokens_of(e)) for e in calls_in(record)]


def test_the_spans_of_every_dialect_are_read():
    assert [told_by(span) for span in SPANS] == [
        (
            "chat gpt-4.1-mini",
            [("gpt-4.1-mini", "alice@example.com", 12914, 3642, 512, 0, 0)],
        ),
        ("chat gpt-4.1", [("gpt-4.1", "bob@example.com", 0, 0, 0, 0, 0)]),
        ("chat gpt-4.1-mini", [("gpt-4.1-mini", "", 0, 0, 0, 0, 0)]),
        (
            "embeddings text-embedding-3-small",
            [("text-embedding-3-small", "", 635, 0, 0, 0, 0)],
        ),
        ("codegen", []),
        ("review", []),
        ("step", []),
        ("anthropic.messages.create", [("claude-sonnet-4-5", "", 5764, 157, 4010, 701, 0)]),
        ("chat claude-sonnet-4-5", [("claude-sonnet-4-5", "", 5764, 157, 4010, 701, 0)]),
        ("invoke_agent helper", []),
        ("execute_tool search", []),
        ("openai.chat", [("gpt-4.1-mini", "carol@example.com", 13543, 3829, 0, 0, 40)]),
        ("anthropic.chat", [("claude-3-5-haiku-latest", "dora", 1100, 30, 900, 80, 0)]),
        ("answer.workflow", []),
        ("ChatCompletion", [("gpt-4.1-mini", "erin@example.com", 1012, 120, 512, 0, 64)]),
        ("agent", []),
    ]


@pytest.mark.parametrize(
    ("said", "user"),
    [
        ({"enduser.id": "Vera@corp.com"}, "vera@corp.com"),
        ({"user.id": "vera"}, "vera"),
        ({"user.id": "f" * 64}, None),
        ({"user.id": "x" * 201}, None),
        ({"user.id": ".."}, None),
        ({}, None),
    ],
)
def test_a_span_that_is_no_call_says_whose_its_trace_is(said, user):
    around = dict.fromkeys(ANSWER) | said
    resource = {"enduser.id": "whose.service@it.is"}

    found = list(read(call(around, name="GET /", resource=resource)))

    assert found == ([Naming(TRACE, user)] if user else [])
    assert list(read(call(around, signal="logs", name="app.log"))) == []


def test_a_span_becomes_one_event():
    assert event(
        {
            "gen_ai.provider.name": "openai",
            "gen_ai.response.model": "gpt-4.1-mini-2025-04-14",
            "gen_ai.usage.cache_read.input_tokens": 64,
            "gen_ai.usage.reasoning.output_tokens": 12,
            "user.email": "Ada@Example.com",
            "project": "docs",
            "test_type": "Unit Tests",
        }
    ) == Event(
        id="chatcmpl-1",
        also=(f"{TRACE}:{SPAN}",),
        span=f"{TRACE}:{SPAN}",
        parent_span=f"{TRACE}:{PARENT}",
        teller="d87f7e0c",
        time=NOON,
        user="ada@example.com",
        email="ada@example.com",
        project="docs",
        source="api",
        provider="openai",
        model="gpt-4.1-mini",
        test_type="Unit Tests",
        prompt_tokens=100,
        completion_tokens=20,
        cache_read_tokens=64,
        reasoning_tokens=12,
        replaces=True,
    )


def test_a_call_keeps_every_id_it_is_known_by():
    both = event({"anthropic.request.id": "req_1"})
    assert (both.id, both.also) == ("chatcmpl-1", (f"{TRACE}:{SPAN}", "req_1"))

    unanswered = event({"gen_ai.response.id": None}, parent_id="")
    assert (unanswered.id, unanswered.also) == (f"{TRACE}:{SPAN}", ())
    assert (unanswered.span, unanswered.parent_span) == (f"{TRACE}:{SPAN}", "")

    untraced = event(trace_id="", span_id="")
    assert (untraced.id, untraced.also, untraced.span) == ("chatcmpl-1", (), "")
    assert untraced.parent_span == ""


def test_a_call_that_nothing_identifies_is_refused():
    with pytest.raises(InvalidEvent) as refusal:
        event({"gen_ai.response.id": None}, span_id="")

    assert refusal.value.field == "id"


def test_a_call_without_a_time_is_refused_by_its_id():
    with pytest.raises(InvalidEvent) as refusal:
        event(time=None)

    assert (refusal.value.field, refusal.value.record_id) == ("time", "chatcmpl-1")


@pytest.mark.parametrize("wrong", ["many", -1, 1.5, True])
def test_a_count_that_is_none_is_refused_by_its_name(wrong):
    with pytest.raises(InvalidEvent) as refusal:
        event({"gen_ai.usage.output_tokens": wrong})

    assert refusal.value.field == "gen_ai.usage.output_tokens"
    assert refusal.value.record_id == "chatcmpl-1"


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ({}, (100, 20, 0, 0, 0)),
        (
            {"gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": 20.0},
            (100, 20, 0, 0, 0),
        ),
        (
            {"gen_ai.usage.prompt_tokens": 100, "llm.usage.completion_tokens": 20},
            (100, 20, 0, 0, 0),
        ),
        ({"llm.token_count.prompt": 100, "llm.token_count.completion": 20}, (100, 20, 0, 0, 0)),
        ({"gen_ai.usage.cache_read_input_tokens": 60}, (100, 20, 60, 0, 0)),
        ({"gen_ai.usage.input_tokens.cached": 60}, (100, 20, 60, 0, 0)),
        ({"llm.token_count.prompt_details.cache_read": 60}, (100, 20, 60, 0, 0)),
        ({"gen_ai.usage.cache_creation.input_tokens": 60}, (100, 20, 0, 60, 0)),
        ({"gen_ai.usage.cache_write.input_tokens": 60}, (100, 20, 0, 60, 0)),
        ({"gen_ai.usage.cache_creation_input_tokens": 60}, (100, 20, 0, 60, 0)),
        ({"llm.token_count.prompt_details.cache_write": 60}, (100, 20, 0, 60, 0)),
        ({"gen_ai.usage.reasoning_tokens": 20}, (100, 20, 0, 0, 20)),
        ({"gen_ai.usage.details.reasoning_tokens": 5}, (100, 20, 0, 0, 5)),
        ({"gen_ai.usage.details.thoughts_tokens": 5}, (100, 20, 0, 0, 5)),
        ({"llm.token_count.completion_details.reasoning": 5}, (100, 20, 0, 0, 5)),
    ],
)
def test_counts_are_read_by_all_their_names(said, counts):
    assert tokens_of(event(said)) == counts


@pytest.mark.parametrize(
    ("scope", "certain"),
    [
        ("com.anthropic.sdk.python", True),
        ("com.anthropic.sdk.typescript", True),
        ("com.anthropic.claude-platform", True),
        ("opentelemetry.instrumentation.anthropic", False),
        ("openinference.instrumentation.anthropic", None),
    ],
)
def test_the_library_of_a_provider_is_certain_and_what_adds_up_streams_is_not(scope, certain):
    told = event(scope=scope)

    assert told.certain is certain
    assert told.replaces is (certain is not False)


def test_parts_that_exceed_the_whole_are_added_to_it():
    said = {"gen_ai.usage.cache_read_input_tokens": 90, "gen_ai.usage.cache_write.input_tokens": 11}
    assert tokens_of(event(said)) == (201, 20, 90, 11, 0)

    assert tokens_of(event({"gen_ai.usage.reasoning_tokens": 21})) == (100, 41, 0, 0, 21)


@pytest.mark.parametrize(
    ("scope", "prompt"),
    [
        ("opentelemetry.instrumentation.bedrock", 130),
        ("opentelemetry.instrumentation.genai.bedrock", 130),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", 130),
        ("openinference.instrumentation.bedrock", 100),
        ("opentelemetry.instrumentation.genai.anthropic", 100),
    ],
)
def test_some_count_what_is_cached_apart_however_little_it_is(scope, prompt):
    said = {"gen_ai.usage.cache_read_input_tokens": 20, "gen_ai.usage.cache_write.input_tokens": 10}

    assert tokens_of(event(said, scope=scope)) == (prompt, 20, 20, 10, 0)


def test_a_failed_call_has_no_tokens():
    failed = event({"error.type": "timeout", "gen_ai.usage.input_tokens": "x"}, failed=True)

    assert (failed.failed, failed.usage_known, failed.total_tokens) == (True, True, 0)


@pytest.mark.parametrize("count", [None, 0])
def test_a_call_that_tells_no_usage_is_counted_as_that(count):
    said = {"gen_ai.usage.input_tokens": count, "gen_ai.usage.output_tokens": count}

    assert event(said).usage_known is False
    assert event(said, signal="logs").usage_known is False


def test_a_log_without_an_answers_id_is_known_by_its_span():
    nameless = {"gen_ai.response.id": None}
    span, log = event(nameless), event(nameless, signal="logs")

    assert (log.id, log.also, log.span) == (span.id, span.also, span.span)
    assert tokens_of(log) == tokens_of(span)
    assert log.parent_span == ""


def test_the_logs_of_the_sample_are_read():
    found = [(e.id, e.failed, e.usage_known, e.total_tokens) for log in LOGS for e in read(log)]

    assert found == [
        ("chatcmpl-fake00322", False, True, 16556),
        ("chatcmpl-fake00324", False, False, 0),
        ("f4ab409afd07baf05479aefa61f5570b:df10c58d0bd98dd5", True, True, 0),
    ]


@pytest.mark.parametrize(
    "record",
    [
        call({"gen_ai.operation.name": "execute_tool"}),
        call({"gen_ai.operation.name": "invoke_agent"}),
        call({"gen_ai.operation.name": "create_agent"}),
        call({"gen_ai.operation.name": "invoke_workflow"}),
        call({"gen_ai.operation.name": "plan"}),
        call({"gen_ai.operation.name": "retrieval"}),
        call({"gen_ai.operation.name": "search_memory"}),
        call({"gen_ai.operation.name": "llm_call"}),
        call({"gen_ai.operation.name": "something_new", "gen_ai.response.id": None}),
        call({"openinference.span.kind": "AGENT"}),
        call({"traceloop.span.kind": "workflow"}),
        call({"gen_ai.operation.name": None}, name="agent run"),
        call({"gen_ai.operation.name": None, "gen_ai.response.id": None}, name="unnamed"),
        call(signal="logs", name="gen_ai.choice"),
        call(signal="logs", name="claude_code.api_request"),
        call({"gen_ai.operation.name": "execute_tool"}, signal="logs"),
        call(scope="com.anthropic.claude_code.tracing"),
        call(resource={"service.name": "claude-code"}),
        call(resource={"service.name": "gemini-cli"}),
        Record("traces", "", {}, {}, name="GET /"),
    ],
)
def test_what_is_not_one_model_call_or_has_its_own_adapter_is_left_alone(record):
    assert list(read(record)) == []


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.operation.name": "embeddings"},
        {"gen_ai.operation.name": "Text_Completion"},
        {"gen_ai.operation.name": None, "llm.request.type": "chat"},
        {"gen_ai.operation.name": None, "openinference.span.kind": "LLM"},
        {"gen_ai.operation.name": None},
        {"gen_ai.operation.name": "something_new"},
        {
            "gen_ai.operation.name": None,
            "gen_ai.response.id": None,
            "gen_ai.response.model": None,
            "gen_ai.system": "openai",
        },
    ],
)
def test_a_model_call_is_known_by_its_operation_its_kind_or_its_answer(said):
    assert event(said, name="anything").prompt_tokens == 100


def test_what_is_equal_and_yet_not_the_same_is_told_apart():
    told = [event({"project": project}).project for project in (True, 1, 1.0, "1")]

    assert told == ["", "1", "", "1"]


@pytest.mark.parametrize(
    ("said", "provider"),
    [
        ({}, ""),
        ({"gen_ai.provider.name": "openai"}, "openai"),
        ({"gen_ai.provider.name": "aws.bedrock"}, "bedrock"),
        ({"gen_ai.provider.name": "azure.ai.openai"}, "azure"),
        ({"gen_ai.provider.name": "azure.ai.inference"}, "azure"),
        ({"gen_ai.system": "az.ai.inference"}, "azure"),
        ({"gen_ai.provider.name": "gcp.vertex_ai"}, "google"),
        ({"gen_ai.provider.name": "gcp.gen_ai"}, "google"),
        ({"gen_ai.system": "x_ai"}, "xai"),
        ({"gen_ai.system": "mistral_ai"}, "mistral"),
        ({"gen_ai.system": "moonshot_ai"}, "moonshot"),
        ({"gen_ai.system": "ibm.watsonx.ai"}, "watsonx"),
        ({"gen_ai.system": "Anthropic"}, "anthropic"),
        ({"llm.system": "openai", "llm.provider": "azure"}, "azure"),
        ({"llm.system": "vertexai"}, "google"),
        ({"gen_ai.system": "", "litellm.provider.model": "openai/gpt-4.1"}, "openai"),
        ({"litellm.provider.model": "gpt-4.1"}, ""),
        ({"llm.vendor": "OpenAI"}, "openai"),
    ],
)
def test_providers_have_plain_names(said, provider):
    assert event(said).provider == provider


@pytest.mark.parametrize(
    ("said", "model"),
    [
        ({"gen_ai.response.model": "gpt-4.1-mini-2025-04-14"}, "gpt-4.1-mini"),
        ({"gen_ai.request.model": None, "gen_ai.response.model": "gpt-4.1"}, "gpt-4.1"),
        ({"gen_ai.request.model": None, "llm.model_name": "gpt-4.1"}, "gpt-4.1"),
        ({"gen_ai.request.model": None, "embedding.model_name": "ada"}, "ada"),
        ({"gen_ai.request.model": None, "llm.request.model": "a", "llm.response.model": "b"}, "a"),
        ({"gen_ai.request.model": None, "llm.response.model": "b"}, "b"),
        (
            {
                "gen_ai.request.model": None,
                "llm.model_name": "a-1",
                "llm.invocation_parameters": "a",
            },
            "a",
        ),
        ({"gen_ai.request.model": None}, ""),
        ({"gen_ai.request.model": "openai/gpt-4.1", "gen_ai.system": "openai"}, "gpt-4.1"),
        ({"gen_ai.request.model": "openai/gpt-4.1", "gen_ai.system": "groq"}, "openai/gpt-4.1"),
    ],
)
def test_the_model_is_the_one_that_was_asked_for_if_that_is_told(said, model):
    assert event(said).model == model


@pytest.mark.parametrize(
    ("said", "resource", "source"),
    [
        ({}, {}, "api"),
        ({"terminal.type": "xterm"}, {}, "cli"),
        ({"terminal.type": "vscode"}, {}, "ide"),
        ({"source": "UI"}, {}, "ui"),
        ({}, {"source": "ide"}, "ide"),
        ({"source": "somewhere"}, {}, "api"),
    ],
)
def test_calls_come_from_programs_unless_a_terminal_or_editor_shows(said, resource, source):
    assert event(said, resource=resource).source == source


@pytest.mark.parametrize(("scope", "source"), [("github.copilot", "cli"), ("copilot-chat", "ide")])
def test_copilots_programs_are_known_by_their_scope(scope, source):
    assert event(scope=scope).source == source
    assert event({"source": "ui"}, scope=scope).source == "ui"


def answered(folder):
    """The records of all bodies that the receiver of a capture took."""
    for path in sorted(folder.glob("*.headers.json")):
        sent = json.loads(path.read_text())
        headers = {name.lower(): value for name, value in sent["headers"]}
        if sent["answered_status"] == 200:
            body = path.with_name(path.name.replace(".headers.json", ".body.bin")).read_bytes()
            body = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            yield from decode(body, headers["content-type"], sent["path"].rpartition("/")[2])


def same_call(one, other):
    """Whether two events tell of one call: by an id, or as a span in a span with its tokens."""
    if {one.id, *one.also} & {other.id, *other.also}:
        return True
    nested = {(one.span, other.parent_span), (one.parent_span, other.span)}
    is_nested = any(inner == outer != "" for inner, outer in nested)
    return is_nested and tokens_of(one) == tokens_of(other)


def calls(events):
    """Each call once: the largest event of those that tell of it, and its user from any."""
    told = []
    for event in events:
        same = [group for group in told if any(same_call(event, other) for other in group)]
        told = [group for group in told if group not in same] + [[event, *chain(*same)]]
    return [(max(e.user for e in group), max(group, key=tokens_of)) for group in told]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["otel-genai-openai", "otel-traceloop-openai"])
def test_captured_traffic_repeated_in_any_order_gives_the_totals_of_the_model_server(name, seed):
    folder = CAPTURES / name
    if not folder.is_dir():
        pytest.skip("the captures are not part of the repository")
    expected = json.loads((folder / "expected.json").read_text())
    events = [event for record in answered(folder) for event in calls_in(record)] * 2
    Random(seed).shuffle(events)

    totals = {}
    found = calls(events)
    for user, event in found:
        if event.usage_known and not event.failed:
            for key in ("ALL", f"{user} | {event.model}"):
                total = totals.setdefault(key, dict.fromkeys(COUNTED, 0))
                for theirs, ours in COUNTED.items():
                    total[theirs] += getattr(event, ours) if ours else 1

    assert totals == {
        key: {name: total[name] for name in COUNTED} for key, total in expected["totals"].items()
    }
    unsent = [call for call in expected["calls"] if not call["usage_was_sent"]]
    assert sum(not event.usage_known for _, event in found) == len(unsent)
    # One of two failures is an attempt that the SDK repeated, within the same span.
    assert sum(event.failed for _, event in found) == 1
    assert {event.project for _, event in found} == {"acme-webapp"}
    assert {event.provider for _, event in found} == {"openai"}
