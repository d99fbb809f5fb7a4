"""Records of one format -> counted events, with an account of everything received."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from models import db
from usage import arrivals, retention
from usage.ingest import traces, turns
from usage.ingest.body import Unreadable
from usage.ingest.event import NOBODY, Event, ForbiddenProject, InvalidEvent, Naming, canonical_user
from usage.ingest.fields import OPAQUE
from usage.ingest.identity import slug, surplus_projects
from usage.ingest.record import NO_KEY, Key, Outcome, record

CLOCK_SKEW = timedelta(days=1)
COUNTERS = (
    "received",
    "accepted",
    "duplicates",
    "replaced",
    "skipped",
    "rejected",
    "unknown_usage",
    "nobody",
)


class Adapter(Protocol):
    """What reads one foreign shape; EXPLICIT when the sender itself says who and what for."""

    name: str
    EXPLICIT: bool

    def read(self, record: object) -> Iterable[Event]:
        """The events of one record. Raises InvalidEvent."""


class Sender(NamedTuple):
    """What a key says about its sender: the one project it may send to, and what to assume."""

    project: str = ""
    user: str = ""
    source: str = ""
    key_id: int = arrivals.FILES

    @property
    def key(self) -> Key:
        """What the key comes to; whoever imports a file knows whose it is, and who they are."""
        signed = self.key_id != arrivals.FILES
        return Key(canonical_user(self.user), self.project) if signed else NO_KEY


class Found(NamedTuple):
    """An event, and the number of the record that it was found in."""

    index: int
    event: Event


class Refusal(NamedTuple):
    """A record that was not taken: where it stood, and why."""

    index: int
    error: InvalidEvent

    @property
    def place(self) -> str:
        """Which record it was: its id, else its number."""
        return self.error.record_id or f"record {self.index}"

    def as_json(self) -> dict:
        """The refusal as the API answers it."""
        error = self.error
        return {
            "index": self.index,
            "id": error.record_id,
            "field": error.field,
            "message": error.message,
        }


@dataclass
class Receipt:
    """The account: received = accepted + duplicates + skipped + rejected.

    Some duplicates replaced what was known, because they said more. Of the accepted,
    unknown_usage are those whose tokens nobody reported, nobody those of no known person.
    """

    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    replaced: int = 0
    skipped: int = 0
    rejected: int = 0
    unknown_usage: int = 0
    nobody: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    def __iadd__(self, other: "Receipt") -> "Receipt":
        """Add another account's numbers; its refusals were told already."""
        for name in COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def all_refused(self) -> bool:
        """True when there was something and none of it could be taken."""
        return 0 < self.received == self.rejected

    @property
    def all_forbidden(self) -> bool:
        """True when every record named a project that the key may not send to."""
        errors = (refusal.error for refusal in self.refusals)
        return self.all_refused and all(isinstance(one, ForbiddenProject) for one in errors)


def take(
    adapter: Adapter,
    records: Iterable[tuple[int, object]],
    sender: Sender,
    timezone: str,
    now: datetime,
    trial: set[str] | None = None,
) -> Receipt:
    """Translate and record (index, record) pairs; the good are counted, the bad accounted for.

    With `trial` (the ids of calls seen by earlier trials) it only shows what would happen.
    """
    receipt, found, namings = _translate(adapter, records, sender, now)
    if trial is not None:
        new = [one for one in found if trial.isdisjoint(_names(one.event))]
        trial.update(name for one in new for name in _names(one.event))
        receipt.duplicates, found = len(found) - len(new), new

    def store() -> Receipt:
        with db.atomic() as transaction:
            unnamed = {NOBODY, sender.key.stand_in}
            events, more = traces.named([one.event for one in found], namings, unnamed, now)
            outcomes = record([*events, *more], timezone, now, sender.key)[: len(events)]
            _account(receipt, list(map(Found, [one.index for one in found], events)), outcomes)
            counts = {n: getattr(receipt, n) for n in arrivals.COUNTERS if n in COUNTERS}
            reasons = ((str(one.error), one.place) for one in receipt.refusals)
            arrivals.note(sender.key_id, adapter.name, counts, reasons, now)
            if trial is not None:
                transaction.rollback()
        return receipt

    return turns.in_turn(store)


def _account(receipt: Receipt, found: list[Found], outcomes: list[Outcome]) -> None:
    accepted = [
        one.event
        for one, outcome in zip(found, outcomes, strict=True)
        if outcome is Outcome.ACCEPTED
    ]
    closed = outcomes.count(Outcome.CLOSED)
    receipt.accepted = len(accepted)
    receipt.replaced = outcomes.count(Outcome.REPLACED)
    receipt.duplicates += len(outcomes) - len(accepted) - closed
    if closed:
        _refuse_closed(receipt, found, outcomes)
    receipt.unknown_usage = sum(not (one.usage_known or one.failed) for one in accepted)
    receipt.nobody = sum(one.user == NOBODY for one in accepted)


def _refuse_closed(receipt: Receipt, found: list[Found], outcomes: list[Outcome]) -> None:
    """Refuse what may have been counted on days whose events were dropped since."""
    sentence = str(retention.closed())
    for one, outcome in zip(found, outcomes, strict=True):
        if outcome is Outcome.CLOSED:
            error = InvalidEvent("time", sentence, one.event.id)
            receipt.refusals.append(Refusal(one.index, error))
    receipt.refusals.sort(key=lambda refusal: refusal.index)
    receipt.rejected = len(receipt.refusals)


def _names(event: Event) -> tuple[str, ...]:
    return event.id, *event.also


def _translate(
    adapter: Adapter, records: Iterable[tuple[int, object]], sender: Sender, now: datetime
) -> tuple[Receipt, list[Found], set[Naming]]:
    receipt, namings, taken = Receipt(), set(), []
    for index, raw in records:
        turns.give_way()
        receipt.received += 1
        try:
            # Read to the end before any is looked at: a session file's adapter counts along.
            found = list(_read(adapter, raw))
            events = [one for one in found if not isinstance(one, Naming)]
            taken.append((index, [_attribute(event, adapter, sender, now) for event in events]))
            if len(events) < len(found):
                namings.update(one for one in found if isinstance(one, Naming))
        except InvalidEvent as error:
            # Its traceback would keep the whole record in memory.
            error.__context__ = None
            receipt.refusals.append(Refusal(index, error.with_traceback(None)))
    known = _known_well_enough(taken, receipt)
    receipt.rejected = len(receipt.refusals)
    return receipt, known, namings


def _known_well_enough(taken: list[tuple[int, list[Event]]], receipt: Receipt) -> list[Found]:
    """The events but for those of more new projects than a request may bring."""
    surplus = surplus_projects({event.project: 0 for _, found in taken for event in found})
    events: list[Found] = []
    for index, found in taken:
        wrong = surplus and next((event for event in found if event.project in surplus), None)
        if wrong:
            message = "is one of too many new projects in one request"
            receipt.refusals.append(Refusal(index, InvalidEvent("project", message, wrong.id)))
        else:
            receipt.skipped += not found
            events += [Found(index, event) for event in found]
    return events


def _read(adapter: Adapter, raw: object) -> Iterable[Event | Naming]:
    if isinstance(raw, Unreadable):
        raise InvalidEvent("event", raw.message)
    if isinstance(raw, InvalidEvent):
        raise raw
    return adapter.read(raw)


def _attribute(event: Event, adapter: Adapter, sender: Sender, now: datetime) -> Event:
    """Fill in what the key knows, and refuse what it doesn't allow."""
    if event.time > now + CLOCK_SKEW:
        raise InvalidEvent("time", "lies more than a day in the future", event.id)
    changes: dict[str, str] = {}
    if sender.user and not adapter.EXPLICIT and OPAQUE.fullmatch(event.user):
        # Whose key it is says more than the number of an installation.
        changes["user"] = sender.user
    if not event.user:
        if adapter.EXPLICIT and not sender.user:
            raise InvalidEvent("user", "is required", event.id)
        changes["user"] = sender.user or NOBODY
    if not event.source and sender.source:
        changes["source"] = sender.source
    if sender.project and (not event.project or slug(event.project) != sender.project):
        if event.project and adapter.EXPLICIT:
            message = f'this key may only send to the project "{sender.project}"'
            raise ForbiddenProject("project", message, event.id)
        changes["project"] = sender.project
    return replace(event, **changes) if changes else event
