"""Which program wrote a file: the adapter of each format, and how it is recognised."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import NamedTuple

from usage.ingest import (
    anthropic_usage,
    ccusage,
    claude_transcripts,
    codex_rollouts,
    gemini_chats,
    helicone,
    langfuse,
    litellm,
    native,
    open_webui,
    openai_usage,
    openrouter,
    spend_logs,
)
from usage.ingest.event import Event

# Session files: a line means something only after the lines before it.
SESSIONS: Mapping[str, ModuleType] = {
    "claude-code": claude_transcripts,
    "codex": codex_rollouts,
    "gemini": gemini_chats,
}
# Exports: each record stands for itself, in JSON lines, one JSON document or CSV.
EXPORTS: Mapping[str, ModuleType] = {
    "spend-logs": spend_logs,
    "langfuse": langfuse,
    "helicone": helicone,
    "openrouter": openrouter,
    "open-webui": open_webui,
    "openai-usage": openai_usage,
    "anthropic-usage": anthropic_usage,
    "ccusage": ccusage,
}
NAMES = ("auto", "native", "litellm", *SESSIONS, *EXPORTS)


class Format(NamedTuple):
    """How the records of one file are read."""

    name: str
    read: Callable[[object], Iterator[Event]]
    records: Callable[[object], Iterator[object]]
    EXPLICIT: bool = False


def of(name: str, path: str) -> Format:
    """The format of that name, for one file."""
    if name in SESSIONS:
        return Format(name, SESSIONS[name].reader(path), _as_they_are)
    if name in EXPORTS:
        return Format(name, EXPORTS[name].read, EXPORTS[name].records)
    if name == "litellm":
        return Format(name, litellm.read, _as_they_are)
    return Format("native", native.read, _as_they_are, EXPLICIT=True)


def recognise(samples: Iterable[object], path: str) -> str | None:
    """The name of the format that the first records of a file are in; None for none known."""
    for sample in samples:
        if not isinstance(sample, dict):
            continue
        if {"id", "prompt_tokens", "completion_tokens"} <= sample.keys() <= set(native.FIELDS):
            return "native"
        if {"litellm_call_id", "call_type", "status"} <= sample.keys():
            return "litellm"
        for name, module in SESSIONS.items():
            if module.recognises(sample, path):
                return name
        for name, module in EXPORTS.items():
            if module.recognises(sample):
                return name
    return None


def _as_they_are(document: object) -> Iterator[object]:
    if isinstance(document, dict) and isinstance(document.get("events"), list):
        document = document["events"]
    yield from document if isinstance(document, list) else [document]
