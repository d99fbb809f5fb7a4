"""Langfuse's libraries over OTLP: their generations tell a call in words of their own."""

from collections.abc import Iterator

from usage.counting import TOKEN_FIELDS
from usage.ingest import genai
from usage.ingest.event import Event, Naming
from usage.ingest.fields import nested, text
from usage.ingest.langfuse import CALLS, used
from usage.ingest.otlp import Record, naming

SAID = "langfuse.observation."
MODEL, USAGE = f"{SAID}model.name", f"{SAID}usage_details"
# In the order of TOKEN_FIELDS.
COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read.input_tokens",
    "cache_creation.input_tokens",
    "reasoning_tokens",
)


def claims(record: Record) -> bool:
    """Whether one of Langfuse's libraries sent this record."""
    return record.scope == "langfuse-sdk" and record.signal == "traces"


def read(record: Record) -> Iterator[Event | Naming]:
    """The call that a span tells of; of other spans, at most whose their trace is.

    Raises InvalidEvent.
    """
    said = record.attributes
    if text(said, f"{SAID}type").upper() not in CALLS:
        yield from naming(record)
        return
    counts = used(_apart(nested(said, USAGE)))
    # All kinds of calls are counted alike.
    told = {"gen_ai.operation.name": "chat", "gen_ai.response.model": text(said, MODEL)}
    told |= {
        f"gen_ai.usage.{n}": counts[ours] for n, ours in zip(COUNTS, TOKEN_FIELDS, strict=True)
    }
    failed = record.failed or text(said, f"{SAID}level") == "ERROR"
    # What failed after the model had answered has used its tokens.
    failed &= not any(counts.values())
    yield from genai.read(record._replace(attributes=said | told, failed=failed))


def _apart(usage: dict) -> dict:
    """The counts in a usage, those in OpenAI's details of one under both names."""
    apart = {}
    for name, value in usage.items():
        inside = value if isinstance(value, dict) else {}
        apart |= {f"{name}_{part}": inside[part] for part in inside} or {name: value}
    return {name: value for name, value in apart.items() if isinstance(value, int | float | str)}
