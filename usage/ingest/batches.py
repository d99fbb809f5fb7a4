"""Batch: events with the rows and counts they come to, worked out ahead of storing them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Self

from models import UNASSIGNED
from usage import bulk, counting, prices, rollups
from usage.counting import DayKey, Delta
from usage.ingest import calls, identity, turns
from usage.ingest.call_names import BatchNames, linked, lone_ids, names_of_all
from usage.ingest.calls import Call, Identity
from usage.ingest.event import Event
from usage.ingest.identity import KnownProject
from usage.ingest.tellings import Telling
from usage.price_book import Book
from usage.window import days_of

# With fewer events the two extra queries cost more than is saved.
WORTH_IT = 50
CALL_OF = attrgetter("user_id", "event_id")


@dataclass(frozen=True)
class Batch:
    """Events, the call that each belongs to, their projects by name, and the price list.

    Batches are equal if storing them comes to the same. `timezone` is for usage without a project.
    """

    events: Sequence[Event]
    calls: Sequence[Identity]
    projects: Mapping[str, KnownProject]
    timezone: str
    book: Book

    @classmethod
    def guessed(cls, events: Sequence[Event], timezone: str) -> Self | None:
        """The batch to expect if all people and projects are known and each event is a new call.

        It is worked out completely before its turn to be stored, and used if it turns out to be
        right, as it nearly always does. None if that can't be, or isn't worth the effort.
        """
        if len(events) < WORTH_IT:
            return None
        users = identity.known_users({event.user for event in events})
        names = {event.project for event in events if event.project}
        projects = identity.known_projects(names)
        if len(projects) < len(names) or not all(event.user in users for event in events):
            return None
        own = [(users[event.user].id, event.id) for event in events]
        batch = cls(events, own, projects, timezone, prices.book())
        if not batch.each_once:
            return None
        for part in ("users", "names", "lone_ids", "profiles", "rows", "values", "gains"):
            turns.give_way()
            getattr(batch, part)
        return batch

    @cached_property
    def users(self) -> dict[str, int]:
        """The id of each user that the events name."""
        return {e.user: user_id for e, (user_id, _) in zip(self.events, self.calls, strict=True)}

    @cached_property
    def names(self) -> BatchNames | None:
        """All names of the calls; None if each has only its id."""
        return names_of_all(self.events) if any(map(linked, self.events)) else None

    @cached_property
    def lone_ids(self) -> list[str] | None:
        """The calls' ids, see call_names.lone_ids()."""
        return lone_ids(self.events)

    @cached_property
    def profiles(self) -> list[identity.Profile]:
        """What the events say of their users."""
        return identity.profiles(self.events)

    @cached_property
    def rows(self) -> list[Call]:
        """The row of each event, on its day in the zone of its project."""
        nowhere = KnownProject("", UNASSIGNED, self.timezone)
        places = [self.projects.get(event.project, nowhere) for event in self.events]
        _, ids, zones = zip(*places, strict=True)
        days = days_of([event.time for event in self.events], zones)
        return calls.rows_of(self.events, self.calls, ids, days, self.book)

    @cached_property
    def each_once(self) -> bool:
        """True if no two events belong to the same call."""
        return len({*self.calls}) == len(self.calls)

    @cached_property
    def by_call(self) -> dict[Identity, list[Telling]]:
        """The tellings of each call, in order."""
        told: dict[Identity, list[Telling]] = {}
        for event, call, row in zip(self.events, self.calls, self.rows, strict=True):
            told.setdefault(call, []).append(Telling(row, event.replaces, event.certain))
        return told

    @cached_property
    def sorted_rows(self) -> list[Call]:
        """The rows in the order of their calls."""
        return sorted(self.rows, key=CALL_OF)

    @cached_property
    def values(self) -> list[bulk.Values]:
        """The sorted rows as the database stores them."""
        return calls.values(self.sorted_rows)

    @cached_property
    def gains(self) -> rollups.Gains:
        """What the rows add to daily and weekly ones."""
        days: dict[DayKey, Delta] = defaultdict(Delta)
        counting.count_all(days, self.rows)
        return rollups.gains(days)
