"""What a GenAI call has alike with nearly all others of its program and its person, read once."""

import re
from functools import lru_cache
from typing import Any
from zlib import crc32

from usage.ingest.event import SOURCES
from usage.ingest.fields import in_editor, text
from usage.ingest.otlp import Record, kind_of_work, person, project
from usage.ingest.otlp_attributes import WHO_AND_WHAT_FOR

DETAILS = "gen_ai.client.inference.operation.details"
# Command lines have adapters of their own.
OTHERS = re.compile(r"com\.anthropic\.claude_code|claude-code$|gemini-cli")
OPERATION = ("gen_ai.operation.name", "llm.request.type")
CALLS = {"chat", "completion", "text_completion", "generate_content", "responses"}
CALLS |= {"embeddings", "embedding"}
KIND = ("openinference.span.kind", "traceloop.span.kind", "langsmith.span.kind")
SUMS = re.compile(r"agent|workflow|tool|plan|retriev|memor|rerank|task|session|turn|chain|llm_call")
ASKED = ("gen_ai.request.model", "llm.invocation_parameters", "embedding.invocation_parameters")
ASKED += ("llm.request.model",)
ANSWERED = ("gen_ai.response.model", "llm.model_name", "embedding.model_name")
ANSWERED += ("llm.response.model",)
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor")
# By the name, or by what stands before its first dot.
PROVIDERS = {"aws": "bedrock", "az": "azure", "gcp": "google", "gemini": "google"}
PROVIDERS |= {"vertex_ai": "google", "vertexai": "google", "ibm": "watsonx", "x_ai": "xai"}
PROVIDERS |= {"mistral_ai": "mistral", "mistralai": "mistral", "moonshot_ai": "moonshot"}
PLACE = ("terminal.type", "app.entrypoint", "originator")
# GitHub Copilot's programs follow the conventions and tell no place.
PROGRAMS = {"github.copilot": "cli", "copilot-chat": "ide"}
SERVED, SOURCE, SERVICE = "litellm.provider.model", "source", "service.name"
# What nearly all spans of a program and a person have alike.
FRAME = frozenset({*OPERATION, *KIND, *ASKED, *ANSWERED, *PROVIDER, *PLACE, *WHO_AND_WHAT_FOR})
FRAME |= {SERVED, SOURCE, SERVICE}
# Anthropic's libraries have spans of their own, beside those of whatever is set up on them, and so
# has its API, which sends them from there.
# Traceloop adds the tokens that a stream begins with to all of it, which holds them already.
CERTAIN = ("com.anthropic.sdk.", "com.anthropic.claude-platform")
MISCOUNTED = "opentelemetry.instrumentation.anthropic"


def frame_of(record: Record, answered: bool) -> dict[str, Any] | None:
    """The fields of a call's event but for its ids, time and numbers; None for what is no call.

    `answered` when it says which answer it is about.
    """
    resource, said = record.resource, record.attributes
    around, inside = _framing(tuple(resource)), _framing(tuple(said))
    values = *map(resource.get, around), *map(said.get, inside)
    return _frame(record.signal, record.scope, record.name, answered, around, inside, *values)


@lru_cache(1024)
def _framing(names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the names a sender uses together, in its order, are of the frame."""
    return tuple(name for name in names if name in FRAME)


# Kept by the types of the values as well: 1 and True are equal, and only 1 can be a name.
@lru_cache(2048, typed=True)
def _frame(
    signal: str,
    scope: str,
    name: str,
    answered: bool,
    around: tuple[str, ...],
    inside: tuple[str, ...],
    *values: object,
) -> dict[str, Any] | None:
    rest = iter(values)
    resource, said = ({one: next(rest) for one in names} for names in (around, inside))
    record = Record(signal, scope, resource, said, name)
    if not _tells_of_a_call(record, answered):
        return None
    user, email = person(record)
    certain = scope != MISCOUNTED and (scope.startswith(CERTAIN) or None)
    model = text(record.attributes, *ASKED, *ANSWERED)
    return {
        "user": user,
        "email": email,
        "project": project(record),
        "source": _source(record),
        "provider": _provider(record),
        # LiteLLM writes who serves a model before its name.
        "model": model.removeprefix(f"{text(record.attributes, *PROVIDER).lower()}/"),
        "test_type": kind_of_work(record),
        "replaces": certain is not False,
        "certain": certain,
        # As short as it can be: it becomes part of names that are kept.
        "teller": f"{crc32(scope.encode()):x}",
    }


def _tells_of_a_call(record: Record, answered: bool) -> bool:
    said = record.attributes
    if record.signal == "logs" and record.name != DETAILS:
        return False
    if OTHERS.match(record.scope) or OTHERS.match(text(record.resource, SERVICE).lower()):
        return False
    if kind := text(said, *KIND).lower():
        return kind in ("llm", "embedding")
    operation = text(said, *OPERATION).lower()
    if operation in CALLS:
        return True
    # Without an operation, or with a new one, it takes an answer of a model to be a call; the
    # first versions of the conventions ask for no more than who was asked for which model.
    asked = text(said, *ANSWERED) or (text(said, *ASKED) and text(said, *PROVIDER))
    answered = answered or (not operation and bool(asked))
    return answered and not SUMS.search(operation or record.name.lower())


def _provider(record: Record) -> str:
    # LiteLLM may tell it only before the model's name.
    served_by, slash, _ = text(record.attributes, SERVED).partition("/")
    name = (text(record.attributes, *PROVIDER) or served_by * bool(slash)).lower()
    family = name.partition(".")[0]
    return PROVIDERS.get(name) or PROVIDERS.get(family, family)


def _source(record: Record) -> str:
    said = text(record.attributes, SOURCE) or text(record.resource, SOURCE)
    if said.lower() in SOURCES:
        return said.lower()
    place = text(record.attributes, *PLACE) or text(record.resource, *PLACE)
    if place:
        return "ide" if in_editor(place) else "cli"
    return PROGRAMS.get(record.scope, "api")
