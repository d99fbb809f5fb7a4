"""A plain dict that counts as the board has to: what record() and its tables are held against."""

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
            self.kept[call] = told_again(old, event)
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


def told_again(old, event):
    """What a call comes to with another record of it: grown where it says more, else filled up."""
    answered = event.usage_known and not event.failed
    becomes_known = answered and not old.usage_known
    elsewhere = event.project and old.project and event.project != old.project
    if elsewhere and not becomes_known:
        return old
    equal = answered and old.usage_known and not old.failed and totals(event) == totals(old)
    larger = event.replaces and weight(event) > weight(old)
    numbers = event if not equal and (becomes_known or larger) else old
    said = old if old.project or not event.project else event
    words = {word: getattr(old, word) or getattr(event, word) for word in WORDS}
    words |= {"user": old.user, "project": said.project, "time": said.time}
    words |= richer(old, event) if equal else {}
    return numbers.but(**words, cost_usd=cost(numbers, old, event))


def richer(one, other):
    """What both know of the kinds of equally many tokens."""
    found = {name: max(getattr(one, name), getattr(other, name)) for name in TOKEN_FIELDS[2:]}
    cached = found["cache_read_tokens"] + found["cache_write_tokens"]
    pairs = [(e.cache_read_tokens, e.cache_write_tokens) for e in (one, other)]
    if cached > one.prompt_tokens:
        pair = max(pairs, key=lambda pair: (sum(pair), pair))
        found |= dict(zip(TOKEN_FIELDS[2:4], pair, strict=True))
    return found


def cost(numbers, old, event):
    """The cost of whoever told the numbers, else of whoever told one."""
    first, second = (numbers, old) if numbers is event else (old, event)
    return second.cost_usd if first.cost_usd is None else first.cost_usd


def totals(event):
    """All tokens in, and all tokens out."""
    return event.prompt_tokens, event.completion_tokens


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
