"""Langfuse: one observation of its API, its blob storage or its exports becomes one event."""

import re
from collections.abc import Iterator
from itertools import product

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import (
    count,
    dollars,
    email_of,
    instant,
    labels,
    nested,
    paged,
    source,
    telling,
    text,
    tokens,
)

CALLS = ("GENERATION", "EMBEDDING")
INPUT, OUTPUT = ("input", "prompt"), ("output", "completion")
# The names of older versions, which hold no parts.
OLDER = {
    "input": ("promptTokens", "inputTokens", "inputUsage"),
    "output": ("completionTokens", "outputTokens", "outputUsage"),
    "total": ("totalTokens", "totalUsage"),
}
# Of the API and the UI, and of the blob storage.
SHAPES = ({"id", "traceId", "startTime"}, {"id", "trace_id", "start_time", "usage_details"})
KEPT_FOR = ("ephemeral", "_5m", "_1h")
SPAN = re.compile(r"[0-9a-f]{32}:[0-9a-f]{16}")


def recognises(record: dict) -> bool:
    """Whether a record is an observation."""
    return any(names <= record.keys() for names in SHAPES)


def records(document: object) -> Iterator[object]:
    """The observations of a page of the API, or of an export as an array."""
    return paged(document)


def read(record: object) -> Iterator[Event]:
    """The call of a generation or an embedding, nothing of what surrounds it."""
    for one in records(record):
        if not isinstance(one, dict):
            raise InvalidEvent("event", "must be an object: one observation of Langfuse")
        observation = _camel(one)
        with telling(text(observation, "id")):
            if text(observation, "type").upper() in (*CALLS, ""):
                yield _event(observation)


def _event(record: dict) -> Event:
    observation, counts = text(record, "id"), _counts(record)
    if not observation:
        raise InvalidEvent("id", "is required")
    time = instant(record.get("endTime"), record.get("startTime"))
    if not time:
        raise InvalidEvent("time", "needs endTime or startTime, like 2026-11-22T10:00:00Z")
    costs = record.get("totalCost"), nested(record, "costDetails").get("total")
    user, tags = text(record, "userId"), labels(nested(record, "tags", list))
    # What failed after the model had answered has used its tokens.
    failed = text(record, "level").upper() == "ERROR" and not any(counts.values())
    return Event(
        id=f"langfuse:{observation}",
        time=time,
        user=user,
        email=email_of(user),
        project=text(tags, "project") or text(record, "projectName", "projectId"),
        source=source(tags, ""),
        model=text(record, "model", "providedModelName"),
        test_type=text(tags, "test_type", "op"),
        cost_usd=dollars(*costs, record.get("calculatedTotalCost")),
        failed=failed,
        usage_known=failed or any(counts.values()),
        # An export may hold calls that were still under way.
        replaces=True,
        span=_span(record, "id"),
        parent_span=_span(record, "parentObservationId"),
        **counts,
    )


def _counts(record: dict) -> dict[str, int]:
    usage = nested(record, "usageDetails") or nested(record, "usage")
    if text(usage, "unit").upper() not in ("TOKENS", ""):
        return tokens(0, 0)
    # The usage of older versions holds its prices, too.
    usage = {name.lower(): count for name, count in usage.items()}
    usage = {name: usage[name] for name in usage if name != "unit" and "cost" not in name}
    if not any(usage.values()):
        usage = {name: count(record, *older) for name, older in OLDER.items()}
    return used(usage)


def used(usage: dict) -> dict[str, int]:
    """An event's token fields, from counts under free names. Raises InvalidEvent."""
    # Anthropic's writes are told as a whole, by how long they are kept, or both ways.
    parts = {name for name in usage if any(mark in name for mark in KEPT_FOR)}
    wholes = {name for name in usage if "cache" in name and ("creat" in name or "write" in name)}
    twice = parts if _sum(usage, wholes - parts) else wholes - parts
    usage = {name: usage[name] for name in usage if name not in twice}
    written = (parts | wholes) - twice
    cache = written | {name for name in usage if "cache" in name}
    thoughts = {name for name in usage if "reasoning" in name or "thought" in name}
    inputs = cache | {name for name in usage if name.startswith(INPUT)}
    outputs = thoughts | {name for name in usage if name.startswith(OUTPUT)} - cache
    # Names are free, their parts meant to be apart from each other. Where the total says that
    # the parts are inside, it is believed.
    total = count(usage, "total", "total_tokens")
    prompts = (_sum(usage, inputs), count(usage, *INPUT, "input_tokens", "prompt_tokens"))
    answers = (_sum(usage, outputs), count(usage, *OUTPUT, "output_tokens", "completion_tokens"))
    pairs = list(product(prompts, answers))
    prompt, completion = next((pair for pair in pairs if sum(pair) == total != 0), pairs[0])
    if not prompt + completion:
        prompt = total
    return tokens(
        prompt, completion, *(_sum(usage, n) for n in (cache - written, written, thoughts))
    )


def _sum(usage: dict, names: set[str]) -> int:
    return sum(count(usage, name) for name in names)


def _span(record: dict, name: str) -> str:
    # Only observations that came by OpenTelemetry have ids by which other roads know the span.
    span = f"{text(record, 'traceId')}:{text(record, name)}"
    return span if SPAN.fullmatch(span) else ""


def _camel(record: dict) -> dict:
    # The API writes traceId, the blob storage trace_id.
    return {re.sub("_([a-z])", lambda m: m[1].upper(), str(name)): record[name] for name in record}
