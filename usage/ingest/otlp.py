"""OTLP/HTTP: protobuf and JSON bodies -> the records in them, alike for both encodings."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Record:
    """One span or log record, with what surrounds it; ids are lower-case hex, "" when absent."""

    signal: str
    scope: str
    resource: dict[str, object]
    attributes: dict[str, object]
    name: str = ""
    time: datetime | None = None
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    failed: bool = False
