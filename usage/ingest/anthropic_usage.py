"""Anthropic's usage reports, of messages and of Claude Code: each sum becomes a bucket of calls."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from usage.ingest.claude_code import source_of
from usage.ingest.event import Event, InvalidEvent
from usage.ingest.litellm import COST, EMAIL, _count, _parsed, _text
from usage.ingest.openai_usage import bucket_of, results_of
from usage.ingest.spend_logs import object_of

EXPLICIT = False
CENTS = 100
DIMENSIONS = (
    "workspace_id",
    "account_id",
    "service_account_id",
    "api_key_id",
    "model",
    "service_tier",
    "context_window",
    "inference_geo",
    "speed",
)
COUNTS = ("input", "output", "cache_read", "cache_creation")
WRITTEN = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


def recognises(record: dict) -> bool:
    """Whether a record is a sum of one of the two reports, or a page that begins with one."""
    part = next(records(record), None)
    return isinstance(part, dict) and ("uncached_input_tokens" in part or _is_claude_code(part))


def records(document: object) -> Iterator[object]:
    """The sums in one or several pages; those of messages with their bucket's start and end."""
    return results_of(document, "starting_at", "ending_at")


def read(record: object) -> Iterator[Event]:
    """The calls of a sum, for each of its models; nothing for costs, which tell of no tokens."""
    for part in records(record):
        if not isinstance(part, dict):
            raise InvalidEvent("event", "must be an object: a sum of Anthropic's usage report")
        if "amount" not in part:
            key, time = _key(part)
            try:
                yield from (_claude_code if _is_claude_code(part) else _messages)(part, key, time)
            except InvalidEvent as error:
                error.record_id = key[:500]
                raise


def _is_claude_code(record: dict) -> bool:
    return record.keys() >= {"actor", "model_breakdown"}


def _key(record: dict) -> tuple[str, datetime]:
    """What makes the sum the same one when it is imported again, and when its calls count."""
    if _is_claude_code(record):
        _, day, time = bucket_of(record.get("date"), None)
        parts = [_text(record, "terminal_type"), _text(record, "customer_type")]
        parts = [f"{day:%Y-%m-%d}", _actor(record), *parts]
        return ":".join(["anthropic-claude-code", *parts]), time
    width, start, time = bucket_of(record.get("starting_at"), record.get("ending_at"))
    parts = [width, f"{start.timestamp():.0f}", *(_text(record, name) for name in DIMENSIONS)]
    return ":".join(["anthropic-usage", *parts]), time


def _messages(record: dict, key: str, time: datetime) -> Iterator[Event]:
    writes = object_of(record.get("cache_creation"))
    tokens = _tokens(
        _count(record, "uncached_input_tokens"),
        _count(record, "output_tokens"),
        _count(record, "cache_read_input_tokens"),
        sum(_count(writes, name) for name in WRITTEN),
    )
    if any(tokens.values()):
        yield Event(
            id=key,
            time=time,
            user=_text(record, "account_id"),
            project=_text(record, "workspace_id"),
            provider="anthropic",
            model=_text(record, "model"),
            bucket=True,
            # Neither report says how many calls it sums up.
            calls=0,
            replaces=True,
            **tokens,
        )


def _claude_code(record: dict, key: str, time: datetime) -> Iterator[Event]:
    models, actor = record["model_breakdown"], _actor(record)
    if not isinstance(models, list):
        raise InvalidEvent("model_breakdown", "must be a list of models")
    for model in map(object_of, models):
        counts, cost = object_of(model.get("tokens")), object_of(model.get("estimated_cost"))
        cents = _parsed(COST, cost.get("amount")) or 0
        tokens = _tokens(*(_count(counts, name) for name in COUNTS))
        if any(tokens.values()):
            yield Event(
                id=f"{key}:{_text(model, 'model')}",
                time=time,
                user=actor,
                email=actor.lower() if EMAIL.fullmatch(actor) else "",
                source=source_of("", _text(record, "terminal_type")),
                provider="anthropic",
                model=_text(model, "model"),
                cost_usd=Decimal(str(cents)) / CENTS if cents > 0 else None,
                bucket=True,
                calls=0,
                replaces=True,
                **tokens,
            )


def _actor(record: dict) -> str:
    return _text(object_of(record.get("actor")), "email_address", "api_key_name")


def _tokens(uncached: int, output: int, cache_read: int, cache_write: int) -> dict[str, int]:
    # Anthropic counts input apart from what the cache read and wrote.
    return {
        "prompt_tokens": uncached + cache_read + cache_write,
        "completion_tokens": output,
        "cache_read_tokens": cache_read,
        "cache_write_tokens": cache_write,
    }
