"""OpenRouter: a generation becomes one event, a row of a day's activity becomes a bucket."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from usage.ingest.event import TOKEN_FIELDS, Event, InvalidEvent
from usage.ingest.litellm import BLANK, COST, EMAIL, INSTANT, _count, _parsed, _source, _text

EXPLICIT = False
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
        try:
            yield _activity(part) if part.keys() >= ACTIVITY else _generation(part)
        except InvalidEvent as error:
            error.record_id = _text(part, *ID)[:500] or None
            raise


def _is_generation(record: dict) -> bool:
    return "native_tokens_prompt" in record or {"generation_id", "tokens_prompt"} <= record.keys()


def _generation(record: dict) -> Event:
    time = _parsed(INSTANT, record.get("created_at"))
    if not time:
        raise InvalidEvent("time", "needs created_at, like 2026-11-22T10:00:00Z")
    parts = ("prompt", "completion", "cached", "reasoning")
    prompt, completion, cached, reasoning = (_native(record, part) for part in parts)
    error = _text(record, "finish_reason", "finish_reason_normalized").lower() == "error"
    user, own_key = _text(record, "external_user", "user", "api_key_name"), None
    if record.get("is_byok") in (True, "true"):
        own_key = record.get("upstream_inference_cost")
    return Event(
        # By these ids LiteLLM and OpenTelemetry know the call, too.
        id=_text(record, *ID),
        also=tuple(filter(None, [_text(record, "upstream_id")])),
        time=time if time.tzinfo else time.replace(tzinfo=UTC),
        user=user,
        email=user.lower() if EMAIL.fullmatch(user) else "",
        project=_text(record, "workspace_id"),
        source=_source({}, _text(record, "user_agent", "app_name").lower()),
        provider="openrouter",
        model=_text(record, "model", "model_permaslug"),
        cost_usd=_dollars(record, own_key or record.get("byok_usage_inference")),
        failed=error and not prompt + completion,
        usage_known=error or bool(prompt + completion),
        **_counts(prompt, completion, cached, reasoning),
    )


def _activity(record: dict) -> Event:
    day = _parsed(INSTANT, record["date"])
    if not day:
        raise InvalidEvent("time", "needs date, like 2026-11-22")
    parts = ("workspace_id", "provider_name", "endpoint_id", "model_permaslug")
    prompt, completion, reasoning = (
        _count(record, f"{part}_tokens") for part in ("prompt", "completion", "reasoning")
    )
    return Event(
        id=":".join(["openrouter-activity", f"{day:%Y-%m-%d}", *(_text(record, p) for p in parts)]),
        # The day is one of UTC: its noon is on the same day in most zones.
        time=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        project=_text(record, "workspace_id"),
        provider="openrouter",
        model=_text(record, "model", "model_permaslug"),
        cost_usd=_dollars(record, record.get("byok_usage_inference")),
        bucket=True,
        calls=_count(record, "requests"),
        replaces=True,
        **_counts(prompt, completion, 0, reasoning),
    )


def _native(record: dict, part: str) -> int:
    # What the model's own tokenizer counted is billed; the CSV export has no other counts.
    native = f"native_tokens_{part}"
    return _count(record, f"tokens_{part}" if record.get(native) in BLANK else native)


def _counts(prompt: int, completion: int, cached: int, reasoning: int) -> dict[str, int]:
    # Parts larger than the whole are counted apart from it.
    prompt += cached if cached > prompt else 0
    completion += reasoning if reasoning > completion else 0
    return dict(zip(TOKEN_FIELDS, (prompt, completion, cached, 0, reasoning), strict=True))


def _dollars(record: dict, own_key: object) -> Decimal | None:
    # A credit is a dollar; what an own key paid to the provider comes on top.
    credits = next((record[name] for name in COSTS if record.get(name) not in BLANK), None)
    costs = [cost for cost in (_parsed(COST, credits), _parsed(COST, own_key)) if cost]
    dollars = sum((Decimal(str(cost)) for cost in costs if cost > 0), Decimal())
    return dollars or None
