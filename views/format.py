"""How numbers, money and moments are written on the page."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from flask import Flask
from jinja2.ext import Extension

from usage.charts import spark
from usage.columns import cost_per_call
from usage.movement import Difference
from usage.pricing import LIST, RATES, REPORTED, plain
from usage.window import Window

MOST_DIGITS = 9_999_999
UNITS = ((10**12, "T"), (10**9, "B"), (10**6, "M"))
CENT = Decimal("0.01")
SOURCES = {
    "": "Unassigned",
    "unassigned": "Unassigned",
    "all": "All sources",
    "ui": "UI",
    "cli": "CLI",
    "ide": "IDE",
    "api": "API",
}
BASES = {RATES: "Rates", LIST: "List", REPORTED: "Reported"}
# The first that a browser names counts: most say that they are like Chrome and Safari too.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


class Unindented(Extension):
    """A Jinja extension that strips the indentation of templates from pages."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source of a template without it."""
        return re.sub(r"\n[ \t]+", "\n", source)


def register(app: Flask) -> None:
    """Offer the formats to templates."""
    numbers = (exact, counted, compact, money, plain, change, share, percent, cost_per_call, spark)
    words = (day, dates, moment, lately, ago, source, basis, initials, quoted, browser)
    for function in (*numbers, *words):
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.globals["address"] = address


def address(url: str, args: Mapping[str, str]) -> str:
    """An address with its arguments, after those it has already."""
    joint = "&" if "?" in url else "?"
    return url + joint + urlencode(args, safe=",") if args else url


def quoted(name: str) -> str:
    """A name as a part of an address, as url_for writes it."""
    return quote(name, safe="!$&'()*+,/:;=@")


def exact(number: int) -> str:
    """All digits: 12,345,678."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with what it counts: 1 call, 1,234 calls."""
    return f"{exact(number)} {one if number == 1 else many or one + 's'}"


def compact(number: int) -> str:
    """All digits up to 9,999,999, then three or four of them: 12.4M."""
    if number <= MOST_DIGITS:
        return exact(number)
    for unit, letter in UNITS:
        # 999,950,000 would round up to 1000.0M: that is 1.0B.
        if number >= unit - unit // 20_000:
            return f"{Decimal(number) / unit:,.1f}{letter}"
    return exact(number)


def money(amount: Decimal, places: int = 2) -> str:
    """Dollars with two places, four below one cent; something is never written as nothing."""
    places = 4 if 0 < amount < CENT else places
    rounded = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return f"${rounded:,}" if rounded or not amount else "< $0.01"


def change(moved: Difference, dollars: bool = False) -> str:
    """By how much something moved: +1,204 (+12 %), −$3.20 (−8 %), ±0."""
    size = abs(moved.amount)
    if not size:
        return "±0"
    amount = _sign(moved.amount) + (money(size) if dollars else compact(size))
    if moved.percent is None:
        return amount
    return f"{amount} ({_sign(moved.percent)}{exact(abs(moved.percent))} %)"


def _sign(number: int | Decimal) -> str:
    return "+" if number > 0 else "−" if number < 0 else "±"


def day(value: date, year: bool = True) -> str:
    """22 Nov 2026."""
    return f"{value.day} {value:%b %Y}" if year else f"{value.day} {value:%b}"


def dates(window: Window) -> str:
    """The first and last day: 24 Oct to 22 Nov 2026."""
    if window.length == 1:
        return day(window.first)
    return f"{day(window.first, window.first.year != window.last.year)} to {day(window.last)}"


def moment(value: datetime, timezone: str) -> str:
    """22 Nov 2026, 11:02 in a zone."""
    local = value.astimezone(ZoneInfo(timezone))
    return f"{day(local)}, {local:%H:%M}"


def lately(value: datetime, now: datetime, timezone: str) -> str:
    """When, in few words: 11:02 today, 20 Nov, 11:02 this year, 20 Nov 2025 before that."""
    local, today = (one.astimezone(ZoneInfo(timezone)) for one in (value, now))
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{day(local, False)}, {local:%H:%M}" if local.year == today.year else day(local)


def ago(value: datetime, now: datetime) -> str:
    """How long ago: just now, 2 min ago, 3 hours ago, 4 days ago."""
    minutes = int((now - value).total_seconds() // 60)
    for size, word in ((1440, "day"), (60, "hour")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return f"{minutes} min ago" if minutes >= 1 else "just now"


def source(value: str) -> str:
    """A source as people call it."""
    return SOURCES[value]


def basis(value: str) -> str:
    """What costs are told by, as people call it."""
    return BASES[value]


def share(part: int, whole: int) -> int:
    """Whole percents of a whole, for the length of a bar."""
    return round(100 * part / whole) if whole else 0


def percent(part: int, whole: int) -> str:
    """Whole percents of a whole: 84 %, <1 %, >99 %; of nothing there is no share: –."""
    if not whole:
        return "–"
    if 0 < 100 * part < whole:
        return "<1 %"
    return ">99 %" if 99 * whole < 100 * part < 100 * whole else f"{round(100 * part / whole)} %"


def initials(display_name: str) -> str:
    """The letters on a person's badge: Ada Lovelace is AL."""
    words = [word for word in display_name.split() if word[0].isalnum()] or ["?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def browser(agent: str) -> str:
    """A browser in few words, Firefox on Windows; one that isn't known as it calls itself."""
    name, system = (
        next((words for mark, words in known.items() if mark in agent), "")
        for known in (BROWSERS, SYSTEMS)
    )
    return f"{name} on {system}" if name and system else agent or "A browser"
