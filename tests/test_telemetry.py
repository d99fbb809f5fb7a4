"""POST /v1/traces, /v1/logs, /v1/metrics - OpenTelemetry from any client."""

import gzip
import json
import random
from base64 import b64decode, b64encode

import pytest
from conftest import CAPTURES, ROOT
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from models import CallId, Event, User
from usage.ingest.otlp_messages import SERVICES
from usage.rollups import verify

JSON, PROTOBUF = "application/json", "application/x-protobuf"
SAMPLES = ROOT / "tests" / "data"
SETS = ("claude-code", "codex", "gemini-cli", "otel-genai-openai", "otel-traceloop-openai")
FIELDS = {
    "calls": "calls",
    "prompt_tokens": "input_total",
    "completion_tokens": "output_total",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
}


def span(number, tokens=(1000, 100), parent="", trace="a" * 32, **attributes):
    """One answered call as JSON; numbers make ids."""
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4.1",
        "gen_ai.usage.input_tokens": tokens[0],
        "gen_ai.usage.output_tokens": tokens[1],
    } | attributes
    return {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "parentSpanId": parent,
        "name": "chat gpt-4.1",
        "endTimeUnixNano": "1795342724000000000",
        "attributes": [
            {"key": k, "value": {"intValue" if isinstance(v, int) else "stringValue": v}}
            for k, v in said.items()
        ],
    }


def traces(*spans, **resource):
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in resource.items()]
    scope = {"scope": {"name": "some.instrumentation"}, "spans": list(spans)}
    resourced = {"resource": {"attributes": attributes}, "scopeSpans": [scope]}
    return {"resourceSpans": [resourced]}


def counted():
    return [(e.user.username, e.event_id, e.prompt_tokens) for e in Event.select().join(User)]


def test_a_span_is_a_call_of_whom_the_resource_names(send_signal):
    response = send_signal("traces", traces(span(1), **{"enduser.id": "vera"}))

    assert (response.status_code, response.content_type, response.data) == (200, JSON, b"{}")
    assert counted() == [("vera", f"{'a' * 32}:{1:016x}", 1000)]


@pytest.mark.parametrize("service", ["codex-search-api", "codex.search", "Codex"])
def test_a_service_with_a_name_like_a_client_s_is_counted(send_signal, service):
    body = traces(span(1), **{"service.name": service, "enduser.id": "vera"})

    assert send_signal("traces", body).data == b"{}"
    assert len(counted()) == 1


ODD = [{"doubleValue": one} for one in ("NaN", "Infinity", float("nan"), 1.5, 10**30, -1.0)]
ODD += [{"intValue": one} for one in ("abc", "", "9" * 30, True, "-1", 1.5)]
ODD += [{"stringValue": one} for one in ("many", "9" * 600)]


@pytest.mark.parametrize("part", ["input_tokens", "output_tokens", "cache_read.input_tokens"])
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_call_with_a_count_that_is_none_is_refused_and_not_counted_as_0(send_signal, part, value):
    odd = span(1)
    odd["attributes"] = [a for a in odd["attributes"] if not a["key"].endswith(part)]
    odd["attributes"].append({"key": f"gen_ai.usage.{part}", "value": value})

    answer = send_signal("traces", traces(odd, span(2), **{"enduser.id": "vera"}))

    told = answer.get_json()["partialSuccess"]
    assert (answer.status_code, told["rejectedSpans"]) == (200, "1")
    assert f"gen_ai.usage.{part}: must be a whole number, 0 or more" in told["errorMessage"]
    assert len(counted()) == 1


NOBODY_KNOWS = [{"doubleValue": None}, {"intValue": None}, {}, {"doubleValue": float("nan")}]


@pytest.mark.parametrize("value", NOBODY_KNOWS, ids=repr)
def test_a_count_without_a_value_is_one_that_nobody_told(send_signal, value):
    silent = span(1)
    for attribute in silent["attributes"][-2:]:
        attribute["value"] = value

    assert send_signal("traces", traces(silent)).data == b"{}"
    assert [call.usage_known for call in Event.select()] == [False]


def test_a_count_in_protobuf_that_is_no_number_is_refused_too(send_signal):
    request = ExportTraceServiceRequest()
    json_format.ParseDict(traces(span(1)), request)
    call = request.resource_spans[0].scope_spans[0].spans[0]
    call.attributes[-1].value.double_value = float("nan")
    call.trace_id, call.span_id = b"a" * 16, b"b" * 8

    answer = send_signal("traces", request.SerializeToString(), PROTOBUF)

    told = ExportTraceServiceResponse.FromString(answer.data).partial_success
    assert (told.rejected_spans, counted()) == (1, [])


def test_a_call_instrumented_twice_counts_once_whichever_span_comes_first(send_signal):
    inner, outer = span(2, parent=f"{1:016x}"), span(1, **{"gen_ai.response.id": "resp_1"})

    send_signal("traces", traces(inner))
    send_signal("traces", traces(outer))
    send_signal("traces", traces(span(4, parent=f"{3:016x}", trace="b" * 32)))
    send_signal("traces", traces(span(3, trace="b" * 32)))

    assert len(counted()) == 2


def test_a_call_inside_another_with_other_tokens_is_a_call_of_its_own(send_signal):
    send_signal("traces", traces(span(1), span(2, tokens=(900, 90), parent=f"{1:016x}")))

    assert len(counted()) == 2


@pytest.mark.parametrize("named_first", [True, False])
def test_what_one_record_gives_to_nobody_belongs_to_whom_another_names(send_signal, named_first):
    named = traces(span(1, **{"gen_ai.response.id": "resp_1", "user.email": "Vera@corp.com"}))
    nobody = traces(span(1, **{"gen_ai.response.id": "resp_1"}))

    for body in (named, nobody) if named_first else (nobody, named):
        send_signal("traces", body)

    assert counted() == [("vera@corp.com", "resp_1", 1000)]
    assert verify() == []


@pytest.mark.parametrize("named_first", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_whom_a_key_stands_in_for_gives_way_to_whom_a_record_names(
    anonymous, make_key, named_first, together
):
    key = make_key("ingest", user="robot")
    spans = [span(1, **{"user.email": "vera@corp.com"}), span(2, parent=f"{1:016x}")]
    spans = spans if named_first else spans[::-1]

    for some in [spans] if together else [[one] for one in spans]:
        assert anonymous.post("/v1/traces", json=traces(*some), headers=key).status_code == 200
    anonymous.post("/v1/traces", json=traces(span(3)), headers=key)

    assert [user for user, _, _ in sorted(counted())] == ["robot", "vera@corp.com"]
    assert verify() == []


def test_two_people_with_the_same_native_id_stay_two(send_signal, anonymous, make_key):
    key = make_key("ingest")
    event = {
        "id": "resp_1",
        "time": "2026-11-22T10:00:00Z",
        "user": "max",
        "prompt_tokens": 1,
        "completion_tokens": 1,
    }
    anonymous.post("/api/v1/events", json=event, headers=key)
    send_signal("traces", traces(span(1, **{"gen_ai.response.id": "resp_1", "enduser.id": "vera"})))
    anonymous.post("/api/v1/events", json=event | {"user": "ines"}, headers=key)

    assert sorted(user for user, _, _ in counted()) == ["ines", "max", "vera"]


def test_a_call_of_the_gateway_seen_again_as_a_span_counts_once(send_signal, anonymous, make_key):
    event = {
        "id": "req_1",
        "time": "2026-11-22T10:00:00Z",
        "user": "vera",
        "prompt_tokens": 1000,
        "completion_tokens": 100,
    }
    anonymous.post("/api/v1/events", json=event, headers=make_key("ingest"))
    again = {"gen_ai.response.id": "msg_1", "anthropic.request.id": "req_1", "enduser.id": "vera"}
    send_signal("traces", traces(span(1, **again)))

    assert counted() == [("vera", "req_1", 1000)]


@pytest.fixture
def logged(anonymous, make_key):
    """Posts a payload of LiteLLM's callback: a sample's, with other fields and e-mail address."""
    key = make_key("ingest")
    samples = json.loads((SAMPLES / "litellm.json").read_text())

    def post(sample, email, **changes):
        payload = next(one for one in samples if one["id"] == sample) | changes
        payload["metadata"] = payload["metadata"] | {"user_api_key_user_email": email}
        return anonymous.post("/ingest/litellm", json=[payload], headers=key)

    return post


@pytest.mark.parametrize("gateway_first", [True, False])
@pytest.mark.parametrize(("email", "calls"), [("alice@example.com", 1), ("max@example.com", 2)])
def test_a_call_of_claude_code_that_the_gateway_saw_too_counts_once_for_the_same_person(
    send_signal, logged, gateway_first, email, calls
):
    told = json.loads((SAMPLES / "claude_code.json").read_text())["logs"]
    headers = {"additional_headers": {"llm_provider-request-id": "req_fake00001"}}
    roads = [
        lambda: send_signal("logs", told),
        lambda: logged("msg_fake00245", email, hidden_params=headers),
    ]

    for road in roads[::-1] if gateway_first else roads:
        assert road().status_code == 200

    assert Event.select().where(~Event.failed).count() == calls
    assert verify() == []


@pytest.mark.parametrize("gateway_first", [True, False])
def test_a_response_through_the_gateway_that_its_sender_saw_too_counts_once(
    send_signal, logged, gateway_first
):
    wrapped = b64encode(b"litellm:custom_llm_provider:openai;model_id:1;response_id:resp_1")
    said = {"gen_ai.response.id": "resp_1", "enduser.id": "alice@example.com"}
    roads = [
        lambda: send_signal("traces", traces(span(1, **said))),
        lambda: logged("chatcmpl-fake00242", "alice@example.com", id=f"resp_{wrapped.decode()}"),
    ]

    for road in roads[::-1] if gateway_first else roads:
        assert road().status_code == 200

    assert [user for user, _, _ in counted()] == ["alice@example.com"]
    assert verify() == []


def test_whose_key_it_is_says_more_than_an_installations_number(anonymous, make_key):
    key = make_key("ingest", user="vera")
    body = traces(span(1, **{"user.id": "f" * 64}))

    anonymous.post("/v1/traces", json=body, headers=key)

    assert [user for user, _, _ in counted()] == ["vera"]


def test_metrics_are_accepted_and_not_counted(send_signal):
    assert send_signal("metrics", {"resourceMetrics": []}).status_code == 200
    assert counted() == []


def test_a_record_that_can_never_be_taken_is_told_in_partial_success(send_signal):
    body = traces(span(1), span(2, **{"gen_ai.usage.input_tokens": -5}))

    told = send_signal("traces", body).get_json()["partialSuccess"]

    assert told["rejectedSpans"] == "1"
    assert "must be a whole number" in told["errorMessage"]
    assert len(counted()) == 1


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_the_answer_speaks_the_language_of_the_question(send_signal, signal):
    good = send_signal(signal, b"", PROTOBUF)
    bad = send_signal(signal, b"\xff\xff\xff", PROTOBUF)

    assert (good.status_code, good.content_type, good.data) == (200, PROTOBUF, b"")
    assert (bad.status_code, bad.content_type) == (400, PROTOBUF)
    assert Status.FromString(bad.data).code == 3


def test_partial_success_in_protobuf_reads_back(send_signal):
    body = gzip.compress((SAMPLES / "genai_traces.json").read_bytes())

    response = send_signal("traces", body, **{"Content-Encoding": "gzip"})

    assert response.status_code == 200
    assert ExportTraceServiceResponse.FromString(b"") == ExportTraceServiceResponse()


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status"),
    [
        ("{", JSON, {}, 400),
        ('{"resourceSpans": 5}', JSON, {}, 400),
        (b"\x1f\x8bnonsense", JSON, {"Content-Encoding": "gzip"}, 400),
        ("{}", "text/plain", {}, 415),
        ("{}", JSON, {"Content-Encoding": "br"}, 415),
        ("{}", JSON, {"Authorization": "Bearer wrong"}, 401),
    ],
)
def test_what_can_not_be_read_is_refused_once_and_for_all(
    send_signal, body, content_type, headers, status
):
    response = send_signal("traces", body, content_type, **headers)

    assert response.status_code == status
    assert set(response.get_json()) == {"code", "message"}


def test_a_key_whose_space_stayed_encoded_is_understood(send_signal, make_key):
    token = make_key("ingest")["Authorization"].removeprefix("Bearer ")

    response = send_signal("traces", traces(), Authorization=f"Bearer%20{token}")

    assert response.status_code == 200


def test_no_text_of_a_prompt_is_stored(send_signal):
    for sample in ("genai_traces.json", "genai_logs.json"):
        signal = sample.removeprefix("genai_").removesuffix(".json")
        assert send_signal(signal, (SAMPLES / sample).read_bytes()).status_code == 200

    stored = [*Event.select().dicts(), *User.select().dicts(), *CallId.select().dicts()]
    assert stored
    assert "SECRET" not in str(stored)


def captured(name):
    """What a client sent: signal, content type, headers and body of each request."""
    for file in sorted((CAPTURES / name).glob("*.headers.json")):
        told = json.loads(file.read_text())
        headers = {key.lower(): value for key, value in told["headers"]}
        body = file.with_name(file.name.replace("headers.json", "body.bin")).read_bytes()
        kept = {"Content-Encoding": headers.get("content-encoding", "identity")}
        yield told["path"].rsplit("/", 1)[1], body, headers["content-type"], kept


def as_sent(*request):
    """The request as it came."""
    return request


def in_the_other_encoding(signal, body, content_type, headers):
    """The same request as JSON if it was protobuf, as protobuf if it was JSON, both with gzip."""
    body = gzip.decompress(body) if headers["Content-Encoding"] == "gzip" else body
    service, kind = SERVICES[signal]
    message = getattr(service, f"Export{kind}ServiceRequest")
    if content_type == JSON:
        document = with_ids(json.loads(body), lambda id: b64encode(bytes.fromhex(id)).decode())
        read = json_format.ParseDict(document, message(), ignore_unknown_fields=True)
        body, content_type = read.SerializeToString(), PROTOBUF
    else:
        document = json_format.MessageToDict(message.FromString(body), use_integers_for_enums=True)
        document = with_ids(document, lambda id: b64decode(id).hex())
        body, content_type = json.dumps(document).encode(), JSON
    return signal, gzip.compress(body), content_type, {"Content-Encoding": "gzip"}


def with_ids(value, rewritten):
    """A document of OTLP with its ids written in another way."""
    if isinstance(value, list):
        return [with_ids(one, rewritten) for one in value]
    if isinstance(value, dict):
        ids = {"traceId", "spanId", "parentSpanId"}
        return {
            key: rewritten(one) if key in ids else with_ids(one, rewritten)
            for key, one in value.items()
        }
    return value


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not here")
@pytest.mark.parametrize("form", [as_sent, in_the_other_encoding])
@pytest.mark.parametrize("name", SETS)
def test_what_real_clients_sent_arrives_as_it_was_answered(
    send_signal, anonymous, make_key, name, form
):
    bodies = [form(*request) for request in captured(name)]
    bodies *= 2
    random.Random(name).shuffle(bodies)

    assert {send_signal(*body[:3], **body[3]).status_code for body in bodies} == {200}

    due = json.loads((CAPTURES / name / "expected.json").read_text())["totals"]
    read = make_key("read")
    totals = anonymous.get("/api/v1/leaderboard", headers=read).get_json()["totals"]
    assert {ours: totals[ours] for ours in FIELDS} == {o: due["ALL"][t] for o, t in FIELDS.items()}
    for person in {key.split(" | ")[0] for key in due} - {"ALL"}:
        page = anonymous.get(f"/api/v1/users/{person}", headers=read).get_json()
        for part in page["by_model"]:
            if part["calls"]:
                expected = due[f"{person} | {part['model']}"]
                assert {o: part[o] for o in FIELDS} == {o: expected[t] for o, t in FIELDS.items()}
    assert verify() == []
