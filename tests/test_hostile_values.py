"""Whatever a field holds, both databases keep it or the sender is told: never an error of ours."""

import json

import pytest
from conftest import native
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Event
from usage.rollups import verify

HUGE = (10**12, 10**12 + 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, "9" * 20, "9" * 400)
SMALL = (0, 1, -1, 5e-324, 1e308, -0.0, 0.1 + 0.2, 999_999.9999999999, 1e6, "1e999", "NaN")
WORDS = ("", "x" * 501, "é" * 500, "a@b.c", "..", "unassigned", "0", "\0", "api", "ada/max", "None")
# Four bytes each, and nothing that an index could compress.
WIDE = "".join(map(chr, range(0x20000, 0x20000 + 500)))
TIMES = (
    "9999-12-30T00:00:00Z",
    "2000-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00+23:59",
    "2026-11-22T10:00:00.123456789Z",
    "2026-W47-7",
)
CONTROL = "\0\x01\x7f\x85\u200b\u2028\u202e\ufeff\U000e0001\uffff"
ODD = (
    None,
    True,
    False,
    [],
    {},
    *HUGE,
    *SMALL,
    *WORDS,
    *TIMES,
    WIDE,
    WIDE[:200],
    WIDE[:100],
    CONTROL,
    f"a{CONTROL}b",
)
ANYTHING = st.one_of(
    st.sampled_from(ODD),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.text(alphabet=f"{CONTROL}ffıéİẞ😀'\"%\\/. ", min_size=1, max_size=9),
    st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
)
steadily = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
EVENT = native(0, display_name="V", email="v@x.y", project="docs", source="cli", provider="openai")
EVENT |= {"model": "o3", "test_type": "e2e", "cost_usd": 0.1, "failed": False}
EVENT |= {"cache_read_tokens": 1, "cache_write_tokens": 1, "reasoning_tokens": 1}
USAGE = {"cached_tokens": 3, "cache_creation_tokens": 1, "reasoning_tokens": 2}
WHO = {"user_api_key_user_id": "vera", "user_api_key_team_alias": "docs", "usage_object": USAGE}
PAYLOAD = {
    "id": "chatcmpl-1",
    "status": "success",
    "custom_llm_provider": "openai",
    "model": "openai/o3",
    "endTime": 1795342724.5,
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "response_cost": 0.1,
    "api_base": "https://api.openai.com",
    "user_agent": "curl",
    "request_tags": ["project:docs", "source:cli", "test_type:e2e"],
    "metadata": WHO,
}
TIME = {"event.timestamp": "2026-11-22T10:00:00Z", "model": "o3"}
LOGS = (
    {
        "service.name": "acme",
        "event.name": "gen_ai.client.inference.operation.details",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "o3",
        "gen_ai.response.id": "resp_1",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 1,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "enduser.id": "vera",
        "project": "docs",
        "test_type": "e2e",
    },
    TIME
    | {
        "service.name": "claude-code",
        "event.name": "api_request",
        "request_id": "req_1",
        "input_tokens": 5,
        "output_tokens": 5,
        "cache_read_tokens": 1,
        "cache_creation_tokens": 1,
        "cost_usd": 0.1,
        "session.id": "s",
        "user.id": "vera",
    },
    TIME
    | {
        "service.name": "codex_exec",
        "event.name": "codex.sse_event",
        "event.kind": "response.completed",
        "input_token_count": "5",
        "output_token_count": "6",
        "cached_token_count": 1,
        "reasoning_token_count": 1,
        "conversation.id": "c",
        "user.email": "v@x.y",
    },
    TIME
    | {
        "service.name": "gemini-cli",
        "event.name": "gemini_cli.api_response",
        "input_token_count": 5,
        "output_token_count": 6,
        "cached_content_token_count": 1,
        "thoughts_token_count": 1,
        "total_token_count": 12,
        "prompt_id": "p",
        "session.id": "s",
        "installation.id": "i",
    },
)

IDS = ("id", "gen_ai.response.id", "request_id", "conversation.id", "session.id")


@pytest.fixture
def post(anonymous, make_key):
    """Sends JSON as it is; nothing but a count or a refusal may be the answer."""
    key = make_key("ingest") | {"Content-Type": "application/json"}

    def send(path, document):
        response = anonymous.post(path, data=json.dumps(document), headers=key)
        assert response.status_code in (200, 400, 422), response.text
        # What the database itself refuses should never have got there.
        assert "for the database" not in response.text
        assert verify() == []
        return response

    return send


def spoilt(fields):
    """The fields with up to three of them replaced by anything."""
    return st.dictionaries(st.sampled_from(sorted(fields)), ANYTHING, max_size=3).map(
        lambda changes: fields | changes
    )


def each_spoilt(fields):
    """The fields as ever new calls, each with another one of them odd."""
    odd = [{name: value} for name in fields for value in ODD]
    ids = [name for name in IDS if name in fields]
    return [
        fields | {name: f"{name} {number}" for name in ids} | change
        for number, change in enumerate(odd)
    ]


def test_every_field_of_a_native_event_may_hold_any_odd_value(post):
    events = each_spoilt(EVENT)

    told = post("/api/v1/events", events).json

    assert told["received"] == len(events)
    assert min(told["accepted"], told["rejected"]) > len(events) / 9


def test_every_field_of_a_gateway_s_call_may_hold_any_odd_value(post):
    tags = [[f"project:{one}", f"test_type:{one}"] for one in ODD]
    calls = [{"request_tags": one} for one in tags]
    calls += [{"metadata": one} for one in each_spoilt(WHO)]
    calls += [{"metadata": WHO | {"usage_object": one}} for one in each_spoilt(USAGE)]
    calls = [PAYLOAD | {"id": f"call {number}"} | call for number, call in enumerate(calls)]

    told = post("/ingest/litellm", each_spoilt(PAYLOAD) + calls).json

    assert min(told["accepted"], told["rejected"]) > 50


@pytest.mark.parametrize("said", LOGS, ids=lambda said: said["service.name"])
def test_every_attribute_of_a_log_may_hold_any_odd_value(post, said):
    logs = [logged(one, span=f"{n:016x}") for n, one in enumerate(each_spoilt(said), 1)]

    post("/v1/logs", {"resourceLogs": [log["resourceLogs"][0] for log in logs]})

    assert Event.select().count() > len(logs) / 9


@steadily
@given(st.lists(spoilt(EVENT), min_size=1, max_size=3))
def test_any_native_event_is_counted_or_refused(post, events):
    post("/api/v1/events", events)


@steadily
@given(spoilt(PAYLOAD), spoilt(WHO), spoilt(USAGE), st.lists(ANYTHING, max_size=2))
def test_any_call_of_a_gateway_is_counted_or_refused(post, payload, metadata, usage, tags):
    tags = [f"{name}:{tag}" for name, tag in zip(("project", "test_type"), tags, strict=False)]
    metadata = {"usage_object": usage} | metadata
    post("/ingest/litellm", [payload, PAYLOAD | {"metadata": metadata, "request_tags": tags}])


@steadily
@given(st.sampled_from(LOGS).flatmap(spoilt), ANYTHING, ANYTHING)
def test_any_log_is_counted_or_refused(post, said, time, span):
    post("/v1/logs", logged(said, time, span))
    post("/v1/logs", logged(said))


def test_what_is_not_spoilt_is_counted(post):
    post("/api/v1/events", [EVENT])
    post("/ingest/litellm", [PAYLOAD])
    for number, said in enumerate(LOGS):
        post("/v1/logs", logged(said, span=f"{number:016x}"))

    assert Event.select().count() == 2 + len(LOGS)


def logged(said, time="1795342724000000000", span="0b" * 8):
    """One log record that says all this."""
    attributes = [{"key": name, "value": value_of(value)} for name, value in said.items()]
    around = [one for one in attributes if one["key"] in ("service.name", "project", "enduser.id")]
    log = {"timeUnixNano": time, "spanId": span, "traceId": "0a" * 16, "attributes": attributes}
    scope = {"scope": {"name": said["service.name"]}, "logRecords": [log]}
    return {"resourceLogs": [{"resource": {"attributes": around}, "scopeLogs": [scope]}]}


def value_of(value):
    """A value as OTLP writes it."""
    names = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {names[type(value)]: value} if type(value) in names else {"arrayValue": {}}
