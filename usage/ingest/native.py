"""Native events, the shape of our own API, from JSON and from CSV."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation

from pydantic_core import CoreSchema, SchemaValidator, ValidationError
from pydantic_core import core_schema as schemas
from pydantic_core.core_schema import TypedDictField

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
    source = value.strip().lower() if isinstance(value, str) else value
    if source != "" and source not in SOURCES:
        raise ValueError(f"must be one of {', '.join(SOURCES)}")
    return source


def _amount(value: object) -> Decimal | None:
    if value == "":
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


def _field(schema: CoreSchema, required: bool = False) -> TypedDictField:
    # What was sent as null is as good as left out.
    schema = schema if required else schemas.nullable_schema(schema)
    return schemas.typed_dict_field(schema, required=required)


def _read_by(read: Callable[[object], object]) -> CoreSchema:
    return schemas.no_info_plain_validator_function(read)


TEXT, COUNT = schemas.str_schema(strict=True), schemas.int_schema(strict=True)
# The fields that a sender may use; any other is refused by name.
EVENT = {
    "id": _field(TEXT, required=True),
    "time": _field(_read_by(_instant), required=True),
    "user": _field(TEXT),
    "display_name": _field(TEXT),
    "email": _field(TEXT),
    "project": _field(TEXT),
    "source": _field(_read_by(_source)),
    "provider": _field(TEXT),
    "model": _field(TEXT),
    "test_type": _field(TEXT),
    "prompt_tokens": _field(COUNT, required=True),
    "completion_tokens": _field(COUNT, required=True),
    "cache_read_tokens": _field(COUNT),
    "cache_write_tokens": _field(COUNT),
    "reasoning_tokens": _field(COUNT),
    "cost_usd": _field(_read_by(_amount)),
    "failed": schemas.typed_dict_field(schemas.bool_schema(strict=True), required=False),
}
VALIDATOR = SchemaValidator(schemas.typed_dict_schema(EVENT))
FIELDS: tuple[str, ...] = tuple(EVENT)
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
        fields = VALIDATOR.validate_python(record)
    except ValidationError as error:
        raise _refusal(error, record) from None
    try:
        if None in fields.values():
            fields = {name: value for name, value in fields.items() if value is not None}
        yield Event(**fields)
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
