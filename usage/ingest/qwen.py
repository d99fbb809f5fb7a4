"""Qwen Code over OTLP: a response's log is read like its span, which follows the conventions."""

from collections.abc import Iterator

from usage.ingest import genai
from usage.ingest.event import Event, Naming
from usage.ingest.fields import count, text
from usage.ingest.genai_frame import DETAILS
from usage.ingest.otlp import Record

SERVICE, CALL = "qwen-code", "qwen-code.llm_request"
RESPONSE, ERROR = "qwen-code.api_response", "qwen-code.api_error"
THOUGHTS, REASONING = "thoughts_token_count", "gen_ai.usage.reasoning_tokens"


def claims(record: Record) -> bool:
    """Whether Qwen Code sent this record."""
    service = record.resource.get("service.name")
    return SERVICE in (record.scope, service) or record.name.startswith(f"{SERVICE}.")


def read(record: Record) -> Iterator[Event | Naming]:
    """The call that a log or a span tells of, or nothing. Raises InvalidEvent."""
    said = {"originator": SERVICE} | record.attributes
    if record.signal == "traces" and record.name == CALL:
        said[REASONING] = said.get(THOUGHTS)
        yield from genai.read(record._replace(attributes=said))
    # Older versions log without a span around, and a failure there has no id at all.
    elif record.name == RESPONSE or (record.name == ERROR and record.span_id):
        failed = record.name == ERROR
        yield from genai.read(
            record._replace(name=DETAILS, attributes=said | _told(said), failed=failed)
        )


def _told(said: dict[str, object]) -> dict[str, object]:
    """What a log says, in the words of the conventions."""
    prompt, output = count(said, "input_token_count"), count(said, "output_token_count")
    thoughts = count(said, THOUGHTS)
    # The counts of most models hold their thoughts, those of Gemini don't.
    apart = count(said, "total_token_count") == prompt + output + thoughts
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": text(said, "auth_type"),
        "gen_ai.request.model": text(said, "model"),
        "gen_ai.response.id": text(said, "response_id"),
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": output + thoughts * apart,
        "gen_ai.usage.cache_read.input_tokens": count(said, "cached_content_token_count"),
        REASONING: thoughts,
    }
