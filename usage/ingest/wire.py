"""Protobuf's wire format: what a body would weigh once it is parsed, told before it is."""

from functools import cache
from typing import Any

from usage.ingest.body import BodyTooLarge, UnreadableBody

# An empty span is two bytes in a body and 172 in memory: a body weighs what its messages do.
MOST_WEIGHT = 32 * 1024 * 1024
HEAVIEST = 200
# How long a walk may take: real bodies have some 70 fields a span.
MOST_FIELDS = 2_500_000
PIECE = 256 * 1024
DEEPEST, LONGEST_NUMBER, LARGEST_TAG = 100, 10, 2**32
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
OTHER_BYTES = bytes(byte for byte in range(256) if byte & 7 != DELIMITED)

Shape = dict[int, tuple[int, "Shape | None"]]
"""Per tag of what takes memory of its own: its weight in bytes, and the shape of a message."""


def is_light(body: bytes) -> bool:
    """True when no protobuf in so few bytes can weigh too much, as for nearly every real body."""
    # Each message in a body has a tag, and the first byte of a tag tells its kind.
    pieces = (body[start : start + PIECE] for start in range(0, len(body), PIECE))
    tags = sum(len(piece.translate(None, OTHER_BYTES)) for piece in pieces)
    return tags * HEAVIEST <= MOST_WEIGHT


def check(body: bytes, message: Any) -> None:
    """Walk through the protobuf of a message, given its descriptor, without building any of it.

    Raises BodyTooLarge, or UnreadableBody for what the library could not read either.
    """
    try:
        _walk(body, shape(message))
    except (IndexError, _Malformed):
        raise UnreadableBody(f"The body is not the protobuf of an {message.name}.") from None


@cache
def shape(message: Any) -> Shape:
    """What inside a message of that descriptor takes memory of its own."""
    found: Shape = {}
    _fill(found, message, {message.full_name: found})
    return found


class _Malformed(ValueError):
    pass


def _fill(found: Shape, message: Any, known: dict[str, Shape]) -> None:
    for field in message.fields:
        tag, inner = field.number << 3 | DELIMITED, field.message_type
        if inner and inner.full_name not in known:
            known[inner.full_name] = {}
            _fill(known[inner.full_name], inner, known)
        if inner:
            apart = [one for one in inner.fields if not one.containing_oneof]
            found[tag] = 40 + 8 * (len(apart) + len(inner.oneofs)), known[inner.full_name]
        elif field.is_repeated:
            found[tag] = 32, None


def _walk(body: bytes, inside: Shape) -> None:
    place, end, weight = 0, len(body), 0
    around: list[tuple[int, Shape]] = []
    for _ in range(MOST_FIELDS):
        while place >= end:
            if place > end:
                raise _Malformed
            if not around:
                return
            end, inside = around.pop()
        tag, place = (body[place], place + 1) if body[place] < 128 else _number(body, place)
        if not 8 <= tag < LARGEST_TAG:
            raise _Malformed
        if tag & 7 != DELIMITED:
            place = _after_scalar(body, place, tag & 7)
            continue
        size, place = (body[place], place + 1) if body[place] < 128 else _number(body, place)
        more, within = inside.get(tag, (0, None))
        weight += more
        if weight > MOST_WEIGHT:
            break
        if within is None:
            place += size
            continue
        if place + size > end or len(around) == DEEPEST:
            raise _Malformed
        around.append((end, inside))
        end, inside = place + size, within
    raise BodyTooLarge("The body holds too many records or attributes; send it in parts.")


def _after_scalar(body: bytes, place: int, kind: int) -> int:
    if kind == VARINT:
        return place + 1 if body[place] < 128 else _number(body, place)[1]
    if kind in (FIXED64, FIXED32):
        return place + (8 if kind == FIXED64 else 4)
    # Groups: nothing in OTLP has ever had one.
    raise _Malformed


def _number(body: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 7 * LONGEST_NUMBER, 7):
        byte = body[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise _Malformed
