"""Helicone: one request of its API or of its exports (JSON, JSON lines, CSV) becomes one event."""

from collections.abc import Iterator
from datetime import datetime

from usage.counting import TOKEN_FIELDS
from usage.ingest.event import SOURCES, Event, InvalidEvent
from usage.ingest.fields import (
    BLANK,
    amount,
    count,
    dollars,
    email_of,
    instant,
    paged,
    structure,
    telling,
    text,
    tokens,
)

MODEL = ("model", "response_model", "model_override", "request_model")
IDS = ("request_id", "response_id")
PARTS = ("prompt_cache_read_tokens", "prompt_cache_write_tokens", "reasoning_tokens")
FIRST_ERROR = 400


def recognises(record: dict) -> bool:
    """Whether a record is a request that Helicone logged."""
    return "request_created_at" in record and not record.keys().isdisjoint(IDS)


def records(document: object) -> Iterator[object]:
    """The requests of an answer of the API, or of an export as an array."""
    return paged(document)


def read(record: object) -> Iterator[Event]:
    """The call of a request, or nothing when no model was asked or none counted its tokens."""
    for request in records(record):
        if not isinstance(request, dict):
            raise InvalidEvent("event", "must be an object: one request of Helicone")
        with telling(text(request, *IDS)):
            yield from _events(request)


def _events(record: dict) -> Iterator[Event]:
    failed = (amount(record.get("response_status")) or 0) >= FIRST_ERROR
    counted = any(record.get(name) not in BLANK for name in TOKEN_FIELDS[:2])
    if _from_cache(record) or not (failed or counted):
        return
    ids = [id for name in IDS if (id := text(record, name))]
    if not ids:
        raise InvalidEvent("id", f"needs {' or '.join(IDS)}")
    user, properties = text(record, "request_user_id"), _properties(record)
    source = text(properties, "source").lower()
    counts = tokens(0, 0) if failed else _tokens(record)
    cost = None if failed else dollars(record.get("costUSD"), record.get("cost"))
    yield Event(
        id=f"helicone:{ids[0]}",
        # The CSV export leaves out the first of Helicone's own ids.
        also=tuple(f"helicone:{id}" for id in ids[1:]),
        time=_time(record),
        user=user,
        email=email_of(user),
        project=text(properties, "project"),
        source=source if source in SOURCES else "",
        provider=text(record, "provider").lower(),
        model=text(record, *MODEL),
        test_type=text(properties, "test_type", "op"),
        cost_usd=cost,
        failed=failed,
        usage_known=failed or any(counts.values()),
        **counts,
    )


def _from_cache(record: dict) -> bool:
    # An answer from Helicone's own cache refers to the request that was answered first, any
    # other to nothing or to an id of zeros.
    return bool(text(record, "cache_reference_id").strip("0-"))


def _time(record: dict) -> datetime:
    for name in ("response_created_at", "request_created_at"):
        time = instant(record.get(name))
        # ClickHouse has no null here: what never came back did so in 1970.
        if time and time.year > 1970:
            return time
    raise InvalidEvent("time", "needs request_created_at, like 2026-11-22T10:00:00Z")


def _tokens(record: dict) -> dict[str, int]:
    prompt, completion = (count(record, name) for name in TOKEN_FIELDS[:2])
    read, written, reasoning = (count(record, name) for name in PARTS)
    cached, total = read + written, count(record, "total_tokens")
    # Not every provider's prompt holds its caches: the total may show it, too.
    if cached and total == prompt + cached + completion:
        prompt += cached
    return tokens(prompt, completion, read, written, reasoning)


def _properties(record: dict) -> dict[str, object]:
    properties: dict[str, object] = {}
    for value in (record.get("request_properties"), record.get("properties")):
        # Helicone's CSV export escapes the quotes of this column twice.
        if isinstance(value, str) and value.startswith('{""'):
            value = value.replace('""', '"')
        # They come from headers, Helicone-Property-Project: in any case.
        properties |= {name.lower(): part for name, part in structure(value).items()}
    return properties
