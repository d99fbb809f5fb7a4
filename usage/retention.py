"""Closed days: their events were pruned, only their daily rows are left, and they take no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from models import Retention
from usage import prepared
from usage.window import day_of

# Another program may report the same call at a slightly later time.
LATENESS = timedelta(minutes=15)
WIDEST_ZONE = timedelta(hours=14)
Dated = TypeVar("Dated")


@dataclass(frozen=True, slots=True)
class Closed:
    """The closed days: all before `kept_from`, and all times up to that of the newest pruned event.

    The time matters too: sent again with a project of another zone, a call may be of an open day.
    """

    kept_from: date
    newest_dropped: datetime

    def __str__(self) -> str:
        """The sentence for whoever sends such usage."""
        until = (self.newest_dropped + LATENESS).strftime("%Y-%m-%dT%H:%MZ")
        days = f"days before {self.kept_from} and times until {until}"
        return f"lies in a closed period: {days} take no more usage"

    def may_hold(self, moment: datetime) -> bool:
        """False if the moment is open in every zone."""
        begins = datetime.combine(self.kept_from, time(), UTC) + WIDEST_ZONE
        return moment < max(begins, self.newest_dropped + LATENESS + timedelta(seconds=1))

    def holds(self, moment: datetime, timezone: str, exact: bool) -> bool:
        """True if a call may have been counted there; `exact` if all senders tell the same time."""
        late = timedelta() if exact else LATENESS
        return moment <= self.newest_dropped + late or day_of(moment, timezone) < self.kept_from


def closed() -> Closed | None:
    """What is closed; None while every event is kept."""
    for row in prepared.rows(Retention.select):
        (found,) = prepared.models(row, Retention)
        return Closed(found.kept_from, found.newest_dropped)
    return None


def kept_from() -> date:
    """The first day of which every event is kept."""
    found = closed()
    return found.kept_from if found else date.min


def open_to_change(calls: Sequence[Dated]) -> list[Dated]:
    """Those of these calls whose day is open; what counts on closed days never changes."""
    since = kept_from() if calls else date.min
    return [call for call in calls if call.day >= since]
