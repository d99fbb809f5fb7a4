"""JSON that is still text: how much is in it, and the elements of a long array one by one."""

import re
from collections.abc import Iterator

# A parser makes up to 72 bytes of each: with the text itself that stays well below 64 MB.
MOST_TOKENS = 500_000
PIECE, OTHER_BYTES = 256 * 1024, bytes(byte for byte in range(256) if byte not in b'"[{,:')
# Ends as a parser ends it: at its quote, and with the line at the latest.
STRING = rb'"[^"\\\n]*+(?:\\.?[^"\\\n]*+)*+"?'
TOKEN = re.compile(STRING + rb"|[\[{,:]")
TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + STRING + rb")*+([\[\]{}])")
SPACE = rb"[ \t\r\n]*+"
ARRAY = re.compile(SPACE + rb'(?:(\{)%s"events"%s:%s)?\[' % (SPACE, SPACE, SPACE))
FIRST, NEXT = re.compile(SPACE + rb"[\[{]"), re.compile(rb"%s,%s[\[{]" % (SPACE, SPACE))
END = {None: re.compile(rb"%s\]%s" % (SPACE, SPACE))}
END[b"{"] = re.compile(END[None].pattern + rb"\}" + SPACE)


def fits(text: bytes) -> bool:
    """True when what a parser makes of it may stand in memory at once."""
    if len(text) <= MOST_TOKENS:
        return True
    pieces = (text[start : start + PIECE] for start in range(0, len(text), PIECE))
    if sum(len(piece.translate(None, OTHER_BYTES)) for piece in pieces) <= MOST_TOKENS:
        return True
    # Prose and code are full of brackets and commas, yet a string is one value.
    return all(count < MOST_TOKENS for count, _ in enumerate(TOKEN.finditer(text)))


def is_array(text: bytes) -> bool:
    """True for what begins as an array of events does, alone or in {"events": …}."""
    return ARRAY.match(text) is not None


def elements(text: bytes) -> Iterator[bytes]:
    """The objects and arrays in an array of events. Raises ValueError for anything else in it."""
    head = ARRAY.match(text)
    place, opening = head.end(), FIRST
    while found := opening.match(text, place):
        start, place = found.end() - 1, _end(text, found.end())
        yield text[start:place]
        opening = NEXT
    if not END[head[1]].fullmatch(text, place):
        raise ValueError("an array of events holds objects, with a comma between")


def _end(text: bytes, place: int) -> int:
    """Where what was opened before this place is closed."""
    depth = 1
    while depth:
        bracket = TO_BRACKET.match(text, place)
        if not bracket:
            raise ValueError("the text ends too early")
        depth += 1 if bracket[1] in b"[{" else -1
        place = bracket.end()
    return place
