"""OpenTelemetry's GenAI conventions, in all their dialects: one model call becomes one event."""

import re
from collections.abc import Iterator
from functools import lru_cache

from usage.ingest.event import SOURCES, Event, InvalidEvent, Naming
from usage.ingest.fields import count, in_editor, telling, text, tokens
from usage.ingest.otlp import Record, kind_of_work, naming, person, project

DETAILS = "gen_ai.client.inference.operation.details"
# Command lines have adapters of their own.
OTHERS = re.compile(r"com\.anthropic\.claude_code|claude-code$|codex|gemini-cli")
OPERATION = ("gen_ai.operation.name", "llm.request.type")
CALLS = {"chat", "completion", "text_completion", "generate_content", "responses"}
CALLS |= {"embeddings", "embedding"}
KIND = ("openinference.span.kind", "traceloop.span.kind", "langsmith.span.kind")
SUMS = re.compile(r"agent|workflow|tool|plan|retriev|memor|rerank|task|session|turn|chain|llm_call")
ASKED = ("gen_ai.request.model", "llm.invocation_parameters", "embedding.invocation_parameters")
ANSWERED = ("gen_ai.response.model", "llm.model_name", "embedding.model_name")
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
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
# By the name, or by what stands before its first dot.
PROVIDERS = {"aws": "bedrock", "az": "azure", "gcp": "google", "gemini": "google"}
PROVIDERS |= {"vertex_ai": "google", "vertexai": "google", "ibm": "watsonx", "x_ai": "xai"}
PROVIDERS |= {"mistral_ai": "mistral", "mistralai": "mistral", "moonshot_ai": "moonshot"}
PLACE = ("terminal.type", "app.entrypoint", "originator")
# Anthropic's libraries have spans of their own, beside those of whatever is set up on them.
# Traceloop adds the tokens that a stream begins with to all of it, which holds them already.
CERTAIN, MISCOUNTED = "com.anthropic.sdk.", "opentelemetry.instrumentation.anthropic"


def claims(record: Record) -> bool:
    """Always: what no client of its own claims may follow the conventions."""
    return True


def read(record: Record) -> Iterator[Event | Naming]:
    """The call that a span or a log tells of; of other spans, at most whose their trace is.

    Raises InvalidEvent.
    """
    if not _tells_of_a_call(record):
        yield from naming(record)
        return
    span = _span(record, record.span_id)
    said = record.attributes
    ids = [text(said, "gen_ai.response.id"), span, text(said, "anthropic.request.id")]
    ids = [one for one in ids if one]
    with telling(ids[0] if ids else ""):
        yield from _events(record, span, ids)


def _events(record: Record, span: str, ids: list[str]) -> Iterator[Event]:
    said = record.attributes
    told = [count(said, *names) for names in TOKENS.values()] if not record.failed else []
    counts = tokens(*told, apart=record.scope in APART) if told else {}
    usage_known = record.failed or any(counts.values())
    # Some also log that they are about to ask.
    if record.signal == "logs" and not usage_known and "gen_ai.response.id" not in said:
        return
    if not ids:
        raise InvalidEvent("id", "needs gen_ai.response.id, or the ids of a trace and a span")
    if not record.time:
        raise InvalidEvent("time", "needs the time at which the call ended")
    user, email = person(record)
    certain = record.scope != MISCOUNTED and (record.scope.startswith(CERTAIN) or None)
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
        # LiteLLM writes who serves a model before its name.
        model=text(said, *ASKED, *ANSWERED).removeprefix(f"{text(said, *PROVIDER).lower()}/"),
        test_type=kind_of_work(record),
        failed=record.failed,
        # A stream that wasn't asked for its usage tells none.
        usage_known=usage_known,
        replaces=certain is not False,
        certain=certain,
        **counts,
    )


def _tells_of_a_call(record: Record) -> bool:
    said = record.attributes
    if record.signal == "logs" and record.name != DETAILS:
        return False
    if _is_anothers(record.scope, text(record.resource, "service.name")):
        return False
    if kind := text(said, *KIND).lower():
        return kind in ("llm", "embedding")
    operation = text(said, *OPERATION).lower()
    if operation in CALLS:
        return True
    # Without an operation, or with a new one, it takes an answer of a model to be a call.
    answers = ("gen_ai.response.id",) if operation else ("gen_ai.response.id", *ANSWERED)
    return not SUMS.search(operation or record.name.lower()) and bool(text(said, *answers))


@lru_cache(1024)
def _is_anothers(scope: str, service: str) -> bool:
    return bool(OTHERS.match(scope) or OTHERS.match(service.lower()))


def _span(record: Record, span_id: str) -> str:
    return f"{record.trace_id}:{span_id}" if record.trace_id and span_id else ""


def _provider(record: Record) -> str:
    # LiteLLM may tell it only before the model's name.
    served_by, slash, _ = text(record.attributes, "litellm.provider.model").partition("/")
    name = (text(record.attributes, *PROVIDER) or served_by * bool(slash)).lower()
    family = name.partition(".")[0]
    return PROVIDERS.get(name) or PROVIDERS.get(family, family)


def _source(record: Record) -> str:
    said = text(record.attributes, "source") or text(record.resource, "source")
    if said.lower() in SOURCES:
        return said.lower()
    place = text(record.attributes, *PLACE) or text(record.resource, *PLACE)
    return "ide" if in_editor(place) else "cli" if place else "api"
