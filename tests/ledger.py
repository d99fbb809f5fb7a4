"""A plain dict that counts as the board has to: what record() and its tables are held against."""

from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from operator import itemgetter
from zoneinfo import ZoneInfo

from models import DailyUsage, Project, User
from usage.counting import COUNTERS, TOKEN_FIELDS
from usage.ingest.native_fields import FIELDS

WORDS = ("source", "provider", "model", "test_type")


class Ledger:
    """Every call once per name and id, however often and in whatever order it is taken.

    `zones` says where the days of a project are counted ("": those of no project). Of a call
    known under several names of a person the weightiest copy counts.
    """

    def __init__(self, zones=()):
        self.zones = {"": "UTC"} | dict(zones)
        self.into = {}
        self.kept = {}

    def take(self, events):
        """Take events one by one; for each, whether it was a new call."""
        new = []
        known = {(self.person(name), id) for name, id in self.kept}
        for event in events:
            call = event.user, event.id
            new.append((self.person(event.user), event.id) not in known)
            known.add((self.person(event.user), event.id))
            old = self.kept.setdefault(call, event)
            if says_more(event, old):
                self.kept[call] = grown(old, event)
        return new

    def merge(self, name, into):
        """Make one name another name of a person."""
        self.into[name] = self.person(into)

    def part(self, name):
        """Take that back; names merged into it before come along."""
        del self.into[name]

    def person(self, name):
        """Whose name it is."""
        while name in self.into:
            name = self.into[name]
        return name

    def day(self, event):
        """The day a call counts on."""
        zone = self.zones.get(event.project, self.zones[""])
        return event.time.astimezone(ZoneInfo(zone)).date()

    @property
    def counted(self):
        """The calls that count, each under one name."""
        numbers = dict(User.select(User.username, User.id).tuples())
        best = {}
        for (name, id), event in self.kept.items():
            answered = event.usage_known and not event.failed
            own = name == self.person(name)
            standing = answered, weight(event), own, -numbers[name]
            call = self.person(name), id
            best[call] = max(best.get(call, ((-1,), None)), (standing, event), key=itemgetter(0))
        return [event for _, event in best.values()]

    def days(self):
        """The daily rows that are due, in the shape of daily_rows()."""
        rows = {}
        for event in self.counted:
            words = (getattr(event, word) for word in WORDS)
            key = (event.project, self.day(event), event.user, *words)
            rows.setdefault(key, []).append(event)
        return {key: (*sums(rows[key]), *ends(rows[key])) for key in rows}


def says_more(event, old):
    """Whether a later record adds to an earlier one of the same call."""
    if event.usage_known and not event.failed and not old.usage_known:
        return True
    elsewhere = event.project and old.project and event.project != old.project
    return event.replaces and not elsewhere and weight(event) > weight(old)


def grown(old, event):
    """What it comes to: the numbers of the later, and what the earlier left out."""
    words = {word: getattr(old, word) or getattr(event, word) for word in WORDS}
    said = old if old.project or not event.project else event
    words["cost_usd"] = old.cost_usd if event.cost_usd is None else event.cost_usd
    return replace(event, user=old.user, project=said.project, time=said.time, **words)


def weight(event):
    """How much a record says: all tokens, then how many of them it knows the kind of."""
    kinds = event.cache_read_tokens + event.cache_write_tokens + event.reasoning_tokens
    return event.total_tokens, kinds


def sums(events):
    """The counters of some calls, in the order of COUNTERS."""
    counted = [counters(event) for event in events]
    return tuple(map(sum, zip(*counted, strict=True))) or (0,) * len(COUNTERS)


def counters(event):
    """What one call adds: failed ones no tokens, and neither they nor unknown ones a call.

    There are no list prices here: no call has one.
    """
    tokens = tuple(getattr(event, name) for name in TOKEN_FIELDS)
    if event.failed:
        return (0, 1, 0, *(0 for _ in tokens), 0, 0, 0, 0)
    known, unreported = event.usage_known, event.usage_known and event.cost_usd is None
    reported = round((event.cost_usd or 0) * 10**9)
    return (int(known), 0, int(not known), *tokens, 0, int(known), reported, int(unreported))


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
