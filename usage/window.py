"""Days, zones and "last N days": the calendar arithmetic of the board."""

from calendar import monthrange
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MOST_DAYS = 3660
NEVER = date.min, datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """The days counted, first and last included, in a reporting time zone."""

    first: date
    last: date
    timezone: str

    @property
    def length(self) -> int:
        """How many days are counted."""
        return (self.last - self.first).days + 1

    def before(self) -> "Window | None":
        """As many days, right before these; None where the calendar begins."""
        try:
            last = self.first - timedelta(days=1)
            return Window(self.first - timedelta(days=self.length), last, self.timezone)
        except OverflowError:
            return None

    def days(self) -> list[date]:
        """Every day of the window, oldest first."""
        return [self.first + timedelta(days=n) for n in range(self.length)]

    def whole_weeks(self, is_all: bool = False) -> "Window | None":
        """The days from the first Monday to the last Sunday in it; None without a whole week.

        With `is_all` nothing comes after this window: its last week ends with the Sunday after it.
        """
        first = self.first.toordinal() + -self.first.weekday() % 7
        last = self.last.toordinal() - self.last.isoweekday() % 7
        if is_all and last < self.last.toordinal():
            last = min(last + 7, date.max.toordinal())
        if first > last:
            return None
        return Window(date.fromordinal(first), date.fromordinal(last), self.timezone)

    def around(self, inner: "Window") -> "list[Window]":
        """The days before and after a window inside this one: two windows at most."""
        found = []
        if self.first < inner.first:
            found.append(replace(self, last=inner.first - timedelta(days=1)))
        if inner.last < self.last:
            found.append(replace(self, first=inner.last + timedelta(days=1)))
        return found

    def span(self, used: Collection[date]) -> list[date]:
        """Every day of the window; of a very long one those from first to last use."""
        # A range may begin centuries before anyone used AI.
        if self.length <= MOST_DAYS:
            return self.days()
        return Window(min(used), max(used), self.timezone).days() if used else []


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The named IANA time zone; raises ValueError when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'must be an IANA name like Europe/Berlin, not "{name}"') from error


def day_of(instant: datetime, timezone: str) -> date:
    """The calendar day that an aware instant falls on in a zone."""
    return instant.astimezone(zone(timezone)).date()


def days_of(instants: Iterable[datetime], timezones: Sequence[str]) -> list[date]:
    """The calendar days that aware instants fall on, each in its zone."""
    days: list[date] = []
    known: dict[str, tuple[date, datetime, datetime]] = {}
    for instant, name in zip(instants, timezones, strict=True):
        day, begins, ends = known.get(name, NEVER)
        if not begins <= instant < ends:
            # The next instants are mostly of the same day.
            day, begins, ends = known[name] = _whole_day(instant, zone(name))
        days.append(day)
    return days


def _whole_day(instant: datetime, zone: ZoneInfo) -> tuple[date, datetime, datetime]:
    """The day of an instant, when it begins and when it ends.

    On a day when clocks change, both are the instant itself: the answer is for it alone.
    """
    instant, there = instant.astimezone(UTC), instant.astimezone(zone)
    begins = instant - (there.replace(tzinfo=None) - datetime.combine(there, time()))
    ends = begins + timedelta(days=1)
    at_its_ends = (begins, ends - timedelta.resolution)
    if {one.astimezone(zone).utcoffset() for one in at_its_ends} == {there.utcoffset()}:
        return there.date(), begins, ends
    return there.date(), instant, instant


def month_so_far(today: date) -> tuple[date, date]:
    """The first day of a day's month, and the day."""
    return today.replace(day=1), today


def days_of_month(day: date) -> int:
    """How many days the day's month has."""
    return monthrange(day.year, day.month)[1]


def last_days(count: int, now: datetime, timezone: str) -> Window:
    """The `count` calendar days ending today in the zone."""
    today = day_of(now, timezone)
    return Window(today - timedelta(days=count - 1), today, timezone)
