"""usage/ingest/litellm.py - what becomes of LiteLLM's logged calls."""

import json
from base64 import b64encode
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import process_time

import pytest
from conftest import tokens_of
from hypothesis import given, settings
from hypothesis import strategies as st

from usage.ingest.event import InvalidEvent
from usage.ingest.litellm import read

HERE = Path(__file__)
CAPTURES = HERE.parents[2] / "shared" / "captures"
SAMPLES = {r["id"]: r for r in json.loads((HERE.parent / "data/litellm.json").read_text())}

# Through the proxy, where a key says who is asking.
CHAT = "chatcmpl-fake00242"
TAGGED_STREAM = "chatcmpl-fake00243"
MESSAGES = "msg_fake00245"
RATE_LIMITED = "85126d19-342b-4e52-862c-5837eb87b1bd"
BAD_KEY = "480604af-035f-49a4-a3b1-8bb4554ee2e8"
UNKNOWN_MODEL = "08a9526d-5dbe-40d7-8cb5-2ebe1c10ecd7"
# From an app that uses the SDK, where "user" is the developer.
NO_USAGE = "chatcmpl-fake00220"
SDK_CHAT = "chatcmpl-7f5383ee-ca1a-419d-b67a-a6cfab186cf5"
MOCK = "chatcmpl-d3a4e3af-4747-431d-b42c-84e1c8207733"
EMBEDDING = "1040b9d4-d49b-4a01-b48f-4f9e9c46e529"
CACHE_HIT = "chatcmpl-fake00241_cache_hit1795342557.7849233"

# As generic_api_use_v1 sends it: fewer fields, and every value is str() of an object.
LEGACY = {
    "id": "chatcmpl-legacy1",
    "call_type": "acompletion",
    "cache_hit": "None",
    "startTime": "2026-11-22 10:18:44.100000",
    "endTime": "2026-11-22 10:18:45.500000",
    "model": "gpt-4.1",
    "user": "bob@example.com",
    "modelParameters": "{'user': 'Bob@Example.com', 'extra_body': {}}",
    "messages": "[{'role': 'user', 'content': 'SECRET PROMPT TEXT'}]",
    "response": "ModelResponse(id='chatcmpl-legacy1', choices=['SECRET PROMPT TEXT'])",
    "usage": "Usage(completion_tokens=60, prompt_tokens=500, total_tokens=560, completion_tokens_"
    "details=CompletionTokensDetailsWrapper(audio_tokens=None, reasoning_tokens=40), prompt_tokens"
    "_details=PromptTokensDetailsWrapper(audio_tokens=None, cached_tokens=128))",
    "metadata": "{'user_api_key_user_id': 'bob', 'tags': ['cli', 'project:docs']}",
    "cost": "5.8e-05",
}


def sample(record_id, metadata=(), **changes):
    """A copy of a sample, with other metadata and other fields."""
    record = deepcopy(SAMPLES[record_id]) | changes
    record["metadata"] |= dict(metadata)
    return record


def with_usage(prompt, completion, **usage):
    """A copy of a sample that counts these tokens."""
    metadata = {"usage_object": usage}
    return sample(CHAT, metadata, prompt_tokens=prompt, completion_tokens=completion)


def event_of(record):
    """The one event of a record."""
    (event,) = read(record)
    return event


def test_a_call_through_the_proxy_becomes_an_event():
    event = event_of(sample(CHAT))

    assert event.id == CHAT
    assert event.time == datetime(2026, 11, 22, 10, 18, 44, 222367, tzinfo=UTC)
    assert (event.user, event.email) == ("alice@example.com", "alice@example.com")
    assert (event.project, event.source, event.test_type) == ("platform", "", "")
    assert (event.provider, event.model) == ("openai", "gpt-4.1-mini")
    assert event.cost_usd == Decimal("0.0082472")
    assert tokens_of(event) == (9954, 2762, 512, 0, 0)
    assert event.usage_known
    assert not event.failed


@pytest.mark.parametrize("record_id", SAMPLES)
def test_nothing_of_a_prompt_an_answer_or_an_error_text_survives(record_id):
    assert "SECRET" in json.dumps(SAMPLES[record_id])
    assert "SECRET" not in repr(list(read(sample(record_id))))


def test_prompt_tokens_of_anthropic_hold_the_caches_already():
    assert tokens_of(event_of(sample(MESSAGES))) == (8180, 1865, 6450, 945, 0)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens_details": {"cached_tokens": 60, "cache_creation_tokens": 30}},
        {"prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30}},
        {"cache_read_input_tokens": 60, "cache_creation_input_tokens": 30},
        {
            "prompt_tokens_details": {"cached_tokens": 60, "cache_creation_tokens": 30},
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 30,
        },
        {
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": None},
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 30,
        },
    ],
)
def test_caches_are_counted_once_under_whatever_name(usage):
    assert tokens_of(event_of(with_usage(100, 5, **usage))) == (100, 5, 60, 30, 0)


def test_caches_that_exceed_the_prompt_were_counted_apart_from_it():
    record = with_usage(7, 5, cache_read_input_tokens=60, cache_creation_input_tokens=30)

    assert tokens_of(event_of(record)) == (97, 5, 60, 30, 0)


@pytest.mark.parametrize(("completion", "total"), [(40, 40), (39, 79)])
def test_reasoning_is_part_of_the_completion_unless_it_exceeds_it(completion, total):
    record = with_usage(9, completion, completion_tokens_details={"reasoning_tokens": 40})

    assert tokens_of(event_of(record)) == (9, total, 0, 0, 40)


def test_a_stream_without_usage_is_a_call_of_unknown_usage():
    event = event_of(sample(NO_USAGE))

    assert (event.usage_known, event.failed, event.total_tokens) == (False, False, 0)
    assert event.cost_usd is None


def test_a_failure_of_the_provider_is_a_failed_call_without_tokens():
    event = event_of(sample(RATE_LIMITED, prompt_tokens=12, response_cost=0.5))

    assert (event.failed, event.usage_known) == (True, True)
    assert (event.user, event.model, event.cost_usd) == ("alice@example.com", "gpt-4.1", None)
    assert tokens_of(event) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("record_id", [BAD_KEY, UNKNOWN_MODEL])
def test_a_failure_before_any_provider_was_asked_is_no_call(record_id):
    assert not list(read(sample(record_id)))


def test_a_failure_that_the_proxy_itself_answered_is_no_call():
    assert not list(read(sample(RATE_LIMITED, api_base="", hidden_params={})))


@pytest.mark.parametrize("hit", [True, "True"])
def test_an_answer_from_litellms_own_cache_is_no_call(hit):
    assert not list(read(sample(CACHE_HIT, cache_hit=hit)))


@pytest.mark.parametrize(
    ("prompt", "completion", "headers"),
    [
        pytest.param(10, 20, {}, id="chat"),
        pytest.param(10, 20, {"x-litellm-model-group": "mk"}, id="chat-through-a-router"),
        pytest.param(10, 4, {}, id="stream"),
        pytest.param(10, 0, None, id="embedding"),
        pytest.param(36, 87, {}, id="responses"),
    ],
)
def test_a_mocked_response_is_no_call(prompt, completion, headers):
    hidden = {"additional_headers": headers}
    record = sample(MOCK, prompt_tokens=prompt, completion_tokens=completion, hidden_params=hidden)

    assert not list(read(record))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"api_base": "https://api.anthropic.com/v1/messages"}, id="address"),
        pytest.param(
            {"hidden_params": {"additional_headers": {"llm_provider-date": "now"}}}, id="headers"
        ),
        pytest.param({"prompt_tokens": 11}, id="custom-handler-without-address-and-headers"),
    ],
)
def test_a_call_with_any_sign_of_a_provider_is_not_taken_for_a_mock(changes):
    assert event_of(sample(MOCK, **changes)).user == "dave@example.com"


def test_an_embedding_is_a_call():
    event = event_of(sample(EMBEDDING))

    assert (event.model, tokens_of(event)) == ("text-embedding-3-small", (535, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("provider", "model", "stored"),
    [
        ("openai", "openai/gpt-4.1", "gpt-4.1"),
        ("openai", "gpt-4.1", "gpt-4.1"),
        ("openrouter", "openrouter/anthropic/claude-3", "anthropic/claude-3"),
        ("azure", "openai/gpt-4.1", "openai/gpt-4.1"),
        (None, "gpt-4.1", "gpt-4.1"),
    ],
)
def test_a_model_loses_the_prefix_of_its_provider(provider, model, stored):
    event = event_of(sample(CHAT, custom_llm_provider=provider, model=model))

    assert (event.provider, event.model) == (provider or "", stored)


@pytest.mark.parametrize(
    ("metadata", "user", "email"),
    [
        ({"user_api_key_user_email": "Alice@Example.com"}, *["alice@example.com"] * 2),
        ({"user_api_key_user_email": None}, "u-alice", ""),
        ({"user_api_key_user_email": "", "user_api_key_user_id": "A@b.io"}, "a@b.io", "a@b.io"),
        ({"user_api_key_user_email": "", "user_api_key_user_id": None}, "alice-laptop", ""),
    ],
)
def test_a_proxy_key_names_its_user_by_email_then_id_then_alias(metadata, user, email):
    event = event_of(sample(CHAT, metadata))

    assert (event.user, event.email) == (user, email)


@pytest.mark.parametrize(
    ("user_id", "parameter", "user"),
    [
        ("bob", "Bob@Example.com", "bob@example.com"),
        ("bob", "someone", "bob"),
        (None, "someone", "someone"),
        (None, None, ""),
    ],
)
def test_an_app_names_its_user_by_email_then_id_then_any_name(user_id, parameter, user):
    record = sample(SDK_CHAT, {"user_api_key_user_id": user_id})
    record["model_parameters"] = {"user": parameter}

    assert event_of(record).user == user


def test_a_customer_of_an_app_behind_the_proxy_is_never_the_user():
    identity = {f"user_api_key_{name}": None for name in ("user_email", "user_id", "alias")}
    record = sample(CHAT, identity, end_user="eve@shop.test")
    record["model_parameters"] = {"user": "eve@shop.test"}

    assert event_of(record).user == ""


@pytest.mark.parametrize(
    ("tags", "metadata", "project"),
    [
        (["project:docs-site", "cli"], {"user_api_key_project_alias": "atlas"}, "docs-site"),
        (["project:first", "project:second"], {}, "first"),
        (["project:"], {"user_api_key_project_alias": "atlas"}, "atlas"),
        ([], {}, "platform"),
        ([], {"user_api_key_team_alias": None}, ""),
    ],
)
def test_a_project_is_a_tag_then_the_keys_project_then_its_team(tags, metadata, project):
    assert event_of(sample(CHAT, metadata, request_tags=tags)).project == project


@pytest.mark.parametrize(
    ("tags", "agent", "source"),
    [
        (["cli"], "Mozilla/5.0", "cli"),
        (["ide:vscode"], "", "ide"),
        (["source:ui"], "", "ui"),
        (["API"], "", "api"),
        (["batch-1"], "claude-cli/2.1.197 (external, cli)", "cli"),
        ([], "codex_cli_rs/0.169.0 (Debian 12; x86_64) vscode/1.95", "cli"),
        ([], "codex_vscode/0.169.0", "ide"),
        ([], "GeminiCLI/0.61.0/gemini-2.5-pro (linux; x64; vscode)", "cli"),
        ([], "gemini-cli/0.61.0", "cli"),
        ([], "Aider/0.86", "cli"),
        ([], "continue/1.2 vscode", "ide"),
        ([], "Mozilla/5.0 (X11) Cursor/1.7 Chrome/138 Electron/37", "ide"),
        ([], "Zed/0.201", "ide"),
        ([], "Mozilla/5.0 (X11; Linux x86_64) Firefox/145", "ui"),
        (["User-Agent: claude-cli", "User-Agent: claude-cli/2.1.197"], None, "cli"),
        ([], "curl/7.88.1", ""),
        ([], "OpenAI/Python 2.54.0", ""),
    ],
)
def test_a_source_is_a_tag_or_else_told_by_the_user_agent(tags, agent, source):
    assert event_of(sample(CHAT, request_tags=tags, user_agent=agent)).source == source


@pytest.mark.parametrize(
    ("tags", "test_type"),
    [(["op:codegen"], "codegen"), (["op:x", "test_type:unit"], "unit"), (["batch-1"], "")],
)
def test_a_test_type_comes_from_a_tag(tags, test_type):
    assert event_of(sample(CHAT, request_tags=tags)).test_type == test_type


def test_tags_of_a_stream_are_read_together():
    event = event_of(sample(TAGGED_STREAM))

    assert (event.source, event.test_type, event.reasoning_tokens) == ("ide", "codegen", 40)


@pytest.mark.parametrize(
    ("cost", "dollars"),
    [
        (0.25, Decimal("0.25")),
        ("5.8e-05", Decimal("0.000058")),
        (0.0, None),
        (-1, None),
        (None, None),
        (True, None),
        ("None", None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_a_cost_is_known_only_when_it_is_more_than_zero(cost, dollars):
    assert event_of(sample(CHAT, response_cost=cost)).cost_usd == dollars


@pytest.mark.parametrize(
    "times",
    [
        {"endTime": 1795342724.5},
        {"endTime": "1795342724.5"},
        {"endTime": "2026-11-22T10:18:44.5Z"},
        {"endTime": "2026-11-22T12:18:44.5+02:00"},
        {"endTime": "2026-11-22 10:18:44.500000"},
        {"endTime": None, "startTime": 1795342724.5},
        {"endTime": "None", "startTime": "1795342724.5"},
    ],
)
def test_a_call_counts_when_it_ended_or_else_when_it_started(times):
    event = event_of(sample(CHAT, **times))

    assert event.time == datetime(2026, 11, 22, 10, 18, 44, 500000, tzinfo=UTC)
    assert event.time.utcoffset() is not None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "id"),
        ({"id": ""}, "id"),
        ({"id": "x\0"}, "id"),
        ({"id": ["a"]}, "id"),
        ({"endTime": "yesterday", "startTime": None}, "time"),
        ({"endTime": float("nan"), "startTime": float("inf")}, "time"),
        ({"endTime": True, "startTime": {}}, "time"),
        ({"endTime": 5}, "time"),
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"prompt_tokens": 1.5}, "prompt_tokens"),
        ({"prompt_tokens": True}, "prompt_tokens"),
        ({"prompt_tokens": 10**13}, "prompt_tokens"),
        ({"completion_tokens": "many"}, "completion_tokens"),
        ({"completion_tokens": float("nan")}, "completion_tokens"),
        ({"completion_tokens": "9" * 5000}, "completion_tokens"),
        ({"response_cost": 1e300}, "cost_usd"),
        ({"model": "m" * 300}, "model"),
    ],
)
def test_a_record_that_cannot_be_counted_is_refused_by_field(changes, field):
    with pytest.raises(InvalidEvent) as refused:
        list(read(sample(CHAT, **changes)))

    assert refused.value.field == field
    assert field == "id" or refused.value.record_id == CHAT


def test_a_part_that_is_no_number_is_refused_by_its_name():
    record = with_usage(
        100, 5, prompt_tokens_details={"cached_tokens": 1, "cache_write_tokens": []}
    )

    with pytest.raises(InvalidEvent, match="cache_write_tokens: must be a whole number"):
        list(read(record))


@pytest.mark.parametrize("record", [None, 7, "text", [], [{}]])
def test_a_record_that_is_no_object_is_refused(record):
    with pytest.raises(InvalidEvent, match="must be an object"):
        list(read(record))


def test_the_legacy_payload_is_read_from_the_text_of_its_objects():
    event = event_of(LEGACY)

    assert event.time == datetime(2026, 11, 22, 10, 18, 45, 500000, tzinfo=UTC)
    assert tokens_of(event) == (500, 60, 128, 0, 40)
    assert (event.user, event.project, event.source) == ("bob@example.com", "docs", "cli")
    assert (event.model, event.cost_usd) == ("gpt-4.1", Decimal("0.000058"))
    assert "SECRET" not in repr(event)


def test_a_payload_of_texts_counts_like_the_payload_of_values():
    for record_id in SAMPLES:
        texts = {name: str(value) for name, value in sample(record_id).items()}

        assert list(read(texts)) == list(read(sample(record_id)))


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param("{'user_api_key_auth': UserAPIKeyAuth(role=<Role.USER>)}", id="objects"),
        pytest.param("{[]: 1}", id="unhashable"),
        pytest.param("-" * 50_000, id="beyond-the-parser"),
        pytest.param("not " * 20_000, id="beyond-the-stack"),
        pytest.param("\0", id="null"),
    ],
)
def test_unreadable_legacy_metadata_names_nobody(metadata):
    assert event_of(LEGACY | {"metadata": metadata}).user == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"llm_provider-request-id": "req_1"},
        {"request-id": "req_1"},
        {"LLM_Provider-Request-Id": "req_1", "x-litellm-model-group": "m"},
    ],
)
def test_the_provider_s_number_of_a_request_to_claude_is_another_id_of_the_call(headers):
    record = sample(MESSAGES, hidden_params={"additional_headers": headers})

    assert event_of(record).also == ("req_1",)
    assert event_of({name: str(value) for name, value in record.items()}).also == ("req_1",)


@pytest.mark.parametrize(
    ("provider", "request_id"),
    [
        ("openai", "req_1"),
        ("anthropic", "my-own-number-of-a-whole-session"),
        ("anthropic", "req_" + "x" * 600),
        ("anthropic", "req_é"),
        ("anthropic", None),
        ("anthropic", ["req_1"]),
    ],
)
def test_other_numbers_of_requests_are_no_ids(provider, request_id):
    hidden = {"additional_headers": {"llm_provider-request-id": request_id}}

    assert event_of(sample(MESSAGES, custom_llm_provider=provider, hidden_params=hidden)).also == ()


def wrapped(text):
    """The id that LiteLLM gives to a response."""
    return "resp_" + b64encode(text.encode()).decode()


def test_the_id_that_litellm_wraps_is_another_id_of_a_response():
    known = "litellm:custom_llm_provider:openai;model_id:None;response_id:resp_0a1b-c"

    for id in (wrapped(known), wrapped(known).rstrip("="), wrapped(f"{known};new:1")):
        event = event_of(sample(CHAT, id=id, call_type="aresponses"))
        assert (event.id, event.also) == (id, ("resp_0a1b-c",))


@pytest.mark.parametrize(
    "id",
    [
        CHAT,
        "resp_0a1b",
        "resp_é",
        "resp_====",
        wrapped("litellm:response_id:chatcmpl-1"),
        wrapped(";response_id:resp_1"),
        wrapped("litellm:custom_llm_provider:openai;response_id:resp_é"),
        wrapped("litellm:custom_llm_provider:openai;response_id:resp_1\n;x:1"),
    ],
)
def test_an_id_that_wraps_no_other_is_the_only_one(id):
    assert event_of(sample(CHAT, id=id)).also == ()


def test_texts_of_any_kind_do_not_keep_the_board_busy():
    dense = "[" + "'abcdefgh'," * 280 + "'']"
    names = ("metadata", "model_parameters", "hidden_params", "request_tags", "usage")
    records = [LEGACY | {name: dense} for name in names for _ in range(200)]
    start = process_time()

    for record in records:
        list(read(record))

    # Python's own parser takes over a second.
    assert process_time() - start < 0.6


TEXT = st.text(st.characters(codec=None), max_size=20)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from([10**400, -(10**400), "9" * 5000, "\ud800", "None", "[" * 300, "-" * 9999])
)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


def places(value, path=()):
    """Every path into a record."""
    yield path
    steps = value.items() if isinstance(value, dict) else ()
    for name, inner in steps:
        yield from places(inner, (*path, name))


@st.composite
def damaged(draw):
    """A sample with up to four of its values replaced, left out or turned into text."""
    record = sample(draw(st.sampled_from(sorted(SAMPLES))))
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from([path for path in places(record) if path]))
        owner = record
        for name in way:
            owner = owner[name]
        change = draw(st.sampled_from(["replace", "leave out", "turn into text"]))
        if change == "leave out":
            del owner[last]
        else:
            owner[last] = draw(VALUE) if change == "replace" else str(owner[last])
    return record


def read_or_refuse(record):
    """Only InvalidEvent may come out of a record that isn't understood."""
    with suppress(InvalidEvent):
        list(read(record))


@settings(max_examples=300, deadline=None, database=None)
@given(damaged())
def test_a_damaged_payload_is_read_or_refused(record):
    read_or_refuse(record)


@settings(max_examples=200, deadline=None, database=None)
@given(VALUE)
def test_any_value_is_read_or_refused(value):
    read_or_refuse(value)
    read_or_refuse(dict.fromkeys(SAMPLES[CHAT], value))


@pytest.mark.parametrize("name", ["litellm-proxy", "litellm-sdk-json_array"])
def test_captured_payloads_in_any_order_and_repeated_give_the_totals_of_the_model_server(name):
    folder = CAPTURES / name
    if not folder.is_dir():
        pytest.skip("the captures are not part of the repository")
    bodies = [json.loads(path.read_bytes()) for path in folder.glob("*.body.bin")]
    records = [record for body in bodies for record in body]
    events = {(e.user, e.id): e for r in [*records, *reversed(records)] for e in read(r)}
    totals = {}
    for event in events.values():
        if event.usage_known and not event.failed:
            for key in ("ALL", f"{event.user} | {event.model}"):
                before = totals.get(key, (0,) * 6)
                counted = (1, *tokens_of(event))
                totals[key] = tuple(map(sum, zip(before, counted, strict=True)))

    names = ("calls", "input_total", "output_total", "cache_read", "cache_write", "reasoning")
    expected = json.loads((folder / "expected.json").read_text())["totals"]
    assert totals == {key: tuple(row[name] for name in names) for key, row in expected.items()}
    assert sum(event.failed for event in events.values()) == {"litellm-proxy": 2}.get(name, 1)
