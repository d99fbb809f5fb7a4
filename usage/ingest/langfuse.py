"""Langfuse: one observation of its API, its blob storage or its exports becomes one event."""

import re
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from itertools import product

from usage.ingest.event import TOKEN_FIELDS, Event, InvalidEvent
from usage.ingest.litellm import (
    COST,
    EMAIL,
    INSTANT,
    _count,
    _labels,
    _nested,
    _parsed,
    _source,
    _text,
)
from usage.ingest.spend_logs import object_of

EXPLICIT = False
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
SPAN = re.compile(r"[0-9a-f]{32}:[0-9a-f]{16}")


def recognises(record: dict) -> bool:
    """Whether a record is an observation."""
    return any(names <= record.keys() for names in SHAPES)


def records(document: object) -> Iterator[object]:
    """The observations of a page of the API, or of an export as an array."""
    rows = document.get("data") if isinstance(document, dict) else document
    yield from rows if isinstance(rows, list) else [document]


def read(record: object) -> Iterator[Event]:
    """The call of a generation or an embedding, nothing of what surrounds it."""
    if not isinstance(record, dict):
        raise InvalidEvent("event", "must be an object: one observation of Langfuse")
    record = _camel(record)
    try:
        if _text(record, "type").upper() in (*CALLS, ""):
            yield _event(record)
    except InvalidEvent as error:
        error.record_id = _text(record, "id")[:500] or None
        raise


def _event(record: dict) -> Event:
    observation, tokens = _text(record, "id"), _tokens(record)
    if not observation:
        raise InvalidEvent("id", "is required")
    time = _parsed(INSTANT, record.get("endTime")) or _parsed(INSTANT, record.get("startTime"))
    if not time:
        raise InvalidEvent("time", "needs endTime or startTime, like 2026-11-22T10:00:00Z")
    costs = object_of(record.get("costDetails"))
    costs = [record.get("totalCost"), costs.get("total"), record.get("calculatedTotalCost")]
    cost = next((found for cost in costs if (found := _parsed(COST, cost))), 0)
    user, tags = _text(record, "userId"), _labels(_nested(record, "tags", list))
    # What failed after the model had answered has used its tokens.
    failed = _text(record, "level").upper() == "ERROR" and not any(tokens)
    return Event(
        id=f"langfuse:{observation}",
        time=time if time.tzinfo else time.replace(tzinfo=UTC),
        user=user,
        email=user.lower() if EMAIL.fullmatch(user) else "",
        project=_text(tags, "project") or _text(record, "projectName", "projectId"),
        source=_source(tags, ""),
        model=_text(record, "model", "providedModelName"),
        test_type=_text(tags, "test_type", "op"),
        cost_usd=Decimal(str(cost)) if cost > 0 else None,
        failed=failed,
        usage_known=failed or any(tokens),
        # An export may hold calls that were still under way.
        replaces=True,
        span=_span(record, "id"),
        parent_span=_span(record, "parentObservationId"),
        **dict(zip(TOKEN_FIELDS, tokens, strict=True)),
    )


def _tokens(record: dict) -> list[int]:
    usage = object_of(record.get("usageDetails")) or object_of(record.get("usage"))
    if _text(usage, "unit").upper() not in ("TOKENS", ""):
        return [0] * len(TOKEN_FIELDS)
    # The usage of older versions holds its prices, too.
    usage = {name.lower(): count for name, count in usage.items()}
    usage = {name: usage[name] for name in usage if name != "unit" and "cost" not in name}
    if not any(usage.values()):
        usage = {name: _count(record, *older) for name, older in OLDER.items()}
    cache = {name for name in usage if "cache" in name}
    thoughts = {name for name in usage if "reasoning" in name or "thought" in name}
    inputs = cache | {name for name in usage if name.startswith(INPUT)}
    outputs = thoughts | {name for name in usage if name.startswith(OUTPUT)} - cache
    written = {name for name in cache if "creat" in name or "write" in name}
    # Names are free, their parts meant to be apart from each other. Where the total says that
    # the parts are inside, it is believed.
    total = _count(usage, "total", "total_tokens")
    prompts = (_sum(usage, inputs), _count(usage, *INPUT, "input_tokens", "prompt_tokens"))
    answers = (_sum(usage, outputs), _count(usage, *OUTPUT, "output_tokens", "completion_tokens"))
    pairs = list(product(prompts, answers))
    prompt, completion = next((pair for pair in pairs if sum(pair) == total != 0), pairs[0])
    if not prompt + completion:
        prompt = total
    reasoning = _sum(usage, thoughts)
    return [prompt, completion, _sum(usage, cache - written), _sum(usage, written), reasoning]


def _sum(usage: dict, names: set[str]) -> int:
    return sum(_count(usage, name) for name in names)


def _span(record: dict, name: str) -> str:
    # Only observations that came by OpenTelemetry have ids by which other roads know the span.
    span = f"{_text(record, 'traceId')}:{_text(record, name)}"
    return span if SPAN.fullmatch(span) else ""


def _camel(record: dict) -> dict:
    # The API writes traceId, the blob storage trace_id.
    return {re.sub("_([a-z])", lambda m: m[1].upper(), str(name)): record[name] for name in record}
