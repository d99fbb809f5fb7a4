"""Records of one format -> counted events, with an account of everything received."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import compress, islice
from typing import NamedTuple

from models import db
from usage import arrivals, retention
from usage.ingest import traces, turns
from usage.ingest.batches import Batch
from usage.ingest.body import Unreadable
from usage.ingest.event import NOBODY, Event, ForbiddenProject, InvalidEvent, Naming, canonical_user
from usage.ingest.fields import OPAQUE
from usage.ingest.formats import Format
from usage.ingest.identity import slug, surplus_projects
from usage.ingest.receipt import COUNTERS, Receipt, Refusal
from usage.ingest.record import ACCEPTED, CLOSED, REPLACED, Key, Outcome, record

CLOCK_SKEW = timedelta(days=1)
# So few that another thread which waits for the processor gets it between two slices.
AT_ONCE = 250
Numbered = tuple[int, object]
"""The number of a record, and the record."""


class Sender(NamedTuple):
    """What a key says of its sender: the only project it may send to, and defaults for events."""

    project: str = ""
    user: str = ""
    source: str = ""
    key_id: int = arrivals.FILES

    def key(self, format: Format) -> Key:
        """What the key comes to for what a format tells.

        Whoever imports a file of explicit events knows whose it is, and who they are.
        """
        signed = self.key_id != arrivals.FILES
        stand_in = "" if format.explicit and not signed else canonical_user(self.user)
        return Key(stand_in, self.project if signed else "", format.unsure)


def take(
    format: Format,
    records: Iterable[Numbered],
    sender: Sender,
    timezone: str,
    now: datetime,
    trial: set[str] | None = None,
) -> Receipt:
    """Translate and record (index, record) pairs; the good are counted, the bad accounted for.

    With `trial` (the ids of calls seen by earlier trials) it only shows what would happen.
    """
    with turns.preparing():
        reading, key = _translate(format, records, sender, now), sender.key(format)
        receipt = reading.receipt
        if trial is not None:
            reading.leave_out(trial)
        guess = Batch.guessed(reading.events, timezone)

    def store() -> Receipt:
        with db.atomic() as transaction:
            unnamed = {NOBODY, key.stand_in}
            events, more = traces.named(reading.events, reading.namings, unnamed, now)
            told = record([*events, *more], timezone, now, key, guess)
            outcomes = told[: len(events)]
            _account(receipt, reading.places, events, outcomes)
            counts = {n: getattr(receipt, n) for n in arrivals.COUNTERS if n in COUNTERS}
            reasons = ((str(one.error), one.place) for one in receipt.refusals)
            arrivals.note(sender.key_id, format.name, counts, reasons, now)
            if trial is not None:
                transaction.rollback()
        return receipt

    return turns.in_turn(store)


def _account(
    receipt: Receipt, places: list[int], events: list[Event], outcomes: list[Outcome]
) -> None:
    accepted = events
    if outcomes.count(ACCEPTED) < len(events):
        told = zip(events, outcomes, strict=True)
        accepted = [event for event, outcome in told if outcome is ACCEPTED]
    closed = outcomes.count(CLOSED)
    receipt.accepted = len(accepted)
    receipt.replaced = outcomes.count(REPLACED)
    receipt.duplicates += len(outcomes) - len(accepted) - closed
    if closed:
        _refuse_closed(receipt, places, events, outcomes)
    receipt.unknown_usage = [one.usage_known or one.failed for one in accepted].count(False)
    receipt.nobody = [one.user for one in accepted].count(NOBODY)


def _refuse_closed(
    receipt: Receipt, places: list[int], events: list[Event], outcomes: list[Outcome]
) -> None:
    """Refuse what may have been counted on days whose events were dropped since."""
    sentence = str(retention.closed())
    for place, event, outcome in zip(places, events, outcomes, strict=True):
        if outcome is CLOSED:
            receipt.refusals.append(Refusal(place, InvalidEvent("time", sentence, event.id)))
    receipt.refusals.sort(key=lambda refusal: refusal.index)
    receipt.rejected = len(receipt.refusals)


def _translate(
    format: Format, records: Iterable[Numbered], sender: Sender, now: datetime
) -> "_Reading":
    reading, records = _Reading(format, sender, now + CLOCK_SKEW), iter(records)
    while format.read_many and (some := list(islice(records, AT_ONCE))):
        turns.give_way()
        if not reading.take_together(some):
            reading.take_one_by_one(some)
    reading.take_one_by_one(records)
    reading.refuse_surplus_projects()
    reading.receipt.rejected = len(reading.receipt.refusals)
    return reading


@dataclass
class _Reading:
    """What was read so far: events with the numbers of their records, and refusals."""

    format: Format
    sender: Sender
    latest: datetime
    receipt: Receipt = field(default_factory=Receipt)
    namings: set[Naming] = field(default_factory=set)
    places: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def take_one_by_one(self, records: Iterable[Numbered]) -> None:
        """Take the events of each record; a record with an invalid event is refused."""
        for place, raw in records:
            turns.give_way()
            self.receipt.received += 1
            try:
                # Read all of it first: adapters of session files keep totals from line to line.
                found = list(self._read(raw))
                events = [self._attribute(one) for one in found if not isinstance(one, Naming)]
            except InvalidEvent as error:
                # Its traceback and context would keep the whole record in memory.
                error.__context__ = None
                self.receipt.refusals.append(Refusal(place, error.with_traceback(None)))
                continue
            self.receipt.skipped += not events
            self.places += [place] * len(events)
            self.events += events
            if len(events) < len(found):
                self.namings.update(one for one in found if isinstance(one, Naming))

    def take_together(self, records: list[Numbered]) -> bool:
        """Take one event of each record; False, and none is taken, if one may be invalid."""
        places, raw = zip(*records, strict=True)
        try:
            events = [self._attribute(one) for one in self.format.read_many(list(raw)) or ()]
        except InvalidEvent:
            return False
        if events:
            self.receipt.received += len(events)
            self.places += places
            self.events += events
        return bool(events)

    def refuse_surplus_projects(self) -> None:
        """Refuse the records with events of more new projects than a request may bring."""
        surplus = surplus_projects({event.project: 0 for event in self.events})
        wrong: dict[int, str] = {}
        for place, event in zip(self.places, self.events, strict=True) if surplus else ():
            if event.project in surplus:
                wrong.setdefault(place, event.id)
        message = "is one of too many new projects in one request"
        for place, event_id in wrong.items():
            self.receipt.refusals.append(Refusal(place, InvalidEvent("project", message, event_id)))
        if wrong:
            self._keep(place not in wrong for place in self.places)

    def leave_out(self, known: set[str]) -> None:
        """Drop events whose ids are known from earlier trials, and add the ids of the others."""
        names = [(event.id, *event.also) for event in self.events]
        new = [known.isdisjoint(some) for some in names]
        known.update(*compress(names, new))
        self.receipt.duplicates = new.count(False)
        self._keep(new)

    def _keep(self, which: Iterable[bool]) -> None:
        which = list(which)
        self.places = list(compress(self.places, which))
        self.events = list(compress(self.events, which))

    def _read(self, raw: object) -> Iterable[Event | Naming]:
        if isinstance(raw, Unreadable):
            raise InvalidEvent("event", raw.message)
        if isinstance(raw, InvalidEvent):
            raise raw
        return self.format.read(raw)

    def _attribute(self, event: Event) -> Event:
        """Fill in the key's defaults, and refuse what the key doesn't allow."""
        if event.time > self.latest:
            raise InvalidEvent("time", "lies more than a day in the future", event.id)
        sender, explicit = self.sender, self.format.explicit
        changes: dict[str, str] = {}
        if sender.user and not explicit and OPAQUE.fullmatch(event.user):
            # The owner of the key says more than the number of an installation.
            changes["user"] = sender.user
        if not event.user:
            if explicit and not sender.user:
                raise InvalidEvent("user", "is required", event.id)
            changes["user"] = sender.user or NOBODY
        if not event.source and sender.source:
            changes["source"] = sender.source
        if sender.project and (not event.project or slug(event.project) != sender.project):
            if event.project and explicit:
                message = f'must be "{sender.project}" or left out: no other is taken here'
                raise ForbiddenProject("project", message, event.id)
            changes["project"] = sender.project
        return event.but(**changes) if changes else event
