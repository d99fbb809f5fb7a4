"""OTLP's protobuf, of which only those fields are parsed that anything is read from."""

from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from usage.ingest import wire
from usage.ingest.body import UnreadableBody

SERVICES = {
    "traces": (trace_service_pb2, "Trace"),
    "logs": (logs_service_pb2, "Logs"),
    "metrics": (metrics_service_pb2, "Metrics"),
}
# Fields from the request down to one record, which gives the count of the rejected its name.
PATHS = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
    "metrics": ("resource_metrics", "scope_metrics", "data_points"),
}
# What is read of a message: all other fields, like the events of a span, stay bytes.
READ = {
    "resource",
    "scope",
    "attributes",
    "name",
    "version",
    "status",
    "code",
    "event_name",
    "body",
}
READ |= {"trace_id", "span_id", "parent_span_id", "string_value", *PATHS["traces"], *PATHS["logs"]}
READ |= {"start_time_unix_nano", "end_time_unix_nano"}
READ |= {"time_unix_nano", "observed_time_unix_nano"}
SCALARS = {"string_value", "int_value", "double_value", "bool_value"}
# Of so many attributes, of so many bytes each, it is remembered what they say.
MOST_REMEMBERED, LONGEST_REMEMBERED = 4096, 256

Pair = tuple[str, str | int | float | bool]
Keep = Callable[[str, Any], Pair | None]
"""What is kept of an attribute, by its key and its value; None for nothing."""


def parsed(body: bytes, signal: str) -> Any:
    """The request message in a body, as far as it is read; of metrics an empty one.

    Raises UnreadableBody and BodyTooLarge before the body takes any memory.
    """
    service, kind = SERVICES[signal]
    request = getattr(service, f"Export{kind}ServiceRequest")
    if signal == "metrics" or not wire.is_light(body):
        wire.check(body, request.DESCRIPTOR)
    try:
        return request() if signal == "metrics" else _as_read(signal).FromString(body)
    except DecodeError:
        raise UnreadableBody(f"The body is not the protobuf of OTLP {signal}.") from None


class Attributes(dict[bytes, Pair | None]):
    """What is kept of an attribute, by its bytes: most come again with every record of a body."""

    def __init__(self, keep: Keep):
        self.keep = keep

    def of(self, message: Any) -> dict[str, Any]:
        """What is kept of a message's attributes."""
        return dict(filter(None, map(self.__getitem__, message.attributes[:])))

    def __missing__(self, raw: bytes) -> Pair | None:
        try:
            attribute = KeyValue.FromString(raw)
        except DecodeError:
            raise UnreadableBody("The body holds an attribute that is no protobuf.") from None
        value = _any_value(attribute.value)
        pair = None if value is None else self.keep(attribute.key, value)
        if len(raw) <= LONGEST_REMEMBERED:
            if len(self) == MOST_REMEMBERED:
                self.clear()
            self[raw] = pair
        return pair


def _any_value(value: Any) -> str | int | float | bool | None:
    # Nearly all are texts and counts: to ask for these is quicker than to ask which it is.
    if found := value.string_value or value.int_value:
        return found
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in SCALARS else None


@cache
def _as_read(signal: str) -> Any:
    """The class of a signal's request with the fields that are read; attributes are bytes there."""
    service, kind = SERVICES[signal]
    pool = DescriptorPool()
    _add_as_read(pool, service.DESCRIPTOR)
    name = f"{service.DESCRIPTOR.package}.Export{kind}ServiceRequest"
    return GetMessageClass(pool.FindMessageTypeByName(name))


def _add_as_read(pool: DescriptorPool, file: FileDescriptor) -> None:
    for other in file.dependencies:
        _add_as_read(pool, other)
    copy = FileDescriptorProto()
    file.CopyToProto(copy)
    for message in copy.message_type:
        kept = [field for field in message.field if field.name in READ]
        for field in kept:
            if field.name == "attributes":
                field.type = field.TYPE_BYTES
                field.ClearField("type_name")
        del message.field[:]
        message.field.extend(kept)
    pool.Add(copy)
