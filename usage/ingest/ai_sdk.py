"""Vercel's AI SDK over OTLP: each question to a model is told in other words, the rest as usual."""

from collections.abc import Iterator

from usage.ingest import genai
from usage.ingest.event import Event, Naming
from usage.ingest.fields import text
from usage.ingest.otlp import Record, naming

CALLS = {"doGenerate": "chat", "doStream": "chat", "doEmbed": "embeddings"}
WORDS = {
    "gen_ai.system": ("gen_ai.system", "ai.model.provider"),
    "gen_ai.request.model": ("gen_ai.request.model", "ai.model.id"),
}
COUNTS = {
    "cache_read.input_tokens": ("cachedInputTokens", "inputTokenDetails.cacheReadTokens"),
    "cache_creation.input_tokens": ("inputTokenDetails.cacheWriteTokens",),
    "reasoning_tokens": ("reasoningTokens",),
    "prompt_tokens": ("tokens",),
}
# As Anthropic answers them: what the cache read and wrote is not in input_tokens.
APART = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
# Since its version 7 the SDK follows the conventions.
OWN_WORDS, CONVENTIONS = "ai", "gen_ai"


def claims(record: Record) -> bool:
    """Whether the AI SDK sent this record."""
    return record.scope in (OWN_WORDS, CONVENTIONS) and record.signal == "traces"


def read(record: Record) -> Iterator[Event | Naming]:
    """The call that a span tells of; spans around it sum up what it took. Raises InvalidEvent."""
    said, operation = record.attributes, CALLS.get(record.name.rpartition(".")[2])
    if record.scope == CONVENTIONS:
        yield from naming(record) if _is_around(record) else genai.read(record)
        return
    if not operation:
        yield from naming(record)
        return
    told: dict[str, object] = {"gen_ai.operation.name": operation}
    told |= {name: text(said, *theirs) for name, theirs in WORDS.items()}
    for name, theirs in COUNTS.items():
        told[f"gen_ai.usage.{name}"] = next(
            (said[f"ai.usage.{one}"] for one in theirs if f"ai.usage.{one}" in said), None
        )
    if "usage.input_tokens" in said:
        # Until its version 6 the SDK passed on this one count as that of all input.
        told["gen_ai.usage.input_tokens"] = sum(said.get(f"usage.{name}", 0) for name in APART)
    yield from genai.read(record._replace(attributes=said | told))


def _is_around(record: Record) -> bool:
    """Whether a span is the one around all calls of an embedding, which is called like them."""
    is_embedding = text(record.attributes, "gen_ai.operation.name") == "embeddings"
    return (
        is_embedding and not record.failed and "gen_ai.usage.input_tokens" not in record.attributes
    )
