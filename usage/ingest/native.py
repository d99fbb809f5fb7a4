"""Native events, the shape of our own API, from JSON and from CSV."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import BaseModel, PlainValidator, StrictBool, StrictInt, StrictStr, ValidationError

from usage.ingest.event import SOURCES, WHOLE_NUMBER, Event, InvalidEvent
from usage.ingest.fields import rows

# The sender says who and what for: neither is guessed, and a foreign project is refused.
EXPLICIT = True
TELLTALE = {"id", "prompt_tokens", "completion_tokens"}


def _instant(value: object) -> datetime:
    try:
        return datetime.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        raise ValueError("must be a date and time, like 2026-11-22T10:00:00Z") from None


def _source(value: object) -> str:
    if value is None:
        return ""
    source = value.strip().lower() if isinstance(value, str) else value
    if source != "" and source not in SOURCES:
        raise ValueError(f"must be one of {', '.join(SOURCES)}")
    return source


def _amount(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InvalidOperation
        amount = Decimal(str(value))
        if not amount.is_finite() or amount.adjusted() < -30:
            raise InvalidOperation
    except InvalidOperation:
        raise ValueError('must be an amount in dollars, like "0.0031"') from None
    return amount


# What was sent as null is as good as left out.
Text, Part = StrictStr | None, StrictInt | None


class NativeEvent(BaseModel):
    """The fields a sender may use; any other is refused by name."""

    id: StrictStr
    time: Annotated[datetime, PlainValidator(_instant)]
    user: Text = None
    display_name: Text = None
    email: Text = None
    project: Text = None
    source: Annotated[str, PlainValidator(_source)] = ""
    provider: Text = None
    model: Text = None
    test_type: Text = None
    prompt_tokens: StrictInt
    completion_tokens: StrictInt
    cache_read_tokens: Part = None
    cache_write_tokens: Part = None
    reasoning_tokens: Part = None
    cost_usd: Annotated[Decimal | None, PlainValidator(_amount)] = None
    failed: StrictBool = False


FIELDS: tuple[str, ...] = tuple(NativeEvent.model_fields)
KNOWN = frozenset(FIELDS)


def recognises(record: dict) -> bool:
    """Whether a record is an event: has what no other format has, and nothing else."""
    return TELLTALE <= record.keys() <= KNOWN


def records(document: object) -> Iterator[object]:
    """The events of {"events": […]}, of an array, or the one event."""
    return rows(document, "events")


def read(record: object) -> Iterator[Event]:
    """One native event. Raises InvalidEvent, naming the field."""
    if not isinstance(record, dict):
        raise InvalidEvent("event", "must be an object with fields like id, time and user")
    # A misspelt field is told before the one that is missing because of it.
    if not record.keys() <= KNOWN:
        name = next(name for name in record if name not in KNOWN)
        raise InvalidEvent(name[:100], "is not a field of an event", _id_of(record))
    try:
        fields = vars(NativeEvent.model_validate(record))
    except ValidationError as error:
        raise _refusal(error, record) from None
    try:
        yield Event(**{name: value for name, value in fields.items() if value is not None})
    except InvalidEvent as error:
        error.record_id = fields["id"][:500] or None
        raise


def _refusal(error: ValidationError, record: dict) -> InvalidEvent:
    problem = error.errors(include_url=False, include_input=False)[0]
    return InvalidEvent(str(problem["loc"][0]), _sentence(problem), _id_of(record))


def _id_of(record: dict) -> str | None:
    given = record.get("id")
    return given[:500] if isinstance(given, str) and given else None


def _sentence(problem: dict) -> str:
    match problem["type"]:
        case "missing":
            return "is required"
        case "value_error":
            return str(problem["ctx"]["error"])
        case "string_type" | "string_unicode":
            return "must be text"
        case "bool_type":
            return "must be true or false"
        case _:
            return WHOLE_NUMBER
