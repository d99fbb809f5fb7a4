"""Native events, the shape of our own API, from JSON and from CSV."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, StrictBool, StrictInt, ValidationError

from usage.ingest.event import SOURCES, WHOLE_NUMBER, Event, InvalidEvent
from usage.ingest.fields import rows

# The sender says who and what for: neither is guessed, and a foreign project is refused.
EXPLICIT = True
TELLTALE = {"id", "prompt_tokens", "completion_tokens"}


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _instant(value: object) -> datetime:
    try:
        return datetime.fromisoformat(_text(value).strip())
    except ValueError:
        raise ValueError("must be a date and time, like 2026-11-22T10:00:00Z") from None


def _source(value: object) -> str:
    source = _text(value).strip().lower()
    if source and source not in SOURCES:
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


Text = Annotated[str, BeforeValidator(_text)]
# A part that was sent as null was not counted by the sender, as if it were left out.
Part = Annotated[StrictInt, BeforeValidator(lambda value: 0 if value is None else value)]


class NativeEvent(BaseModel):
    """The fields a sender may use; any other is refused by name."""

    id: Text
    time: Annotated[datetime, BeforeValidator(_instant)]
    user: Text = ""
    display_name: Text = ""
    email: Text = ""
    project: Text = ""
    source: Annotated[str, BeforeValidator(_source)] = ""
    provider: Text = ""
    model: Text = ""
    test_type: Text = ""
    prompt_tokens: StrictInt
    completion_tokens: StrictInt
    cache_read_tokens: Part = 0
    cache_write_tokens: Part = 0
    reasoning_tokens: Part = 0
    cost_usd: Annotated[Decimal | None, BeforeValidator(_amount)] = None
    failed: StrictBool = False


FIELDS: tuple[str, ...] = tuple(NativeEvent.model_fields)


def recognises(record: dict) -> bool:
    """Whether a record is an event: has what no other format has, and nothing else."""
    return TELLTALE <= record.keys() <= NativeEvent.model_fields.keys()


def records(document: object) -> Iterator[object]:
    """The events of {"events": […]}, of an array, or the one event."""
    return rows(document, "events")


def read(record: object) -> Iterator[Event]:
    """One native event. Raises InvalidEvent, naming the field."""
    if not isinstance(record, dict):
        raise InvalidEvent("event", "must be an object with fields like id, time and user")
    for name in record:
        # A misspelt field is told before the one that is missing because of it.
        if name not in NativeEvent.model_fields:
            raise InvalidEvent(name[:100], "is not a field of an event", _id_of(record))
    try:
        fields = NativeEvent.model_validate(record)
    except ValidationError as error:
        raise _refusal(error, record) from None
    try:
        yield Event(**dict(fields))
    except InvalidEvent as error:
        error.record_id = fields.id[:500] or None
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
        case "bool_type":
            return "must be true or false"
        case _:
            return WHOLE_NUMBER
