"""OpenTelemetry's GenAI conventions, in all their dialects: one model call becomes one event."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from usage.ingest.event import Event, InvalidEvent, Naming
from usage.ingest.fields import count, telling, text, tokens
from usage.ingest.genai_frame import frame_of
from usage.ingest.otlp import Record, naming

TOKENS = {
    "prompt_tokens": """gen_ai.usage.input_tokens gen_ai.usage.prompt_tokens
        llm.usage.prompt_tokens llm.token_count.prompt""",
    "completion_tokens": """gen_ai.usage.output_tokens gen_ai.usage.completion_tokens
        llm.usage.completion_tokens llm.token_count.completion""",
    "cache_read_tokens": """gen_ai.usage.cache_read.input_tokens
        gen_ai.usage.cache_read_input_tokens gen_ai.usage.input_tokens.cached
        llm.token_count.prompt_details.cache_read llm.token_count.prompt_details.cache_input
        usage.cached_tokens usage.cache_read_input_tokens usage.cache_read""",
    "cache_write_tokens": """gen_ai.usage.cache_creation.input_tokens
        gen_ai.usage.cache_write.input_tokens gen_ai.usage.cache_creation_input_tokens
        gen_ai.usage.input_tokens.cache_write llm.token_count.prompt_details.cache_write
        usage.cache_creation_tokens usage.cache_creation_input_tokens usage.cache_creation""",
    "reasoning_tokens": """gen_ai.usage.reasoning.output_tokens gen_ai.usage.reasoning_tokens
        gen_ai.usage.output_tokens.reasoning gen_ai.usage.details.reasoning_tokens
        gen_ai.usage.details.thoughts_tokens llm.token_count.completion_details.reasoning
        usage.reasoning_tokens usage.reasoning""",
}
TOKENS = {ours: theirs.split() for ours, theirs in TOKENS.items()}
# On Bedrock, what the cache read and wrote is not in the input that these pass on.
APART = {"bedrock", "genai.bedrock", "botocore.bedrock-runtime"}
APART = {f"opentelemetry.instrumentation.{name}" for name in APART}

# Other ids that the spans of one call share.
REQUEST = ("anthropic.request.id", "gcp.vertex.agent.event_id")


def claims(record: Record) -> bool:
    """Always: what no client of its own claims may follow the conventions."""
    return True


def read(record: Record) -> Iterator[Event | Naming]:
    """The call that a span or a log tells of; of other spans, at most whose their trace is.

    Raises InvalidEvent.
    """
    said = record.attributes
    answer = text(said, "gen_ai.response.id")
    frame = frame_of(record, bool(answer))
    if not frame:
        yield from naming(record)
        return
    span, around = _span(record, record.span_id), _span(record, record.parent_id)
    if answer and record.signal == "logs":
        # What it was written in may be a span around several calls.
        span, around = "", span
    ids = [one for one in (answer, span, text(said, *REQUEST)) if one]
    with telling(ids[0] if ids else ""):
        yield from _events(record, ids, {"span": span, "parent_span": around} | frame)


def _events(record: Record, ids: list[str], frame: dict[str, Any]) -> Iterator[Event]:
    said = record.attributes
    told = [count(said, *names) for names in _counted(tuple(said))] if not record.failed else []
    counts = tokens(*told, apart=record.scope in APART) if told else {}
    usage_known = record.failed or any(counts.values())
    # Some also log that they are about to ask.
    if record.signal == "logs" and not usage_known and "gen_ai.response.id" not in said:
        return
    if not ids:
        raise InvalidEvent("id", "needs gen_ai.response.id, or the ids of a trace and a span")
    if not record.time:
        raise InvalidEvent("time", "needs the time at which the call ended")
    yield Event(
        id=ids[0],
        also=tuple(ids[1:]),
        time=record.time,
        failed=record.failed,
        # A stream that wasn't asked for its usage tells none.
        usage_known=usage_known,
        **frame,
        **counts,
    )


@lru_cache(1024)
def _counted(said: tuple[str, ...]) -> list[list[str]]:
    """Which of what is said are counts of tokens, in the order of an event's."""
    return [[name for name in names if name in said] for names in TOKENS.values()]


def _span(record: Record, span_id: str) -> str:
    return f"{record.trace_id}:{span_id}" if record.trace_id and span_id else ""
