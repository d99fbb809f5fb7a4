"""The bytes of a request -> the records in it, within limits."""

import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import NamedTuple

from pydantic_core import from_json

from usage.ingest.json_text import elements, fits, is_array

JSON = "application/json"
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines")
PLAIN = ("", "identity")
# What zlib calls them; HTTP's deflate is zlib's own.
PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}
PIECE = 256 * 1024
MOST_MEMBERS = 64


class UnreadableBody(ValueError):
    """A body that holds no records at all: its message is a sentence for a person."""


class BodyTooLarge(UnreadableBody):
    """More bytes or records than one request may carry."""


class UnsupportedBody(UnreadableBody):
    """A content type or encoding that isn't spoken here."""


class Limits(NamedTuple):
    """What one request may carry: bytes after decompression, and records."""

    bytes: int
    records: int


class Unreadable(NamedTuple):
    """A line that is no JSON, in the place of its record."""

    message: str


def records(body: bytes, content_type: str, encoding: str, limits: Limits) -> Iterator[object]:
    """The records of an object, an array, {"events": […]} or NDJSON, in order.

    Raises UnsupportedBody, BodyTooLarge or UnreadableBody: at once, or instead of a record.
    """
    if content_type not in (JSON, *LINES):
        raise UnsupportedBody(
            f"Send {JSON} or {LINES[0]}, not {content_type or 'an untyped body'}."
        )
    text = plain_bytes(body, encoding, limits.bytes)
    if not text or text.isspace():
        raise UnreadableBody("The body is empty.")
    return _at_most(limits.records, _lines(text) if content_type in LINES else _document(text))


def refuse_swarm(text: bytes) -> None:
    """Raises BodyTooLarge for JSON that would take too much memory once it is parsed."""
    if not fits(text):
        raise BodyTooLarge("The body holds too many values in one piece; send it in parts.")


def plain_bytes(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its content encoding; never holds more than the limit in memory."""
    if encoding.lower() not in (*PLAIN, *PACKED):
        raise UnsupportedBody(f"Send the body plain or with gzip or deflate, not {encoding}.")
    if encoding.lower() in PLAIN:
        if len(body) > limit:
            raise _too_large(limit)
        return body
    # Measured first, a piece at a time: what turns out too large never stands in memory.
    size, kind = 0, PACKED[encoding.lower()]
    for piece in _inflate(body, kind):
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
    # Joining the pieces at the end would take the memory twice.
    whole = BytesIO()
    whole.writelines(_inflate(body, kind))
    return whole.getvalue()


def _inflate(body: bytes, kind: int) -> Iterator[bytes]:
    # A gzip file may have several members, one after the other.
    for _ in range(MOST_MEMBERS):
        member, start = zlib.decompressobj(wbits=kind), 0
        while start < len(body) and not member.eof:
            piece, start = body[start : start + PIECE], start + PIECE
            while piece and not member.eof:
                try:
                    yield member.decompress(piece, PIECE)
                except zlib.error:
                    raise UnreadableBody("The body is not valid gzip or deflate.") from None
                piece = member.unconsumed_tail
        if not member.eof:
            raise UnreadableBody("The packed body ends too early.")
        body = member.unused_data + body[start:]
        if not body:
            return
    raise UnreadableBody(f"The packed body has more than {MOST_MEMBERS} members.")


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {limit // 1024:,} KiB.")


def _at_most(limit: int, found: Iterable[object]) -> Iterator[object]:
    found = iter(found)
    yield from islice(found, limit)
    for _one_more in found:
        raise BodyTooLarge(f"One request may carry at most {limit:,} events.")


def _document(text: bytes) -> Iterable[object]:
    if fits(text):
        return _whole(text)
    # Of a gateway's long conversations only one at a time stands in memory.
    return _elements(text) if is_array(text) else _lines(text)


def _whole(text: bytes) -> Iterable[object]:
    try:
        document = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        # Some senders call NDJSON application/json.
        if _parse(next(_split(text))) is not None:
            return _lines(text)
        raise UnreadableBody(f"The body is not valid JSON: {error}.") from None
    if isinstance(document, dict) and "events" in document:
        if extra := sorted(document.keys() - {"events"}):
            raise UnreadableBody(f'"{extra[0][:100]}" can\'t stand beside "events".')
        document = document["events"]
        if not isinstance(document, list):
            raise UnreadableBody('"events" must be an array.')
    if isinstance(document, dict):
        return [document]
    if isinstance(document, list):
        return document
    raise UnreadableBody('Send an object, an array, {"events": […]} or one object a line.')


def _elements(text: bytes) -> Iterator[object]:
    try:
        for element in elements(text):
            refuse_swarm(element)
            yield from_json(element, allow_inf_nan=False)
    except UnreadableBody:
        raise
    except ValueError as error:
        raise UnreadableBody(f"The body is not valid JSON: {error}.") from None


def _lines(text: bytes) -> Iterator[object]:
    readable = False
    for line in _split(text):
        record = _parse(line)
        readable |= record is not None
        yield Unreadable("is not valid JSON") if record is None else record
    if not readable:
        raise UnreadableBody("No line of the body is valid JSON.")


def _split(text: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        if line := text[start:end].strip():
            yield line
        start = end + 1


def _parse(line: bytes) -> object | None:
    refuse_swarm(line)
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        return None
