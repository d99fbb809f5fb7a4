"""Open WebUI: each answer in a chat, from its database or its export, becomes one event."""

from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal

from usage.ingest.event import TOKEN_FIELDS, Event, InvalidEvent
from usage.ingest.litellm import COST, INSTANT, _count, _parsed, _text
from usage.ingest.spend_logs import object_of

EXPLICIT = False
TIMES = ("created_at", "timestamp", "updated_at")
# What Open WebUI, OpenAI's, Ollama's and llama.cpp's interfaces call the same two counts.
INPUT = ("input_tokens", "prompt_tokens", "prompt_eval_count", "prompt_n")
OUTPUT = ("output_tokens", "completion_tokens", "eval_count", "predicted_n")
ANTHROPIC = ("cache_read_input_tokens", "cache_creation_input_tokens")
NO_ERROR = (None, False, "", "null", "false", {})


def recognises(record: dict) -> bool:
    """Whether a record is a chat of an export, or a row of chat_message."""
    return ("role" in record and "chat_id" in record) or _history(record) is not None


def records(document: object) -> Iterator[object]:
    """The messages of an export's chats; rows of chat_message as they are."""
    for chat in document if isinstance(document, list) else [document]:
        history = _history(chat)
        if history is None:
            yield chat
        else:
            whose = {"chat_id": chat.get("id"), "user_id": chat.get("user_id")}
            for key, message in history.items():
                yield message | whose | {"id": key} if isinstance(message, dict) else message


def read(record: object) -> Iterator[Event]:
    """The calls behind an answer, as one event; nothing of what people wrote."""
    for message in records(record):
        if not isinstance(message, dict) or not _text(message, "role"):
            raise InvalidEvent("event", "must be an object: a chat or a message of Open WebUI")
        try:
            if _text(message, "role") == "assistant":
                yield _event(message)
        except InvalidEvent as error:
            error.record_id = _text(message, "id")[:500] or None
            raise


def _history(chat: object) -> dict | None:
    """The messages of an exported chat by their ids; None when it is something else."""
    inner = chat.get("chat", chat) if isinstance(chat, dict) else None
    history = inner.get("history") if isinstance(inner, dict) else None
    messages = history.get("messages") if isinstance(history, dict) else None
    return messages if isinstance(messages, dict) else None


def _event(message: dict) -> Event:
    chat, key = _text(message, "chat_id"), _text(message, "id")
    if not chat or not key:
        raise InvalidEvent("id", "needs the id of the chat and of the message")
    times = (_parsed(INSTANT, message.get(name)) for name in TIMES)
    time = next(filter(None, times), None)
    if not time:
        raise InvalidEvent("time", f"needs {TIMES[0]}, in seconds since 1970")
    usage = _usage(message)
    tokens = _tokens(usage)
    cost = _parsed(COST, usage.get("cost")) or _parsed(COST, usage.get("total_cost")) or 0
    failed = message.get("error") not in NO_ERROR and not any(tokens)
    return Event(
        # A row's id begins with that of its chat, a message's in an export doesn't.
        id=f"owui:{chat}-{key.removeprefix(f'{chat}-')}",
        time=time if time.tzinfo else time.replace(tzinfo=UTC),
        user=_text(message, "user_id"),
        model=_text(message, "model_id", "model"),
        cost_usd=Decimal(str(cost)) if cost > 0 else None,
        failed=failed,
        usage_known=failed or any(tokens),
        # An answer grows with every call that its tools make necessary.
        replaces=True,
        **dict(zip(TOKEN_FIELDS, tokens, strict=True)),
    )


def _usage(message: dict) -> dict:
    info = object_of(message.get("info"))
    # Before there was "usage", Ollama's counts stood in "info" itself.
    return object_of(message.get("usage")) or object_of(info.get("usage")) or info


def _tokens(usage: dict) -> list[int]:
    # Several calls behind one answer are summed up as input and output; under the other names
    # the last of them is kept, so the larger is meant.
    prompt, completion = _count(usage, *INPUT), _count(usage, *OUTPUT)
    details = object_of(usage.get("input_tokens_details"))
    details |= object_of(usage.get("prompt_tokens_details"))
    thoughts = object_of(usage.get("output_tokens_details"))
    thoughts |= object_of(usage.get("completion_tokens_details"))
    caches = [_count(usage, name) for name in ANTHROPIC]
    read = _count(details, "cached_tokens") or caches[0]
    written = _count(details, "cache_write_tokens", "cache_creation_tokens") or caches[1]
    reasoning = _count(thoughts, "reasoning_tokens")
    # Anthropic's own usage leaves the caches out of the input; so does whoever counts more of
    # them than of the whole.
    if (any(caches) and "prompt_tokens" not in usage) or read + written > prompt:
        prompt += read + written
    completion += reasoning if reasoning > completion else 0
    return [prompt, completion, read, written, reasoning]
