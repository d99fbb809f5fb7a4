"""OTLP's messages in both encodings: parse a body, look into what it holds, answer it."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import starmap
from typing import Any, NamedTuple

from google.rpc.status_pb2 import Status
from pydantic_core import from_json

from usage.ingest import otlp_protobuf
from usage.ingest.body import JSON, UnreadableBody, UnsupportedBody, refuse_swarm
from usage.ingest.otlp_protobuf import PATHS, SERVICES, Keep, Pair

PROTOBUF = ("application/x-protobuf", "application/protobuf")
# OTLP's JSON has numbers here; protobuf's own, which some write, has names.
ENUMS = {"STATUS_CODE_ERROR": 2}
LONGEST_NUMBER, EPOCH = 20, datetime(1970, 1, 1, tzinfo=UTC)
# What stands where a number should, and is none.
NO_NUMBER = float("nan")


class Look(NamedTuple):
    """How to look into a message by a field's name; what is absent or misplaced is empty."""

    many: Callable[[Any, str], Sequence]
    one: Callable[[Any, str], Any]
    text: Callable[[Any, str], str]
    number: Callable[[Any, str], int]
    id: Callable[[Any, str], str]
    attributes: Callable[[Any], dict[str, Any]]

    def time(self, message: Any, *names: str) -> datetime | None:
        """The first of these fields that holds nanoseconds since 1970."""
        for name in names:
            if nanos := self.number(message, name):
                try:
                    return EPOCH + timedelta(microseconds=nanos // 1000)
                except OverflowError:
                    return None
        return None


def parsed(body: bytes, content_type: str, signal: str, keep: Keep) -> tuple[Any, Look]:
    """The request message in a body, and how to look into it; of metrics only that it is one.

    Its attributes are what is kept of them.
    Raises UnsupportedBody, or UnreadableBody and BodyTooLarge before the body takes any memory.
    """
    if content_type in PROTOBUF:
        known = otlp_protobuf.Attributes(keep)
        return otlp_protobuf.parsed(body, signal), Look(*IN_PROTOBUF, known.of)
    if content_type != JSON:
        raise UnsupportedBody(f"Send {PROTOBUF[0]} or {JSON}.")
    refuse_swarm(body)
    try:
        document = from_json(body)
    except ValueError:
        raise UnreadableBody("The body is not valid JSON.") from None
    groups = _camel(PATHS[signal][0])
    if not isinstance(document, dict) or not isinstance(document.get(groups, []), list | None):
        raise UnreadableBody(f'The body must be an object with an array "{groups}".')
    return document, Look(*IN_JSON, lambda message: _attributes(message, keep))


def success(content_type: str, signal: str, rejected: int = 0, message: str = "") -> bytes:
    """The answer to a body that was taken, but for the given number of its records."""
    refused = f"rejected_{PATHS[signal][-1]}"
    if content_type in PROTOBUF:
        service, kind = SERVICES[signal]
        answer = getattr(service, f"Export{kind}ServiceResponse")()
        if rejected or message:
            setattr(answer.partial_success, refused, rejected)
            answer.partial_success.error_message = message
        return answer.SerializeToString()
    # Protobuf's JSON writes 64-bit numbers as strings.
    partial = {_camel(refused): str(rejected), "errorMessage": message}
    return json.dumps({"partialSuccess": partial} if rejected or message else {}).encode()


def failure(content_type: str, code: int, message: str) -> bytes:
    """The answer to a body that was not taken: a google.rpc.Status with one of its codes."""
    if content_type in PROTOBUF:
        return Status(code=code, message=message).SerializeToString()
    return json.dumps({"code": code, "message": message}).encode()


@cache
def _camel(name: str) -> str:
    first, *words = name.split("_")
    return first + "".join(word.capitalize() for word in words)


def _many(message: dict, name: str) -> list[dict]:
    found = message.get(_camel(name))
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _one(message: dict, name: str) -> dict:
    found = message.get(_camel(name))
    return found if isinstance(found, dict) else {}


def _text(message: dict, name: str) -> str:
    found = message.get(_camel(name))
    return found if isinstance(found, str) else ""


def _number(message: dict, name: str) -> int:
    said = message.get(_camel(name))
    return _whole(said) or (ENUMS.get(said, 0) if isinstance(said, str) else 0)


def _id(message: dict, name: str) -> str:
    said = _text(message, name)
    try:
        # OTLP's JSON has hex here; protobuf's own, which some write, has base64.
        return _hex(b64decode(said, validate=True) if said[-1:] == "=" else bytes.fromhex(said))
    except ValueError:
        return ""


def _hex(raw: bytes) -> str:
    return raw.hex() if len(raw) in (8, 16) and any(raw) else ""


def _whole(value: object) -> int | None:
    digits = value.removeprefix("-") if isinstance(value, str) else ""
    if digits.isdecimal() and len(digits) <= LONGEST_NUMBER:
        return int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and abs(value) < 10**LONGEST_NUMBER else None


def _scalar(value: object) -> str | int | float | bool | None:
    if not isinstance(value, dict):
        return None
    if isinstance(found := value.get("stringValue"), str):
        return found
    if (said := value.get("intValue")) is not None:
        return NO_NUMBER if (found := _whole(said)) is None else found
    if (found := value.get("doubleValue")) is not None:
        is_number = type(found) in (float, int) and abs(found) < 10**LONGEST_NUMBER
        return float(found) if is_number else NO_NUMBER
    return found if isinstance(found := value.get("boolValue"), bool) else None


def _attributes(message: dict, keep: Keep) -> dict[str, Any]:
    return dict(filter(None, starmap(keep, _pairs(message))))


def _pairs(message: dict) -> Iterator[Pair]:
    for attribute in _many(message, "attributes"):
        key, value = attribute.get("key"), _scalar(attribute.get("value"))
        if isinstance(key, str) and value is not None:
            yield key, value


def _protobuf_id(message: Any, name: str) -> str:
    return _hex(getattr(message, name))


IN_PROTOBUF = getattr, getattr, getattr, getattr, _protobuf_id
IN_JSON = _many, _one, _text, _number, _id
