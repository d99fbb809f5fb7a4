"""What adapters read out of foreign fields: texts, counts, amounts, times, tags and who asked."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from pathlib import PureWindowsPath
from typing import Any

from pydantic import FiniteFloat, TypeAdapter, ValidationError

from usage.ingest.event import LONGEST_ID, SOURCES, TEXT_LIMITS, WHOLE_NUMBER, InvalidEvent
from usage.ingest.literals import value_of

INSTANT, NUMBER = (TypeAdapter(kind).validator for kind in (datetime, FiniteFloat))
# How JSON, CSV and Python's str() say nothing.
BLANK = (None, "", "None")
# A CSV file that went through a spreadsheet may have 12.0.
DIGITS = re.compile(r"\s*(\d{1,20})(?:\.0*)?\s*")
DATED = re.compile(r"-[\d-]{8,10}")
LARGEST, LONGEST_AGENT = 10**20, 1000
# From there on pydantic takes a number for milliseconds.
MOST_SECONDS = 2 * 10**10
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
# The number of an installation or an account: it tells two people apart, not who they are.
OPAQUE = re.compile(r"[0-9a-f]{32,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
COMMAND_LINES = r"\bcli\b|geminicli|claude-code|codex(?!_vscode)|aider|opencode|goose"
EDITORS = r"vscode|cursor|jetbrains|intellij|pycharm|windsurf|\b(?:continue|zed|cline)\b"
AGENT = re.compile(f"(?P<cli>{COMMAND_LINES})|{EDITORS}")


def text(fields: Mapping[str, object], *names: str) -> str:
    """The first of these fields that holds text or a whole number, "" when none does."""
    for name in names:
        value = fields.get(name)
        # Of all the names for something, a sender knows one.
        if value is None:
            continue
        if isinstance(value, str):
            if (value := value.strip()) and value != "None":
                return value
        elif type(value) is int and abs(value) < LARGEST:
            return str(value)
    return ""


def kept_id(id: str) -> str:
    """An id as it is kept: one that is too long, on every road by the same short one."""
    return id if len(id) <= LONGEST_ID else sha256(id.encode("utf-8", "surrogatepass")).hexdigest()


def whole(value: object, field: str = "tokens") -> int:
    """A count, from a number or its digits; 0 for None. Raises InvalidEvent."""
    if isinstance(value, str) and (digits := DIGITS.fullmatch(value)):
        return int(digits[1])
    # Some senders declare every number a double.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (type(value) is not int or not 0 <= value < LARGEST):
        raise InvalidEvent(field, WHOLE_NUMBER)
    return value or 0


def count(fields: Mapping[str, object], *names: str) -> int:
    """The count under several names for the same: the largest. Raises InvalidEvent."""
    most = 0
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        if type(value) is not int or not 0 <= value < LARGEST:
            value = 0 if value in BLANK else whole(value, name)
        if value > most:
            most = value
    return most


def tokens(
    prompt: int,
    completion: int,
    cache_read: int = 0,
    cache_write: int = 0,
    reasoning: int = 0,
    apart: bool = False,
) -> dict[str, int]:
    """An event's token fields, from a sender that may count parts apart from their whole.

    `apart` goes for what is cached of the prompt.
    """
    cached = cache_read + cache_write
    # Of senders that aren't known for it only a part that is larger than the whole shows it.
    prompt += cached if apart or cached > prompt else 0
    completion += reasoning if reasoning > completion else 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cache_read_tokens": cache_read,
        "cache_write_tokens": cache_write,
        "reasoning_tokens": reasoning,
    }


def amount(value: object) -> Decimal | None:
    """A finite number, from a number or its digits; None for anything else."""
    if type(value) is float and isfinite(value):
        return Decimal(str(value))
    with suppress(ValidationError):
        return None if isinstance(value, bool) else Decimal(str(NUMBER.validate_python(value)))
    return None


def dollars(*values: object) -> Decimal | None:
    """The first of these amounts that is more than nothing; None when none is."""
    for value in values:
        if (found := amount(value)) and found > 0:
            return found
    return None


def instant(*values: object) -> datetime | None:
    """The first of these that is a time: ISO 8601, or seconds since 1970; UTC unless it says."""
    for value in values:
        if type(value) is float and 0 < value < MOST_SECONDS:
            return datetime.fromtimestamp(value, UTC)
        with suppress(ValidationError):
            if value and not isinstance(value, bool):
                return _in_utc(INSTANT.validate_python(value))
    return None


def iso(said: str) -> datetime | None:
    """A time in ISO 8601, UTC unless it says otherwise; None for anything else."""
    with suppress(ValueError):
        return _in_utc(datetime.fromisoformat(said))
    return None


def timestamp(line: Mapping[str, object]) -> datetime:
    """When a line of a session file was written. Raises InvalidEvent."""
    if time := iso(text(line, "timestamp")):
        return time
    raise InvalidEvent("timestamp", "must be like 2026-11-22T10:00:00Z")


def asked_for(model: str, other: str) -> str:
    """Of two names for a model the one that was asked for: an answer's has a version's date."""
    return other if DATED.fullmatch(model.removeprefix(other)) else model or other


def folder(path: str) -> str:
    """The name of the last folder of any system's path, as long as a project's may be."""
    return PureWindowsPath(path).name[: TEXT_LIMITS["project"]]


def email_of(user: str) -> str:
    """The address that a user's name is, "" for any other name."""
    return user.lower() if EMAIL.fullmatch(user) else ""


def structure(value: object, kind: type = dict) -> Any:
    """The object (or list) that a value is or is the text of; an empty one for anything else."""
    value = value_of(value) if isinstance(value, str) else value
    return value if isinstance(value, kind) else kind()


def nested(fields: Mapping[str, object], name: str, kind: type = dict) -> Any:
    """The object (or list) in a field, which a CSV file has as text; empty when there is none."""
    value = fields.get(name)
    return value if isinstance(value, kind) else structure(value, kind)


def rows(document: object, name: str) -> Iterator[object]:
    """The records of a document: what stands there under the name, or in an array, or itself."""
    found = document.get(name) if isinstance(document, dict) else document
    yield from found if isinstance(found, list) else [document]


def paged(document: object) -> Iterator[object]:
    """The records of one or several pages of an API, or those of an array, or the one itself."""
    for page in document if isinstance(document, list) else [document]:
        yield from rows(page, "data")


def labels(tags: list) -> dict[str, str]:
    """What tags like "project:x" say, by their names; the first of a name counts."""
    said = {}
    for tag in reversed(tags):
        if isinstance(tag, str):
            name, _, value = tag.partition(":")
            said[name.strip().lower()] = value
    return said


def source(tags: Mapping[str, str], agent: str) -> str:
    """Where a call was made: what a tag says, else what the user agent is, "" when unknown."""
    for word in (text(tags, "source").lower(), *tags):
        if word in SOURCES:
            return word
    return _kind_of_agent(agent[:LONGEST_AGENT].lower())


@lru_cache(1024)
def _kind_of_agent(agent: str) -> str:
    # The leftmost product is the one that asks; what follows may be the terminal it runs in.
    if match := AGENT.search(agent):
        return "cli" if match["cli"] else "ide"
    return "ui" if agent.startswith("mozilla/") else ""


def in_editor(place: str) -> bool:
    """Whether a program, an entry point or a terminal is one of an editor."""
    return bool(re.search(EDITORS, place.lower()))


class telling:
    """A refusal in here tells the id of what was refused."""

    def __init__(self, record_id: str):
        self.record_id = record_id

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        if isinstance(error, InvalidEvent):
            error.record_id = self.record_id[:LONGEST_ID] or None


def _in_utc(time: datetime) -> datetime:
    # Python compares times of its own UTC at once; pydantic has another.
    return time if time.utcoffset() else time.replace(tzinfo=UTC)
