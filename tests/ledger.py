"""A plain dict that counts as the board has to: what record() and its tables are held against."""

from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

from models import DailyUsage, Project, User
from usage.ingest.event import TOKEN_FIELDS
from usage.ingest.native import FIELDS
from usage.rollups import COUNTERS

WORDS = ("source", "provider", "model", "test_type")


class Ledger:
    """Every call once per person and id, however often and in whatever order it is taken.

    `zones` says where the days of a project are counted ("": those of no project), `people`
    which person an alias stands for.
    """

    def __init__(self, zones=(), people=()):
        self.zones = {"": "UTC"} | dict(zones)
        self.people = dict(people)
        self.kept = {}

    def take(self, events):
        """Take events one by one; for each, whether it was a new call."""
        new = []
        for event in events:
            call = self.person(event), event.id
            new.append(call not in self.kept)
            old = self.kept.setdefault(call, event)
            if says_more(event, old):
                self.kept[call] = event
        return new

    def person(self, event):
        """Whose call it is."""
        return self.people.get(event.user, event.user)

    def day(self, event):
        """The day a call counts on."""
        zone = self.zones.get(event.project, self.zones[""])
        return event.time.astimezone(ZoneInfo(zone)).date()

    def days(self):
        """The daily rows that are due, in the shape of daily_rows()."""
        rows = {}
        for event in self.kept.values():
            words = (getattr(event, word) for word in WORDS)
            key = (event.project, self.day(event), self.person(event), *words)
            rows.setdefault(key, []).append(event)
        return {key: (*sums(rows[key]), *ends(rows[key])) for key in rows}


def says_more(event, old):
    """Whether a later record takes the place of an earlier one of the same call."""
    if event.usage_known and not event.failed and not old.usage_known:
        return True
    return event.replaces and weight(event) > weight(old)


def weight(event):
    """How much a record says: all tokens, then how many of them it knows the kind of."""
    kinds = event.cache_read_tokens + event.cache_write_tokens + event.reasoning_tokens
    return event.total_tokens, kinds


def sums(events):
    """The counters of some calls, in the order of COUNTERS."""
    counted = [counters(event) for event in events]
    return tuple(map(sum, zip(*counted, strict=True))) or (0,) * len(COUNTERS)


def counters(event):
    """What one call adds: failed ones no tokens, and neither they nor unknown ones a call."""
    tokens = tuple(getattr(event, name) for name in TOKEN_FIELDS)
    if event.failed:
        return (0, 1, 0, *(0 for _ in tokens))
    return (int(event.usage_known), 0, int(not event.usage_known), *tokens)


def ends(events):
    """The first and last moment of some calls."""
    times = [event.time for event in events]
    return min(times), max(times)


def daily_rows():
    """The board's own rows: (project, day, user, words…) -> (counters…, first, last)."""
    users = dict(User.select(User.id, User.username).tuples())
    projects = {0: ""} | dict(Project.select(Project.id, Project.slug).tuples())
    return {
        (
            projects[row.project_id],
            row.day,
            users[row.user_id],
            *(getattr(row, word) for word in WORDS),
        ): (*(getattr(row, name) for name in COUNTERS), row.first_time, row.last_time)
        for row in DailyUsage.select()
    }


def as_native(event):
    """The event as a sender writes it; what only adapters know can't be said."""
    fields = {name: getattr(event, name) for name in FIELDS}
    fields["time"] = event.time.astimezone(UTC).isoformat()
    fields["cost_usd"] = str(event.cost_usd) if isinstance(event.cost_usd, Decimal) else None
    return fields
