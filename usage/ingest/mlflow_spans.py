"""MLflow over OTLP: its spans of models tell a call in words of their own."""

from collections.abc import Iterator

from usage.ingest import genai
from usage.ingest.event import Event, Naming
from usage.ingest.fields import nested, text
from usage.ingest.otlp import Record, naming

CALLS = {"CHAT_MODEL", "LLM", "EMBEDDING"}
KIND, USAGE = "mlflow.spanType", "mlflow.chat.tokenUsage"
WORDS = {
    "gen_ai.provider.name": "mlflow.llm.provider",
    "gen_ai.request.model": "model",
    "gen_ai.response.model": "mlflow.llm.model",
}
COUNTS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read.input_tokens": "cache_read_input_tokens",
    "cache_creation.input_tokens": "cache_creation_input_tokens",
}


def claims(record: Record) -> bool:
    """Whether MLflow sent this record."""
    return record.scope.startswith("mlflow.") and record.signal == "traces"


def read(record: Record) -> Iterator[Event | Naming]:
    """The call that a span tells of; of other spans, at most whose their trace is.

    Raises InvalidEvent.
    """
    said = record.attributes
    if KIND not in said:
        # So it may be told to follow the conventions.
        yield from genai.read(record)
    elif _word(said, KIND) in CALLS:
        usage = nested(said, USAGE)
        # All kinds of calls are counted alike.
        told = {"gen_ai.operation.name": "chat"}
        told |= {name: _word(said, theirs) for name, theirs in WORDS.items()}
        told |= {f"gen_ai.usage.{name}": usage.get(theirs) for name, theirs in COUNTS.items()}
        yield from genai.read(record._replace(attributes=said | told))
    else:
        yield from naming(record)


def _word(said: dict[str, object], name: str) -> str:
    """A text, which stands there with its quotes."""
    return text(said, name).strip('"')
