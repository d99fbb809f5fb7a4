"""LiteLLM's generic_api callback: one StandardLoggingPayload becomes one event."""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import FiniteFloat, NonNegativeInt, TypeAdapter, ValidationError

from usage.ingest.event import SOURCES, TOKEN_FIELDS, WHOLE_NUMBER, Event, InvalidEvent

# User and project are derived, so a key's own project wins over what the payload suggests, and
# its default user fills in where the payload names nobody.
EXPLICIT = False

INSTANT, COUNT, COST = TypeAdapter(datetime), TypeAdapter(NonNegativeInt), TypeAdapter(FiniteFloat)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
COMMAND_LINES = r"\bcli\b|geminicli|claude-code|codex(?!_vscode)|aider|opencode|goose"
EDITORS = r"vscode|cursor|jetbrains|intellij|pycharm|windsurf|\b(?:continue|zed|cline)\b"
AGENT = re.compile(f"(?P<cli>{COMMAND_LINES})|{EDITORS}")
PROJECT = ("user_api_key_project_alias", "user_api_key_team_alias")
BLANK = (None, "", "None")
CACHE_WRITE = ("cache_creation_tokens", "cache_write_tokens", "cache_creation_input_tokens")


def read(record: object) -> Iterator[Event]:
    """The call that was logged, or nothing when no provider was called. Raises InvalidEvent."""
    if not isinstance(record, dict):
        raise InvalidEvent("event", "must be an object: one StandardLoggingPayload")
    try:
        yield from _events(record, _nested(record, "metadata"))
    except InvalidEvent as error:
        error.record_id = _text(record, "id")[:500] or None
        raise


def _events(record: dict, metadata: dict) -> Iterator[Event]:
    failed = _text(record, "status").lower() == "failure"
    tokens = [0] * len(TOKEN_FIELDS) if failed else _tokens(record, metadata)
    user, provider = _user(record, metadata), _text(record, "custom_llm_provider")
    if not _asked_provider(record, tokens, failed, bool(user and provider)):
        return
    time = _parsed(INSTANT, record.get("endTime")) or _parsed(INSTANT, record.get("startTime"))
    if not time:
        raise InvalidEvent("time", "needs endTime, in seconds since 1970 or like 2026-11-22T10:00Z")
    cost = 0 if failed else _parsed(COST, record.get("response_cost", record.get("cost"))) or 0
    tags = _labels(_nested(record, "request_tags", list) or _nested(metadata, "tags", list))
    agent = _text(record, "user_agent") or _text(tags | metadata, "user_agent", "user-agent")
    yield Event(
        id=_text(record, "id"),
        time=time if time.tzinfo else time.replace(tzinfo=UTC),
        user=user,
        email=user if EMAIL.fullmatch(user) else "",
        project=_text(tags, "project") or _text(metadata, *PROJECT),
        source=_source(tags, agent.lower()),
        provider=provider,
        model=_text(record, "model").removeprefix(f"{provider}/"),
        test_type=_text(tags, "test_type", "op"),
        cost_usd=Decimal(str(cost)) if cost > 0 else None,
        failed=failed,
        # A stream whose upstream sent no usage arrives as a success of zero tokens.
        usage_known=failed or any(tokens),
        **dict(zip(TOKEN_FIELDS, tokens, strict=True)),
    )


def _asked_provider(record: dict, tokens: list[int], failed: bool, known: bool) -> bool:
    if record.get("cache_hit") in (True, "True", "true"):
        return False
    headers = _nested(_nested(record, "hidden_params"), "additional_headers")
    if _text(record, "api_base") or any(not str(h).startswith("x-litellm-") for h in headers):
        return True
    unsaid = "api_base" not in record
    if failed:
        return known and unsaid
    # A mock_response has an empty address, no provider headers and made-up counts: 10/20 (chat),
    # 10/n (stream), 10/0 (embedding), 36/87 (responses). No sign alone is enough: streams of
    # /v1/messages have no headers, and custom handlers and websockets have no address either.
    return unsaid or (tokens[0] != 10 and tokens[:2] != [36, 87])


def _tokens(record: dict, metadata: dict) -> list[int]:
    # The legacy usage is the text of Usage(...); its names don't clash when laid out flat.
    legacy = dict(re.findall(r"\b([a-z_]{1,40})=(\d+)", _text(record, "usage")))
    usage = _nested(metadata, "usage_object") or legacy
    usage = usage | _nested(usage, "prompt_tokens_details")
    usage |= _nested(usage, "completion_tokens_details")
    usage |= {name: record[name] for name in TOKEN_FIELDS[:2] if record.get(name) is not None}
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    # Several names hold the same part, so the largest is meant: adding would count it twice.
    cache_read = _count(usage, "cached_tokens", "cache_read_input_tokens")
    cache_write, reasoning = _count(usage, *CACHE_WRITE), _count(usage, "reasoning_tokens")
    # Parts larger than the whole come from an emitter that counts them apart.
    prompt += cached if (cached := cache_read + cache_write) > prompt else 0
    completion += reasoning if reasoning > completion else 0
    return [prompt, completion, cache_read, cache_write, reasoning]


def _count(usage: dict, *names: str) -> int:
    counts = [0 if usage.get(name) in BLANK else _parsed(COUNT, usage[name]) for name in names]
    if None in counts:
        raise InvalidEvent(names[counts.index(None)], WHOLE_NUMBER)
    return max(counts)


def _user(record: dict, metadata: dict) -> str:
    # Behind a proxy's key (or one that is unreadable) "user" is a customer, not the developer.
    proxied = _text(metadata, "user_api_key_hash") or (record.get("metadata") and not metadata)
    parameters = _nested(record, "model_parameters") or _nested(record, "modelParameters")
    named = "" if proxied else _text(parameters, "user")
    user = _text(metadata, "user_api_key_user_email") or (EMAIL.fullmatch(named) and named)
    user = user or _text(metadata, "user_api_key_user_id", "user_api_key_alias") or named
    return user.lower() if EMAIL.fullmatch(user) else user


def _labels(tags: list) -> dict[str, str]:
    parts = (tag.partition(":") for tag in reversed(tags) if isinstance(tag, str))
    return {name.strip().lower(): value for name, _, value in parts}


def _source(tags: dict[str, str], agent: str) -> str:
    for word in (_text(tags, "source").lower(), *tags):
        if word in SOURCES:
            return word
    # The leftmost product is the one that asks; what follows may be the terminal it runs in.
    if match := AGENT.search(agent):
        return "cli" if match["cli"] else "ide"
    return "ui" if agent.startswith("mozilla/") else ""


def _text(fields: dict, *names: str) -> str:
    texts = (fields[name].strip() for name in names if isinstance(fields.get(name), str))
    return next((text for text in texts if text not in BLANK), "")


def _nested(fields: dict, name: str, kind: type = dict) -> Any:
    value = fields.get(name)
    # The legacy payload holds str(value) of everything.
    with suppress(SyntaxError, TypeError, ValueError, MemoryError, RecursionError):
        value = ast.literal_eval(value[:100_000]) if isinstance(value, str) else value
    return value if isinstance(value, kind) else kind()


def _parsed(adapter: TypeAdapter, value: object) -> Any:
    with suppress(ValidationError):
        return None if isinstance(value, bool) else adapter.validate_python(value)
    return None
