"""OpenRouter: a generation becomes one event, a row of a day's activity becomes a bucket."""

from collections.abc import Iterator
from decimal import Decimal

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import (
    BLANK,
    count,
    dollars,
    email_of,
    instant,
    source,
    telling,
    text,
    tokens,
)
from usage.ingest.usage_reports import noon

ID = ("id", "generation_id")
ACTIVITY = {"date", "model_permaslug", "requests"}
COSTS = ("total_cost", "cost_total", "usage")


def recognises(record: dict) -> bool:
    """Whether a record is a generation of the API or of the CSV export, or a row of activity."""
    part = next(records(record), None)
    return isinstance(part, dict) and (_is_generation(part) or part.keys() >= ACTIVITY)


def records(document: object) -> Iterator[object]:
    """The generations and rows of activity in one or several answers of the API."""
    for answer in document if isinstance(document, list) else [document]:
        data = answer.get("data", answer) if isinstance(answer, dict) else answer
        yield from data if isinstance(data, list) else [data]


def read(record: object) -> Iterator[Event]:
    """The call of a generation, or the sum of a day's calls of a model. Raises InvalidEvent."""
    for part in records(record):
        if not isinstance(part, dict):
            raise InvalidEvent("event", "must be an object: a generation or a row of activity")
        with telling(text(part, *ID)):
            yield _activity(part) if part.keys() >= ACTIVITY else _generation(part)


def _is_generation(record: dict) -> bool:
    return "native_tokens_prompt" in record or {"generation_id", "tokens_prompt"} <= record.keys()


def _generation(record: dict) -> Event:
    time = instant(record.get("created_at"))
    if not time:
        raise InvalidEvent("time", "needs created_at, like 2026-11-22T10:00:00Z")
    parts = ("prompt", "completion", "cached", "reasoning")
    prompt, completion, cached, reasoning = (_native(record, part) for part in parts)
    error = text(record, "finish_reason", "finish_reason_normalized").lower() == "error"
    user, own_key = text(record, "external_user", "user", "api_key_name"), None
    if record.get("is_byok") in (True, "true"):
        own_key = record.get("upstream_inference_cost")
    return Event(
        # By these ids LiteLLM and OpenTelemetry know the call, too.
        id=text(record, *ID),
        also=tuple(filter(None, [text(record, "upstream_id")])),
        time=time,
        user=user,
        email=email_of(user),
        project=text(record, "workspace_id"),
        source=source({}, text(record, "user_agent", "app_name")),
        provider="openrouter",
        model=text(record, "model", "model_permaslug"),
        cost_usd=_dollars(record, own_key or record.get("byok_usage_inference")),
        failed=error and not prompt + completion,
        usage_known=error or bool(prompt + completion),
        **tokens(prompt, completion, cached, 0, reasoning),
    )


def _activity(record: dict) -> Event:
    day = instant(record["date"])
    if not day:
        raise InvalidEvent("time", "needs date, like 2026-11-22")
    parts = ("workspace_id", "provider_name", "endpoint_id", "model_permaslug")
    prompt, completion, reasoning = (
        count(record, f"{part}_tokens") for part in ("prompt", "completion", "reasoning")
    )
    return Event(
        id=":".join(["openrouter-activity", f"{day:%Y-%m-%d}", *(text(record, p) for p in parts)]),
        time=noon(day),
        project=text(record, "workspace_id"),
        provider="openrouter",
        model=text(record, "model", "model_permaslug"),
        cost_usd=_dollars(record, record.get("byok_usage_inference")),
        bucket=True,
        calls=count(record, "requests"),
        replaces=True,
        **tokens(prompt, completion, 0, 0, reasoning),
    )


def _native(record: dict, part: str) -> int:
    # What the model's own tokenizer counted is billed; the CSV export has no other counts.
    native = f"native_tokens_{part}"
    return count(record, f"tokens_{part}" if record.get(native) in BLANK else native)


def _dollars(record: dict, own_key: object) -> Decimal | None:
    # A credit is a dollar; what an own key paid to the provider comes on top.
    credits = next((record[name] for name in COSTS if record.get(name) not in BLANK), None)
    return sum(filter(None, (dollars(credits), dollars(own_key))), Decimal()) or None
