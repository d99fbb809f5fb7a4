"""Native events, the shape of our own API, from JSON and from CSV."""

from collections.abc import Iterator
from itertools import chain

from pydantic_core import ValidationError

from usage.ingest.event import DEFAULTS, WHOLE_NUMBER, Event, InvalidEvent, checked_together
from usage.ingest.fields import rows
from usage.ingest.native_fields import COLUMNS, KNOWN, REQUIRED, VALIDATOR

# The sender says who and what for: neither is guessed, and a foreign project is refused.
EXPLICIT = True
TELLTALE = {"id", "prompt_tokens", "completion_tokens"}


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


def read_many(records: list) -> list[Event] | None:
    """One event of each record, as read() makes them; None if one may have to be refused."""
    names = {*chain.from_iterable(records)} if {*map(type, records)} == {dict} else set()
    if not REQUIRED <= names <= KNOWN:
        return None
    try:
        return checked_together({name: _column(name, records) for name in names})
    except (ValueError, TypeError, KeyError):
        return None


def _column(name: str, records: list[dict]) -> list:
    """What the records have in a field, which those that leave it out have by default."""
    if name in REQUIRED:
        return COLUMNS[name]([record[name] for record in records])
    default = DEFAULTS[name]
    values = COLUMNS[name]([record.get(name, default) for record in records])
    return [default if value is None else value for value in values] if None in values else values


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
