"""Open WebUI: each answer in a chat, from its database or its export, becomes one event."""

from collections.abc import Iterator

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import count, dollars, instant, nested, telling, text, tokens

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
        if not isinstance(message, dict) or not text(message, "role"):
            raise InvalidEvent("event", "must be an object: a chat or a message of Open WebUI")
        with telling(text(message, "id")):
            if text(message, "role") == "assistant":
                yield _event(message)


def _history(chat: object) -> dict | None:
    """The messages of an exported chat by their ids; None when it is something else."""
    inner = chat.get("chat", chat) if isinstance(chat, dict) else None
    history = inner.get("history") if isinstance(inner, dict) else None
    messages = history.get("messages") if isinstance(history, dict) else None
    return messages if isinstance(messages, dict) else None


def _event(message: dict) -> Event:
    chat, key = text(message, "chat_id"), text(message, "id")
    if not chat or not key:
        raise InvalidEvent("id", "needs the id of the chat and of the message")
    time = instant(*(message.get(name) for name in TIMES))
    if not time:
        raise InvalidEvent("time", f"needs {TIMES[0]}, in seconds since 1970")
    usage = _usage(message)
    counts = _tokens(usage)
    failed = message.get("error") not in NO_ERROR and not any(counts.values())
    return Event(
        # A row's id begins with that of its chat, a message's in an export doesn't.
        id=f"owui:{chat}-{key.removeprefix(f'{chat}-')}",
        time=time,
        user=text(message, "user_id"),
        model=text(message, "model_id", "model"),
        cost_usd=dollars(usage.get("cost"), usage.get("total_cost")),
        failed=failed,
        usage_known=failed or any(counts.values()),
        # An answer grows with every call that its tools make necessary.
        replaces=True,
        **counts,
    )


def _usage(message: dict) -> dict:
    info = nested(message, "info")
    # Before there was "usage", Ollama's counts stood in "info" itself.
    return nested(message, "usage") or nested(info, "usage") or info


def _tokens(usage: dict) -> dict[str, int]:
    # Several calls behind one answer are summed up as input and output; under the other names
    # the last of them is kept, so the larger is meant.
    prompt, completion = count(usage, *INPUT), count(usage, *OUTPUT)
    details = nested(usage, "input_tokens_details") | nested(usage, "prompt_tokens_details")
    thoughts = nested(usage, "output_tokens_details")
    thoughts = thoughts | nested(usage, "completion_tokens_details")
    caches = [count(usage, name) for name in ANTHROPIC]
    read = count(details, "cached_tokens") or caches[0]
    written = count(details, "cache_write_tokens", "cache_creation_tokens") or caches[1]
    reasoning = count(thoughts, "reasoning_tokens")
    # Anthropic's own usage leaves the caches out of the input.
    if any(caches) and "prompt_tokens" not in usage:
        prompt += read + written
    return tokens(prompt, completion, read, written, reasoning)
