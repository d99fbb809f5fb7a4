"""The bytes of a request -> the records in it, within limits."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from pydantic_core import from_json

JSON = "application/json"
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines")
ENCODINGS = ("", "identity", "gzip", "x-gzip")
PIECE = 256 * 1024
MOST_MEMBERS = 64
MOST_BRACKETS = 1_000_000


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


def records(body: bytes, content_type: str, encoding: str, limits: Limits) -> list[object]:
    """The records of an object, an array, {"events": […]} or NDJSON, in order.

    Raises UnsupportedBody, BodyTooLarge or UnreadableBody.
    """
    if content_type not in (JSON, *LINES):
        raise UnsupportedBody(
            f"Send {JSON} or {LINES[0]}, not {content_type or 'an untyped body'}."
        )
    text = plain_bytes(body, encoding, limits.bytes)
    if not text.strip():
        raise UnreadableBody("The body is empty.")
    found = _lines(text, limits) if content_type in LINES else _document(text, limits)
    if len(found) > limits.records:
        raise BodyTooLarge(f"One request may carry at most {limits.records:,} events.")
    return found


def plain_bytes(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its content encoding; never holds more than the limit in memory."""
    if encoding.lower() not in ENCODINGS:
        raise UnsupportedBody(f"Send the body plain or with gzip, not {encoding}.")
    if encoding.lower() in ENCODINGS[:2]:
        if len(body) > limit:
            raise _too_large(limit)
        return body
    # Measured first, a piece at a time: what turns out too large never stands in memory.
    size = 0
    for piece in _inflate(body):
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
    return b"".join(_inflate(body))


def _inflate(body: bytes) -> Iterator[bytes]:
    # A gzip file may have several members, one after the other.
    for _ in range(MOST_MEMBERS):
        member, start = zlib.decompressobj(wbits=31), 0
        while start < len(body) and not member.eof:
            piece, start = body[start : start + PIECE], start + PIECE
            while piece and not member.eof:
                try:
                    yield member.decompress(piece, PIECE)
                except zlib.error:
                    raise UnreadableBody("The body is not valid gzip.") from None
                piece = member.unconsumed_tail
        if not member.eof:
            raise UnreadableBody("The gzip body ends too early.")
        body = member.unused_data + body[start:]
        if not body:
            return
    raise UnreadableBody(f"The gzip body has more than {MOST_MEMBERS} members.")


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {limit // 1024:,} KiB.")


def _document(text: bytes, limits: Limits) -> list[object]:
    # Empty objects weigh fifty times in memory what they weigh in the body.
    if text.count(b"{") + text.count(b"[") > MOST_BRACKETS:
        raise BodyTooLarge(f"The body has more than {MOST_BRACKETS:,} objects and arrays.")
    try:
        document = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        # Some senders call NDJSON application/json.
        if b"\n" in text.strip() and _parse(text.strip().split(b"\n", 1)[0]) is not None:
            return _lines(text, limits)
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


def _lines(text: bytes, limits: Limits) -> list[object]:
    found: list[object] = []
    for line in _split(text):
        if len(found) > limits.records:
            break
        record = _parse(line)
        found.append(Unreadable("is not valid JSON") if record is None else record)
    if all(isinstance(record, Unreadable) for record in found):
        raise UnreadableBody("No line of the body is valid JSON.")
    return found


def _split(text: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        if line := text[start:end].strip():
            yield line
        start = end + 1


def _parse(line: bytes) -> object | None:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        return None
