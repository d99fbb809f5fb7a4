"""Parsing of single URL arguments, days and whole numbers; a malformed one is refused by name."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from usage.window import MOST_DAYS, Window, day_of, last_days

DEFAULT_DAYS = 30
WHOLE = re.compile(r"[0-9]{1,9}")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class InvalidScope(ValueError):
    """A malformed argument: its name, and a sentence for a person."""

    def __init__(self, field: str, message: str):
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def whole_number(name: str, said: Mapping[str, str], least: int, most: int, default: int) -> int:
    """A whole number from `least` to `most`."""
    text = said[name]
    if not text:
        return default
    if not WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise InvalidScope(name, f"must be a whole number from {least} to {most}")
    return int(text)


def window_of(said: Mapping[str, str], now: datetime, timezone: str) -> tuple[int | None, Window]:
    """The number N of "last N days", None for a date range; and the window of days."""
    # A number of days typed while a date range is active replaces the range.
    if said["days"] or not (said["from"] or said["to"]):
        days = whole_number("days", said, 1, MOST_DAYS, DEFAULT_DAYS)
        return days, last_days(days, now, timezone)
    first, last = _day("from", said), _day("to", said)
    if first > last:
        raise InvalidScope("from", "must not be after the last day of the range")
    if last > day_of(now, timezone) + timedelta(days=1):
        raise InvalidScope("to", "must not lie after tomorrow")
    return None, Window(first, last, timezone)


def _day(name: str, said: Mapping[str, str]) -> date:
    if not said[name]:
        raise InvalidScope(name, "is needed too: a date range has two ends")
    try:
        if not DATE.fullmatch(said[name]):
            raise ValueError
        return date.fromisoformat(said[name])
    except ValueError:
        raise InvalidScope(name, "must be a date like 2026-11-22") from None
