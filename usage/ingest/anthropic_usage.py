"""Anthropic's usage reports, of messages and of Claude Code: each sum becomes a bucket of calls."""

from collections.abc import Iterator
from datetime import datetime

from usage.ingest.claude_code import source_of
from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import (
    count,
    dollars,
    email_of,
    nested,
    structure,
    telling,
    text,
    tokens,
)
from usage.ingest.usage_reports import bucket_of, results_of

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
            with telling(key):
                yield from (_claude_code if _is_claude_code(part) else _messages)(part, key, time)


def _is_claude_code(record: dict) -> bool:
    return record.keys() >= {"actor", "model_breakdown"}


def _key(record: dict) -> tuple[str, datetime]:
    """What makes the sum the same one when it is imported again, and when its calls count."""
    if _is_claude_code(record):
        _, day, time = bucket_of(record.get("date"), None)
        parts = [text(record, "terminal_type"), text(record, "customer_type")]
        parts = [f"{day:%Y-%m-%d}", _actor(record), *parts]
        return ":".join(["anthropic-claude-code", *parts]), time
    width, start, time = bucket_of(record.get("starting_at"), record.get("ending_at"))
    parts = [width, f"{start.timestamp():.0f}", *(text(record, name) for name in DIMENSIONS)]
    return ":".join(["anthropic-usage", *parts]), time


def _messages(record: dict, key: str, time: datetime) -> Iterator[Event]:
    writes = nested(record, "cache_creation")
    counts = _tokens(
        count(record, "uncached_input_tokens"),
        count(record, "output_tokens"),
        count(record, "cache_read_input_tokens"),
        sum(count(writes, name) for name in WRITTEN),
    )
    if any(counts.values()):
        yield Event(
            id=key,
            time=time,
            user=text(record, "account_id"),
            project=text(record, "workspace_id"),
            provider="anthropic",
            model=text(record, "model"),
            bucket=True,
            # Neither report says how many calls it sums up.
            calls=0,
            replaces=True,
            **counts,
        )


def _claude_code(record: dict, key: str, time: datetime) -> Iterator[Event]:
    models, actor = record["model_breakdown"], _actor(record)
    if not isinstance(models, list):
        raise InvalidEvent("model_breakdown", "must be a list of models")
    for model in map(structure, models):
        cents = dollars(nested(model, "estimated_cost").get("amount"))
        counts = _tokens(*(count(nested(model, "tokens"), name) for name in COUNTS))
        if any(counts.values()):
            yield Event(
                id=f"{key}:{text(model, 'model')}",
                time=time,
                user=actor,
                email=email_of(actor),
                source=source_of("", text(record, "terminal_type")),
                provider="anthropic",
                model=text(model, "model"),
                cost_usd=cents / CENTS if cents else None,
                bucket=True,
                calls=0,
                replaces=True,
                **counts,
            )


def _actor(record: dict) -> str:
    return text(nested(record, "actor"), "email_address", "api_key_name")


def _tokens(uncached: int, output: int, cache_read: int, cache_write: int) -> dict[str, int]:
    # Anthropic counts input apart from what the cache read and wrote.
    return tokens(uncached + cache_read + cache_write, output, cache_read, cache_write)
