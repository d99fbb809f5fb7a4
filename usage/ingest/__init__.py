"""Ingest: adapters turn every format into the one Event, and record() is the only writer.

An adapter knows one foreign format and has `read(record)`, which yields the events of a record.
Adapters for files also have `recognises(record)` and `records(document)`; if the lines of a file
depend on earlier ones, `reader(path)` takes the place of `read`. Adapters for OpenTelemetry
clients have `claims(record)`.
"""

from collections.abc import Mapping
from types import ModuleType

from usage.ingest import (
    adk,
    ai_sdk,
    anthropic_usage,
    ccusage,
    claude_code,
    claude_transcripts,
    codex,
    codex_rollouts,
    gemini,
    gemini_chats,
    genai,
    helicone,
    langfuse,
    langfuse_spans,
    litellm,
    mlflow_spans,
    native,
    open_webui,
    openai_usage,
    openlit,
    openrouter,
    qwen,
    spend_logs,
)

# In this order: the first that recognises a file, or claims a record, reads it.
ADAPTERS: Mapping[str, ModuleType] = {
    "native": native,
    "litellm": litellm,
    "claude-code-otlp": claude_code,
    "codex-otlp": codex,
    "gemini-otlp": gemini,
    "qwen-otlp": qwen,
    "ai-sdk-otlp": ai_sdk,
    "openlit-otlp": openlit,
    "langfuse-otlp": langfuse_spans,
    "mlflow-otlp": mlflow_spans,
    "adk-otlp": adk,
    "genai-otlp": genai,
    "claude-code": claude_transcripts,
    "codex": codex_rollouts,
    "gemini": gemini_chats,
    "spend-logs": spend_logs,
    "langfuse": langfuse,
    "helicone": helicone,
    "openrouter": openrouter,
    "open-webui": open_webui,
    "openai-usage": openai_usage,
    "anthropic-usage": anthropic_usage,
    "ccusage": ccusage,
}
