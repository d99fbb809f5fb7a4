"""usage/ingest/otlp.py - the records in OTLP bodies, whom they speak of, and the answers."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from usage.counting import TOKEN_FIELDS
from usage.ingest import genai
from usage.ingest.body import BodyTooLarge, UnreadableBody, UnsupportedBody
from usage.ingest.event import TEXT_LIMITS, InvalidEvent
from usage.ingest.otlp import Record, decode, failure, person, project, success
from usage.ingest.otlp_attributes import KEPT
from usage.ingest.otlp_protobuf import MOST_REMEMBERED, Attributes, parsed

DATA = Path(__file__).parent / "data"
TRACES = json.loads((DATA / "genai_traces.json").read_text())
LOGS = json.loads((DATA / "genai_logs.json").read_text())
PROTOBUF, JSON = "application/x-protobuf", "application/json"
TRACE, SPAN, PARENT = "0a" * 16, "0b" * 8, "0c" * 8
FINGERPRINT = "07ffdc713897f83eca41ad03f1efc475b8053f80f76d62310f0b1c6f99931247"
INSTALLATION = "6f1c9b7e-0b1a-4f39-8a4e-2d6f5b0f8f11"
NOON = 1795348800 * 10**9


def attributes(**values):
    """Attributes as JSON has them, from names with _ for the dot."""
    return [{"key": name.replace("__", "."), "value": value} for name, value in values.items()]


def trace(*spans, resource=()):
    """A body of traces in JSON."""
    scopes = [{"scope": {"name": "test"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": {"attributes": list(resource)}, "scopeSpans": scopes}]}


def logged(*records):
    """A body of logs in JSON."""
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


def read(document, signal="traces"):
    """The records of a body in JSON."""
    return list(decode(json.dumps(document).encode(), JSON, signal))


def fill(message: Message, fields):
    """The protobuf of the same message in JSON, for the fields that the samples have."""
    for name, value in fields.items():
        field = next(f for f in message.DESCRIPTOR.fields if f.json_name == name)
        if isinstance(value, dict):
            part = getattr(message, field.name)
            part.SetInParent()
            fill(part, value)
        elif isinstance(value, list):
            for one in value:
                fill(getattr(message, field.name).add(), one)
        elif field.type == field.TYPE_BYTES:
            setattr(message, field.name, bytes.fromhex(value))
        elif field.type in (field.TYPE_STRING, field.TYPE_BOOL, field.TYPE_DOUBLE):
            setattr(message, field.name, value)
        else:
            setattr(message, field.name, int(value))
    return message


TRACES_BYTES = fill(ExportTraceServiceRequest(), TRACES).SerializeToString()
LOGS_BYTES = fill(ExportLogsServiceRequest(), LOGS).SerializeToString()


def record(resource=(), **said):
    """A record of which only the attributes matter."""
    said = {name.replace("__", "."): value for name, value in said.items()}
    return Record("traces", "", dict(resource), said)


@pytest.mark.parametrize(
    ("signal", "document", "body"),
    [("traces", TRACES, TRACES_BYTES), ("logs", LOGS, LOGS_BYTES)],
)
def test_both_encodings_hold_the_same_records(signal, document, body):
    records = list(decode(body, PROTOBUF, signal))

    assert records == read(document, signal)
    assert len(records) == json.dumps(document).count('"traceId"')


@pytest.mark.parametrize(
    ("body", "signal"), [(TRACES_BYTES, "traces"), (LOGS_BYTES, "logs")], ids=["traces", "logs"]
)
def test_no_prompt_gets_into_a_record(body, signal):
    assert b"SECRET PROMPT TEXT" in body

    assert "SECRET" not in repr(list(decode(body, PROTOBUF, signal)))


def test_a_span_is_its_name_its_end_and_what_surrounds_it():
    span = {
        "traceId": TRACE.upper(),
        "spanId": SPAN,
        "parentSpanId": PARENT,
        "name": "chat",
        "startTimeUnixNano": str(NOON - 10**9),
        "endTimeUnixNano": NOON + 1_234_567_000,
        "attributes": attributes(model={"stringValue": "m"}, attempt={"intValue": 3}),
    }

    (record,) = read(trace(span, resource=attributes(project={"stringValue": "docs"})))

    assert record == Record(
        signal="traces",
        scope="test",
        resource={"project": "docs"},
        attributes={"model": "m", "attempt": 3},
        name="chat",
        time=datetime(2026, 11, 22, 12, 0, 1, 234567, UTC),
        trace_id=TRACE,
        span_id=SPAN,
        parent_id=PARENT,
    )


def test_a_span_without_its_end_has_the_time_of_its_start():
    (record,) = read(trace({"startTimeUnixNano": str(NOON)}))

    assert record.time == datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "failed"),
    [
        ({}, False),
        ({"status": {"code": 1}}, False),
        ({"status": {"code": 2}}, True),
        ({"status": {"code": "2"}}, True),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, True),
        ({"status": {"code": "STATUS_CODE_OK"}}, False),
        ({"status": {"code": ["STATUS_CODE_ERROR"]}}, False),
        ({"attributes": attributes(error__type={"stringValue": "timeout"})}, True),
        ({"attributes": attributes(error__type={"stringValue": ""})}, False),
    ],
)
def test_a_span_has_failed_by_its_status_or_its_error_type(span, failed):
    (record,) = read(trace(span))

    assert record.failed is failed


@pytest.mark.parametrize(
    ("log", "name"),
    [
        ({}, ""),
        ({"eventName": "gen_ai.choice"}, "gen_ai.choice"),
        ({"body": {"stringValue": "claude_code.api_request"}}, "claude_code.api_request"),
        ({"body": {"stringValue": "Please fix usage.ingest.otlp"}}, ""),
        ({"body": {"stringValue": "a" * 99 + ".b"}}, ""),
        ({"body": {"kvlistValue": {"values": []}}}, ""),
        (
            {
                "eventName": "event otel/src/events/session_telemetry.rs:1153",
                "attributes": attributes(event__name={"stringValue": "codex.sse_event"}),
            },
            "codex.sse_event",
        ),
        (
            {
                "body": {"stringValue": "claude_code.api_request"},
                "attributes": attributes(event__name={"stringValue": "api_request"}),
            },
            "api_request",
        ),
    ],
)
def test_a_log_is_called_by_its_attribute_its_event_name_or_its_body(log, name):
    (record,) = read(logged(log), "logs")

    assert record.name == name


@pytest.mark.parametrize(
    ("log", "second"),
    [
        ({"timeUnixNano": str(NOON + 10**9), "observedTimeUnixNano": str(NOON)}, 1),
        ({"timeUnixNano": 0, "observedTimeUnixNano": NOON + 2 * 10**9}, 2),
        ({"event.timestamp": "2026-11-22T12:00:03.000Z", "timeUnixNano": str(NOON)}, 3),
        ({"event.timestamp": "2026-11-22T12:00:04", "timeUnixNano": str(NOON)}, 4),
        ({"event.timestamp": "yesterday", "timeUnixNano": str(NOON + 5 * 10**9)}, 5),
    ],
)
def test_a_log_happened_when_its_event_did_else_when_it_was_seen(log, second):
    said = log.pop("event.timestamp", "")

    (record,) = read(
        logged(log | {"attributes": attributes(event__timestamp={"stringValue": said})}), "logs"
    )

    assert record.time == datetime(2026, 11, 22, 12, 0, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"stringValue": "x" * 512}, "x" * 512),
        ({"stringValue": "x" * 513}, None),
        ({"intValue": "42"}, 42),
        ({"intValue": 42}, 42),
        ({"intValue": "-42"}, -42),
        ({"doubleValue": 0.25}, 0.25),
        ({"doubleValue": 3}, 3.0),
        ({"boolValue": True}, True),
        ({}, None),
        (None, None),
        ("text", None),
        ({"stringValue": 5}, None),
        ({"intValue": "four"}, None),
        ({"intValue": True}, None),
        ({"intValue": 10**400}, None),
        ({"intValue": "9" * 5000}, None),
        ({"doubleValue": "NaN"}, None),
        ({"arrayValue": {"values": [{"stringValue": "x"}]}}, None),
        ({"kvlistValue": {"values": [{"key": "model", "value": {"stringValue": "x"}}]}}, None),
        ({"bytesValue": "eA=="}, None),
    ],
)
def test_only_short_scalars_are_kept(value, kept):
    (record,) = read(trace({"attributes": [{"key": "model", "value": value}]}))

    assert record.attributes.get("model") == kept


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_not_kept(value):
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.attributes.add(key="cost_usd").value.double_value = value

    (record,) = decode(request.SerializeToString(), PROTOBUF, "traces")

    assert record.attributes == {}


def test_a_long_id_stays_an_id():
    ids = [{"stringValue": "resp_" + "x" * 1000 + end} for end in "aab"]
    key = "gen_ai.response.id"

    one, same, other = read(trace(*({"attributes": [{"key": key, "value": i}]} for i in ids)))

    assert one.attributes[key] == same.attributes[key] != other.attributes[key]
    assert len(one.attributes[key]) <= 500


def test_of_openinference_s_parameters_only_the_model_is_kept():
    said = json.dumps({"instructions": 'SECRET "model": "x"', "model": "gpt-4.1"})
    key = "llm.invocation_parameters"

    (record,) = read(trace({"attributes": [{"key": key, "value": {"stringValue": said}}]}))

    assert record.attributes == {key: "gpt-4.1"}


@pytest.mark.parametrize(
    "key", ["process.command_args", "gen_ai.input.messages", "prompt", "input.value", "metadata"]
)
def test_attributes_that_nobody_needs_are_left_behind(key):
    assert key not in KEPT


@pytest.mark.parametrize("wrong", ["zz" * 16, "0a", "00" * 16, 7, None, [TRACE], "0a" * 5000])
def test_an_id_that_is_none_is_empty(wrong):
    (record,) = read(trace({"traceId": wrong, "spanId": wrong, "parentSpanId": wrong}))

    assert (record.trace_id, record.span_id, record.parent_id) == ("", "", "")


@pytest.mark.parametrize("wrong", [-1, -(2**66), 2**70, "x", "9" * 30, 1e300, True, [], {}])
def test_a_wrong_time_is_no_reason_to_fall(wrong):
    (record,) = read(trace({"endTimeUnixNano": wrong}))

    assert record.time is None or record.time.year < 2700


def test_a_span_without_a_person_takes_the_one_around_it():
    person_on = attributes(enduser__id={"stringValue": "ada"}, project={"stringValue": "docs"})
    own = attributes(enduser__id={"stringValue": "max"})
    inner = {"traceId": TRACE, "spanId": SPAN, "parentSpanId": PARENT}
    middle = {"traceId": TRACE, "spanId": PARENT, "parentSpanId": "0d" * 8}
    outer = {"traceId": TRACE, "spanId": "0d" * 8, "attributes": person_on}
    named = inner | {"spanId": "0e" * 8, "attributes": own}
    stranger = inner | {"traceId": "0f" * 16}

    records = read(trace(inner, named, stranger, middle, outer))

    assert [person(record)[0] for record in records] == ["ada", "max", "", "ada", "ada"]
    assert [project(record) for record in records] == ["docs", "docs", "", "docs", "docs"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_person_is_found_around_however_many_spans(order):
    said = {"attributes": attributes(enduser__id={"stringValue": "ada"})}
    chain = [
        {"traceId": TRACE, "spanId": f"{n:016x}", "parentSpanId": f"{n - 1:016x}"}
        for n in range(2, 20_000)
    ]
    outermost = {"traceId": TRACE, "spanId": f"{1:016x}"} | said

    records = read(trace(*[outermost, *chain][::order]))

    assert {person(record)[0] for record in records} == {"ada"}


def test_spans_inside_a_circle_take_what_stands_on_their_way_into_it():
    one = {"traceId": TRACE, "spanId": SPAN, "parentSpanId": PARENT}
    other = {"traceId": TRACE, "spanId": PARENT, "parentSpanId": SPAN}
    said = {"attributes": attributes(enduser__id={"stringValue": "ada"})}
    inner = {"traceId": TRACE, "spanId": "0e" * 8, "parentSpanId": SPAN}

    for spans in ([inner, one, other | said], [other | said, one, inner]):
        assert {person(record)[0] for record in read(trace(*spans))} == {"ada"}


def test_spans_around_each_other_come_to_an_end():
    one = {"traceId": TRACE, "spanId": SPAN, "parentSpanId": PARENT}
    other = {"traceId": TRACE, "spanId": PARENT, "parentSpanId": SPAN}
    named = {"attributes": attributes(enduser__id={"stringValue": "ada"})}

    assert [person(record)[0] for record in read(trace(one, other, named))] == ["", "", "ada"]


@pytest.mark.parametrize(
    ("body", "content_type", "signal"),
    [
        (b"\xff\xff", PROTOBUF, "traces"),
        (b"{}", PROTOBUF, "logs"),
        (b"\x0a\xff", PROTOBUF, "metrics"),
        (b"", JSON, "traces"),
        (b"{", JSON, "metrics"),
        (b"[]", JSON, "traces"),
        (b'"x"', JSON, "logs"),
        (b'{"resourceLogs": {}}', JSON, "logs"),
        (b'{"resourceMetrics": 5}', JSON, "metrics"),
        (b"[" * 100_000, JSON, "traces"),
        (b'{"a":' * 100_000, JSON, "traces"),
    ],
)
def test_a_body_that_holds_nothing_of_the_kind_is_unreadable(body, content_type, signal):
    with pytest.raises(UnreadableBody) as refusal:
        decode(body, content_type, signal)

    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    "attribute", [b"\xff", b"\x0a\x05abc", b"\x0a\x01\xff\x12\x00", b"\x12\x01\xff"]
)
def test_a_damaged_attribute_makes_a_body_unreadable(attribute):
    for field in (9, 2, 2, 1):
        attribute = varint(field << 3 | 2) + varint(len(attribute)) + attribute

    with pytest.raises(UnreadableBody):
        decode(attribute, PROTOBUF, "traces")


def test_of_many_attributes_the_latest_are_remembered_and_all_are_read():
    many = 3 * MOST_REMEMBERED
    known = Attributes(lambda key, value: (key, value))
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add().resource
    for number in range(many):
        group.attributes.add(key=str(number)).value.int_value = number

    read = known.of(parsed(request.SerializeToString(), "traces").resource_spans[0].resource)

    assert read == {str(number): number for number in range(many)}
    assert 0 < len(known) <= MOST_REMEMBERED


def test_deep_nesting_makes_a_body_unreadable():
    value = b""
    for _ in range(200):
        # AnyValue.array_value.values, one inside the other.
        value = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(value)) + value
    body = b"\x12" + varint(len(value)) + value
    for field in (b"\x0a", b"\x0a", b"\x0a"):
        body = field + varint(len(body)) + body

    with pytest.raises(UnreadableBody):
        decode(body, PROTOBUF, "traces")


def varint(number):
    """A number as protobuf writes it."""
    some = bytearray()
    while number > 127:
        some.append(number & 127 | 128)
        number >>= 7
    return bytes([*some, number])


def test_too_many_records_are_refused_before_they_fill_the_memory():
    assert len(list(decode(TRACES_BYTES, PROTOBUF, "traces", most=16))) == 16

    with pytest.raises(BodyTooLarge):
        decode(TRACES_BYTES, PROTOBUF, "traces", most=15)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/grpc"])
def test_other_content_types_are_not_spoken(content_type):
    with pytest.raises(UnsupportedBody):
        decode(b"", content_type, "traces")


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"", PROTOBUF), (b"", "application/protobuf"), (b"{}", JSON), (b'{"new": [1]}', JSON)],
)
def test_an_empty_request_holds_nothing(body, content_type, signal):
    assert list(decode(body, content_type, signal)) == []


@pytest.mark.parametrize(
    "document",
    [
        {"resourceSpans": None},
        {"resourceSpans": [None, 5, {"resource": 7, "scopeSpans": "x"}]},
        {"resourceSpans": [{"scopeSpans": [{"scope": [], "spans": {"a": 1}}]}]},
    ],
)
def test_what_is_misplaced_in_json_is_passed_over(document):
    assert read(document) == []


def test_metrics_are_checked_and_yield_nothing():
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="gen_ai.client.token.usage")
    document = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "x"}]}]}]}

    assert list(decode(request.SerializeToString(), PROTOBUF, "metrics")) == []
    assert read(document, "metrics") == []


def test_a_taken_body_is_answered_in_its_own_encoding():
    assert success(PROTOBUF, "traces") == b""
    assert success(JSON, "logs") == b"{}"


def test_rejected_records_are_told_as_a_partial_success():
    answer = ExportTraceServiceResponse.FromString(success(PROTOBUF, "traces", 2, "Two."))
    assert answer.partial_success.rejected_spans == 2
    assert answer.partial_success.error_message == "Two."

    answer = ExportMetricsServiceResponse.FromString(success(PROTOBUF, "metrics", 1))
    assert answer.partial_success.rejected_data_points == 1

    assert json.loads(success(JSON, "logs", 3, "Three.")) == {
        "partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "Three."}
    }


def test_a_refused_body_is_answered_with_a_status():
    status = Status.FromString(failure(PROTOBUF, 3, "Not readable."))

    assert (status.code, status.message) == (3, "Not readable.")
    assert json.loads(failure(JSON, 3, "No.")) == {"code": 3, "message": "No."}
    assert json.loads(failure("text/plain", 3, "No.")) == {"code": 3, "message": "No."}


@pytest.mark.parametrize(
    ("record", "user", "email"),
    [
        (record(), "", ""),
        (record(user__email="Ada@Example.com"), "ada@example.com", "ada@example.com"),
        (record(enduser__id="ada", user__email=" "), "ada", ""),
        (record(enduser__id="max", user__email="ada@x.org"), "ada@x.org", "ada@x.org"),
        (record(gen_ai__user="vera", user__id="otto"), "otto", ""),
        (record(gen_ai__user="vera", user__id=FINGERPRINT), "vera", ""),
        (record(gen_ai__user="vera", user__id="12345"), "vera", ""),
        (record({"enduser.id": "ada"}, user__id=12345), "ada", ""),
        (record(user__id=12345), "12345", ""),
        (record({"enduser.id": "ada@x.org"}, user__id=FINGERPRINT), "ada@x.org", "ada@x.org"),
        (record({"user.id": "otto"}, gen_ai__user="vera"), "vera", ""),
        (record({"user.email": "max@x.org"}), "max@x.org", "max@x.org"),
        (record(user__id=FINGERPRINT), FINGERPRINT, ""),
        (record({"installation.id": INSTALLATION}), INSTALLATION, ""),
        (record(**{"traceloop.association.properties.user_id": "dora"}), "dora", ""),
        (record(**{"mastra.metadata.userId": "dora"}), "dora", ""),
        (record(**{"langfuse.user.id": "dora"}), "dora", ""),
        (record(enduser__id=42), "42", ""),
        (record(enduser__id=True, user__email=["a@b.c"]), "", ""),
        (record({"enduser.id": "ada"}, gen_ai__user="x" * 201), "ada", ""),
        (record({"process.owner": "root"}), "", ""),
    ],
)
def test_the_nearest_and_clearest_name_is_the_person(record, user, email):
    assert person(record) == (user, email)


def test_a_project_is_what_the_sender_calls_so():
    around = {"project": "docs", "service.name": "acme-backend"}

    assert project(record(around)) == "docs"
    assert project(record(around, project__name="shop")) == "shop"
    assert project(record({"service.name": "acme-backend"})) == ""


def test_where_no_project_is_named_the_team_is_one():
    assert project(record({"team.id": "platform"})) == "platform"
    assert project(record({"project": "docs"}, team__id="platform")) == "docs"


def read_or_refuse(body, content_type, signal):
    """Read a body as the app does; nothing but a refusal may come of it."""
    try:
        records = list(decode(body, content_type, signal))
    except UnreadableBody:
        return
    fields = set()
    for record in records:
        assert all(isinstance(word, str) for word in (*person(record), project(record)))
        try:
            list(genai.read(record))
        except InvalidEvent as error:
            fields.add(error.field)
    assert fields <= KEPT | TEXT_LIMITS.keys() | {"id", "time", "user", *TOKEN_FIELDS}


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2", "-1", "chat", TRACE, "9" * 5000, 10**4000, "2026-11-22T10:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@st.composite
def damaged(draw, document):
    """A sample in JSON with one value, anywhere, replaced by any other."""
    document = json.loads(json.dumps(document))
    place, last = document, None
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        last, key = place, draw(st.sampled_from(keys))
        place = place[key]
        if draw(st.integers(0, 9)) == 0:
            break
    last[key] = draw(VALUE)
    return document


@settings(max_examples=300, deadline=None, database=None)
@given(damaged(TRACES) | damaged(LOGS), st.sampled_from(["traces", "logs"]))
def test_damaged_json_is_read_or_refused(document, signal):
    read_or_refuse(json.dumps(document).encode(), JSON, signal)


@settings(max_examples=100, deadline=None, database=None)
@given(VALUE, st.sampled_from(["traces", "logs", "metrics"]))
def test_any_json_is_read_or_refused(value, signal):
    read_or_refuse(json.dumps(value).encode(), JSON, signal)


@settings(max_examples=300, deadline=None, database=None)
@given(
    st.sampled_from([TRACES_BYTES, LOGS_BYTES]),
    st.integers(0, 9_000),
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 255)), max_size=4),
    st.sampled_from(["traces", "logs", "metrics"]),
)
def test_damaged_and_truncated_protobuf_is_read_or_refused(body, end, changes, signal):
    damaged = bytearray(body[:end] or body)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte

    read_or_refuse(bytes(damaged), PROTOBUF, signal)
