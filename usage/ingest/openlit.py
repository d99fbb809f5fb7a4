"""OpenLIT over OTLP: as the conventions have it, but for what it guesses or counts apart."""

from collections.abc import Iterator

from usage.ingest import genai
from usage.ingest.event import Event, Naming
from usage.ingest.fields import count, text
from usage.ingest.otlp import Record

SCOPE = "openlit.instrumentation."
# From these it passes on the input without what the cache read and wrote.
APART = {f"{SCOPE}{name}" for name in ("anthropic", "bedrock")}
# Of a chat whose usage nobody tells, and only then, these tell nothing of the cache, and as tokens
# the length of the text.
GUESSING = {f"{SCOPE}openai"}
ASKED = "gen_ai.request.model"
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens")


def claims(record: Record) -> bool:
    """Whether OpenLIT sent this record."""
    return record.scope.startswith(SCOPE)


def read(record: Record) -> Iterator[Event | Naming]:
    """The call that a span tells of; its log only tells it again. Raises InvalidEvent."""
    if record.signal != "traces":
        return
    said = dict(record.attributes)
    if said.get(ASKED) == said.get("gen_ai.provider.name"):
        # On LangChain, of any model but OpenAI's: the answer knows better.
        said[ASKED] = None
    if record.scope in APART:
        said[INPUT] = sum(count(said, name) for name in (INPUT, *CACHED))
    elif record.scope in GUESSING and _is_chat(said) and CACHED[0] not in said:
        said |= {INPUT: None, OUTPUT: None}
    yield from genai.read(record._replace(attributes=said))


def _is_chat(said: dict[str, object]) -> bool:
    return text(said, "gen_ai.operation.name") == "chat"
