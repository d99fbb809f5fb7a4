"""The fields of a native event, and what may stand in each. [pure]"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from pydantic_core import CoreSchema, SchemaValidator
from pydantic_core import core_schema as schemas
from pydantic_core.core_schema import TypedDictField

from usage.ingest.event import SOURCES


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
    "failed": _field(schemas.bool_schema(strict=True)),
}
VALIDATOR = SchemaValidator(schemas.typed_dict_schema(EVENT))


def _times(values: list) -> list[datetime]:
    return list(map(_instant, values))


def _sources(values: list) -> list[str]:
    # They are few: each is read once.
    read = {value: None if value is None else _source(value) for value in {*values}}
    return list(map(read.__getitem__, values))


# What many events have in a field, read at once. Raises ValueError or TypeError.
COLUMNS: dict[str, Callable[[list], list]] = {
    name: SchemaValidator(schemas.list_schema(field["schema"])).validate_python
    for name, field in EVENT.items()
} | {"time": _times, "source": _sources}
FIELDS: tuple[str, ...] = tuple(EVENT)
KNOWN = frozenset(FIELDS)
REQUIRED = {name for name, field in EVENT.items() if field["required"]}
