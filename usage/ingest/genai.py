"""OpenTelemetry's GenAI conventions, in all their dialects: one model call becomes one event."""

import re
from collections.abc import Iterator

from usage.ingest.event import SOURCES, Event, InvalidEvent
from usage.ingest.litellm import EDITORS
from usage.ingest.otlp import Record, person, project, text, whole

# User and project are derived, so a key's own project wins over what the sender suggests.
EXPLICIT = False

DETAILS = "gen_ai.client.inference.operation.details"
# Command lines have adapters of their own.
OTHERS = re.compile(r"com\.anthropic\.claude_code|claude-code$|codex|gemini-cli")
OPERATION = ("gen_ai.operation.name", "llm.request.type")
CALLS = {"chat", "completion", "text_completion", "generate_content", "responses"}
CALLS |= {"embeddings", "embedding"}
KIND = ("openinference.span.kind", "traceloop.span.kind")
SUMS = re.compile(
    r"agent|workflow|tool|plan|retriev|memory|rerank|task|session|turn|chain|llm_call"
)
ASKED = ("gen_ai.request.model", "llm.invocation_parameters", "embedding.invocation_parameters")
ANSWERED = ("gen_ai.response.model", "llm.model_name", "embedding.model_name")
TOKENS = {
    "prompt_tokens": """gen_ai.usage.input_tokens gen_ai.usage.prompt_tokens
        llm.usage.prompt_tokens llm.token_count.prompt""",
    "completion_tokens": """gen_ai.usage.output_tokens gen_ai.usage.completion_tokens
        llm.usage.completion_tokens llm.token_count.completion""",
    "cache_read_tokens": """gen_ai.usage.cache_read.input_tokens
        gen_ai.usage.cache_read_input_tokens gen_ai.usage.input_tokens.cached
        llm.token_count.prompt_details.cache_read llm.token_count.prompt_details.cache_input""",
    "cache_write_tokens": """gen_ai.usage.cache_creation.input_tokens
        gen_ai.usage.cache_write.input_tokens gen_ai.usage.cache_creation_input_tokens
        gen_ai.usage.input_tokens.cache_write llm.token_count.prompt_details.cache_write""",
    "reasoning_tokens": """gen_ai.usage.reasoning.output_tokens gen_ai.usage.reasoning_tokens
        gen_ai.usage.output_tokens.reasoning llm.token_count.completion_details.reasoning""",
}
TOKENS = {ours: theirs.split() for ours, theirs in TOKENS.items()}
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
# By the name, or by what stands before its first dot.
PROVIDERS = {"aws": "bedrock", "az": "azure", "gcp": "google", "gemini": "google"}
PROVIDERS |= {"vertex_ai": "google", "vertexai": "google", "ibm": "watsonx", "x_ai": "xai"}
PROVIDERS |= {"mistral_ai": "mistral", "mistralai": "mistral", "moonshot_ai": "moonshot"}
PLACE = ("terminal.type", "app.entrypoint", "originator")


def read(record: Record) -> Iterator[Event]:
    """The call that a span or a log tells of; agents, tools and the rest tell of none.

    Raises InvalidEvent.
    """
    if not _tells_of_a_call(record):
        return
    span = _span(record, record.span_id)
    named = [
        text(record.attributes, name) for name in ("gen_ai.response.id", "anthropic.request.id")
    ]
    ids = [one for one in (named[0], span, named[1]) if one]
    try:
        yield from _events(record, span, ids)
    except InvalidEvent as error:
        error.record_id = ids[0] if ids else None
        raise


def _events(record: Record, span: str, ids: list[str]) -> Iterator[Event]:
    said = record.attributes
    tokens = {} if record.failed else _tokens(record)
    usage_known = record.failed or any(tokens.values())
    # Some also log that they are about to ask.
    if record.signal == "logs" and not usage_known and "gen_ai.response.id" not in said:
        return
    if not ids:
        raise InvalidEvent("id", "needs gen_ai.response.id, or the ids of a trace and a span")
    if not record.time:
        raise InvalidEvent("time", "needs the time at which the call ended")
    user, email = person(record)
    yield Event(
        id=ids[0],
        also=tuple(ids[1:]),
        span=span,
        parent_span=_span(record, record.parent_id),
        time=record.time,
        user=user,
        email=email,
        project=project(record),
        source=_source(record),
        provider=_provider(record),
        model=text(said, *ASKED, *ANSWERED),
        test_type=text(said, "test_type") or text(record.resource, "test_type"),
        failed=record.failed,
        # A stream that wasn't asked for its usage tells none.
        usage_known=usage_known,
        replaces=True,
        **tokens,
    )


def _tells_of_a_call(record: Record) -> bool:
    said = record.attributes
    if record.signal == "logs" and record.name != DETAILS:
        return False
    if OTHERS.match(record.scope) or OTHERS.match(text(record.resource, "service.name").lower()):
        return False
    if kind := text(said, *KIND).lower():
        return kind in ("llm", "embedding")
    operation = text(said, *OPERATION).lower()
    if operation in CALLS:
        return True
    # Without an operation, or with a new one, it takes an answer of a model to be a call.
    answers = ("gen_ai.response.id",) if operation else ("gen_ai.response.id", *ANSWERED)
    return not SUMS.search(operation or record.name.lower()) and bool(text(said, *answers))


def _span(record: Record, span_id: str) -> str:
    return f"{record.trace_id}:{span_id}" if record.trace_id and span_id else ""


def _tokens(record: Record) -> dict[str, int]:
    said = record.attributes
    tokens = {}
    for ours, names in TOKENS.items():
        # Several names hold the same number: the largest is meant, a sum would count it twice.
        counts = [whole(said[name], name) for name in names if name in said]
        tokens[ours] = max(counts, default=0)
    # Parts larger than the whole come from a sender that counts them apart.
    cached = tokens["cache_read_tokens"] + tokens["cache_write_tokens"]
    if cached > tokens["prompt_tokens"]:
        tokens["prompt_tokens"] += cached
    if tokens["reasoning_tokens"] > tokens["completion_tokens"]:
        tokens["completion_tokens"] += tokens["reasoning_tokens"]
    return tokens


def _provider(record: Record) -> str:
    name = text(record.attributes, *PROVIDER).lower()
    family = name.partition(".")[0]
    return PROVIDERS.get(name) or PROVIDERS.get(family, family)


def _source(record: Record) -> str:
    said = text(record.attributes, "source") or text(record.resource, "source")
    if said.lower() in SOURCES:
        return said.lower()
    place = text(record.attributes, *PLACE) or text(record.resource, *PLACE)
    return "ide" if re.search(EDITORS, place.lower()) else "cli" if place else "api"
