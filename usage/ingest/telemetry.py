"""OpenTelemetry records of whichever client: each is read by the adapter that claims it."""

from collections.abc import Iterator

from usage.ingest import claude_code, codex, gemini, genai
from usage.ingest.event import Event
from usage.ingest.otlp import Record

# User and project are derived: what a key says of its sender fills in, and its project wins.
EXPLICIT = False
CLIENTS = (claude_code, codex, gemini)


def read(record: Record) -> Iterator[Event]:
    """The call that a record tells of, or nothing. Raises InvalidEvent."""
    adapter = next((client for client in CLIENTS if client.claims(record)), genai)
    return adapter.read(record)
