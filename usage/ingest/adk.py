"""Google's Agent Development Kit over OTLP: call_llm tells a call, and more than what is inside."""

from collections.abc import Iterator

from usage.ingest import genai
from usage.ingest.event import Event, Naming
from usage.ingest.fields import count, text
from usage.ingest.otlp import Record, naming
from usage.ingest.otlp_attributes import OPAQUE_IDS, PERSON

SCOPE, CALL, EVENT = "gcp.vertex.agent", "call_llm", "gcp.vertex.agent.event_id"
MODEL, ID = "gen_ai.request.model", "gen_ai.response.id"
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
# Since then the call itself has a span too, right inside. It names the person, and no thoughts.
TOLD_INSIDE = (1, 24)
PATHS = ("projects", "publishers", "models")


def claims(record: Record) -> bool:
    """Whether the kit sent this record."""
    return record.scope == SCOPE and record.signal == "traces"


def read(record: Record) -> Iterator[Event | Naming]:
    """The call that a span tells of; of other spans, at most whose their trace is."""
    said = record.attributes
    # LiteLLM's names begin with who serves a model.
    vendor, slash, _ = text(said, MODEL).partition("/")
    if slash and vendor not in PATHS:
        said = said | {"gen_ai.provider.name": vendor}
    if record.name != CALL:
        yield from genai.read(record._replace(attributes=said))
    elif MODEL not in said or (_is_told_inside(record) and EVENT not in said):
        yield from naming(record)
    else:
        record = record._replace(attributes=said | _counts(said))
        yield from genai.read(_of_nobody(record) if _is_told_inside(record) else record)


def _counts(said: dict[str, object]) -> dict[str, object]:
    """What the answer says of its usage, in the words of the conventions."""
    thoughts = "usage.thoughts_token_count", "gen_ai.usage.experimental.reasoning_tokens"
    reasoning = count(said, *thoughts)
    return {
        "gen_ai.operation.name": "generate_content",
        INPUT: count(said, INPUT) + count(said, "usage.tool_use_prompt_token_count"),
        OUTPUT: count(said, OUTPUT) + reasoning,
        "gen_ai.usage.cache_read.input_tokens": count(said, "usage.cached_content_token_count"),
        "gen_ai.usage.reasoning_tokens": reasoning,
    }


def _is_told_inside(record: Record) -> bool:
    numbers = record.version.split(".")[:2]
    return all(map(str.isdecimal, numbers)) and tuple(map(int, numbers)) >= TOLD_INSIDE


def _of_nobody(record: Record) -> Record:
    """The same call by its id alone: whose it is, the span inside says."""
    people = {*PERSON, *OPAQUE_IDS}
    attributes, resource = (
        {name: value for name, value in place.items() if name not in people}
        for place in (record.attributes, record.resource)
    )
    attributes[ID] = f"adk:{text(attributes, EVENT)}"
    ids = {"trace_id": "", "span_id": "", "parent_id": ""}
    return record._replace(attributes=attributes, resource=resource, **ids)
