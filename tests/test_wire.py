"""usage/ingest/wire.py - what protobuf would weigh, told before it is parsed."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from test_otlp import LOGS_BYTES, TRACES_BYTES, varint

from usage.ingest import wire
from usage.ingest.body import BodyTooLarge, UnreadableBody
from usage.ingest.otlp import decode

PROTOBUF = "application/x-protobuf"
TRACES, LOGS = ExportTraceServiceRequest.DESCRIPTOR, ExportLogsServiceRequest.DESCRIPTOR
LIGHTEST = 40


def inside(*fields, body):
    """The bytes as the field of a field of a field …"""
    for field in reversed(fields):
        body = varint(field << 3 | 2) + varint(len(body)) + body
    return body


def messages_in(message):
    """How many messages a parsed message holds, however deep."""
    parts = [part for field, part in message.ListFields() if field.message_type]
    parts = [one for part in parts for one in (part if hasattr(part, "add") else [part])]
    return len(parts) + sum(messages_in(part) for part in parts)


def verdict(body, message=TRACES):
    """What a walk comes to."""
    try:
        return wire.check(body, message)
    except UnreadableBody as refusal:
        return type(refusal)


@pytest.mark.parametrize(("body", "message"), [(TRACES_BYTES, TRACES), (LOGS_BYTES, LOGS)])
def test_a_real_body_is_light_and_passes(body, message):
    assert wire.is_light(body)
    assert verdict(body, message) is None


@pytest.mark.parametrize(
    "body",
    [
        inside(body=b"\x0a\x00" * 600_000),
        inside(1, body=b"\x12\x00" * 600_000),
        inside(1, 2, body=b"\x12\x00" * 200_000),
        inside(1, 2, 2, body=b"\x4a\x02\x12\x00" * 320_000),
        inside(1, 2, 2, body=b"\xca\x80\x00\x82\x80\x00\x12\x00" * 320_000),
        inside(1, 2, 2, 9, 2, 5, body=b"\x0a\x00" * 720_000),
        inside(1, 2, 2, 9, 2, 6, body=b"\x0a\x00" * 540_000),
        inside(1, 1, 3, body=b"\x1a\x00" * 1_100_000),
        b"\x78\x00" * wire.MOST_FIELDS,
    ],
    ids=["resources", "scopes", "spans", "attributes", "overlong", "arrays", "pairs", "names", "x"],
)
def test_a_swarm_is_too_large(body):
    assert verdict(body) is BodyTooLarge


@pytest.mark.parametrize("tag", [b"\x0a", b"\x1a", b"\x4a", b"\x7a", b"\x82\x01", b"\xca\x80\x00"])
def test_no_swarm_looks_light(tag):
    assert not wire.is_light((tag + b"\x00") * (wire.MOST_WEIGHT // 172))


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_a_swarm_is_refused_whatever_it_says_it_is(signal):
    body = b"\x0a\x00" * 600_000

    with pytest.raises(BodyTooLarge) as refusal:
        decode(body, PROTOBUF, signal)

    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a",
        b"\x0a\x01",
        b"\x0a\x80",
        b"\x0a\x02\x12\x01",
        b"\x0a\x03\x12\x02\x00",
        b"\x08",
        b"\x08\xff",
        b"\x09\x00\x00",
        b"\x0d\x00\x00",
        b"\x02\x00",
        b"\x00\x00",
        b"\x0b\x0c",
        b"\x0c",
        b"\x0e\x00",
        b"\x0f\x00",
        b"\x08" + b"\x80" * 10 + b"\x00",
        b"\x8a\x80\x80\x80\x10\x00",
        b"\x8a" + b"\x80" * 9 + b"\x00\x00",
    ],
)
def test_what_is_cut_off_or_makes_no_sense_is_unreadable(body):
    assert verdict(body) is UnreadableBody
    with pytest.raises(UnreadableBody):
        decode(body, PROTOBUF, "metrics")


def test_depth_is_unreadable_and_does_not_grow_the_walk():
    value = b""
    for _ in range(5_000):
        value = inside(5, 1, body=value)

    assert verdict(inside(1, 2, 2, 9, 2, body=value)) is UnreadableBody


def test_metrics_are_walked_through_and_never_built():
    numbers = b"\x01" * 3_000_000
    body = inside(1, 2, 2, 10, 1, 8, 2, body=numbers)

    assert len(ExportMetricsServiceRequest.FromString(body).SerializeToString()) >= len(numbers)
    assert list(decode(body, PROTOBUF, "metrics")) == []
    with pytest.raises(UnreadableBody):
        decode(body[:-1], PROTOBUF, "metrics")


@pytest.mark.parametrize("message", [TRACES, LOGS])
def test_no_numbers_are_packed_into_the_messages_that_are_built(message):
    found, new = {}, [message]
    while new:
        one = new.pop()
        found[one.full_name] = one
        inner = [field.message_type for field in one.fields if field.message_type]
        new += [one for one in inner if one.full_name not in found]

    fields = [field for one in found.values() for field in one.fields]
    assert not [f.full_name for f in fields if f.is_packed]


DAMAGED = st.tuples(
    st.sampled_from([TRACES_BYTES, LOGS_BYTES]),
    st.integers(0, 9_000),
    st.lists(st.tuples(st.integers(0, 9_000), st.binary(min_size=1, max_size=3)), max_size=3),
)


@given(DAMAGED, st.sampled_from([ExportTraceServiceRequest, ExportLogsServiceRequest]))
def test_what_the_library_reads_is_read_alike_and_weighs_as_much(damage, request_type):
    body, end, changes = damage
    damaged = bytearray(body[:end] if end % 2 else body)
    for place, some in changes:
        damaged[place : place + 1] = some
    damaged = bytes(damaged)
    try:
        built = messages_in(request_type.FromString(damaged))
    except DecodeError:
        return

    assert verdict(damaged, request_type.DESCRIPTOR) is None
    with pytest.MonkeyPatch.context() as limits:
        limits.setattr(wire, "MOST_WEIGHT", built * LIGHTEST - 1)
        assert verdict(damaged, request_type.DESCRIPTOR) is (BodyTooLarge if built else None)
        assert not wire.is_light(damaged) or not built
