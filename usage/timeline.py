"""Activity over time -> columns of days, weeks or months for the SVG macros."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from usage.charts import Axis, Group, axis

MARKS, DAYS, WEEKS = 8, 120, 120
BARS = {"day": "day, weekends banded", "week": "week, Monday to Sunday", "month": "month"}


@dataclass(frozen=True)
class Column(Group):
    """The bars of a day, week or month; nothing is known of a blank one."""

    calls: int
    weekend: bool
    partial: bool
    first: date
    last: date
    blank: bool


@dataclass(frozen=True)
class Daily:
    """Activity over time. Marks are dates below the plot: text, x, minor."""

    calls_axis: Axis
    tokens_axis: Axis
    slot: float
    width: int
    columns: tuple[Column, ...]
    marks: tuple[tuple[str, float, bool], ...]
    span: str
    caption: str


def daily(
    days: Sequence[tuple[date, int, int, int]],
    today: date | None = None,
    blank: Container[date] = (),
) -> Daily:
    """Calls, prompt and completion tokens by day; by week or month when the days are many.

    A column whose days are all blank has no data, which is not the same as 0.
    """
    unit, buckets = _buckets(days)
    calls_axis = axis((calls for _, _, calls, _, _ in buckets), top=24, base=68, lines=2)
    tokens_axis = axis((prompt + more for *_, prompt, more in buckets), top=108, base=268)
    slot, width = 100 / max(len(buckets), 1), min(74, 6 * len(buckets))
    columns = tuple(
        Column(
            _period(first, last),
            round(place * slot, 2),
            prompt,
            completion,
            calls,
            weekend=unit == "day" and first.weekday() > 4,
            partial=first <= (today or date.max) <= last,
            first=first,
            last=last,
            blank=all(first + timedelta(n) in blank for n in range((last - first).days + 1)),
        )
        for place, (first, last, calls, prompt, completion) in enumerate(buckets)
    )
    marks = tuple(_marks(unit, [first for first, *_ in buckets]))
    span = _period(buckets[0][0], buckets[-1][1]) if buckets else ""
    hatched = f" The hatched {unit} is not over yet." if any(c.partial for c in columns) else ""
    gaps = " Where lines are missing there is no data." if any(c.blank for c in columns) else ""
    caption = f"One bar per {BARS[unit]}.{hatched}{gaps}"
    return Daily(calls_axis, tokens_axis, round(slot, 2), width, columns, marks, span, caption)


def _buckets(days: Sequence[tuple[date, int, int, int]]) -> tuple[str, list[list]]:
    """The unit, and the first day, last day and counts of each one, gaps filled with zeros."""
    first, last = min(days, default=(date.max,))[0], max(days, default=(date.min,))[0]
    length = (last - first).days + 1
    unit = "day" if length <= DAYS else "week" if length <= 7 * WEEKS else "month"
    buckets: dict[date, list] = {}
    for day in (first + timedelta(n) for n in range(length)):
        buckets.setdefault(_start(day, unit), [day, day, 0, 0, 0])[1] = day
    for day, *counts in days:
        bucket = buckets[_start(day, unit)]
        bucket[2:] = [sum(pair) for pair in zip(bucket[2:], counts, strict=True)]
    return unit, list(buckets.values())


def _start(day: date, unit: str) -> date:
    back = {"day": 0, "week": day.weekday(), "month": day.day - 1}
    return day - timedelta(back[unit])


def _period(first: date, last: date) -> str:
    end = f"{last.day} {last:%b %Y}"
    return f"{last:%a} {end}" if first == last else f"{first.day} {first:%b %Y} to {end}"


def _marks(unit: str, days: list[date]) -> Iterable[tuple[str, float, bool]]:
    """At most eight evenly spaced dates; every other one is minor when they are more than four."""
    step = -(-len(days) // MARKS) or 1
    by_month = unit == "month" or (unit == "week" and len(days) > 52)
    for place in range(step // 2, len(days) - step // 4, step):
        text = f"{days[place]:%b %Y}" if by_month else f"{days[place].day} {days[place]:%b}"
        minor = len(days) > 4 * step and place // step % 2 == 1
        yield text, round(100 * (place + 0.5) / len(days), 2), minor
