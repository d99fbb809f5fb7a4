"""Records of one format -> counted events, with an account of everything received."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from usage.ingest.body import Unreadable
from usage.ingest.event import NOBODY, Event, ForbiddenProject, InvalidEvent
from usage.ingest.identity import slug
from usage.ingest.record import Outcome, record

OPAQUE = re.compile(r"[0-9a-f]{32,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
CLOCK_SKEW = timedelta(days=1)


class Adapter(Protocol):
    """What reads one foreign shape; EXPLICIT when the sender itself says who and what for."""

    EXPLICIT: bool

    def read(self, record: object) -> Iterable[Event]:
        """The events of one record. Raises InvalidEvent."""


class Sender(NamedTuple):
    """What a key says about its sender: the one project it may send to, and what to assume."""

    project: str = ""
    user: str = ""
    source: str = ""


class Refusal(NamedTuple):
    """A record that was not taken: where it stood, and why."""

    index: int
    error: InvalidEvent

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
    """The account: received = accepted + duplicates + skipped + rejected."""

    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    skipped: int = 0
    rejected: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    def __iadd__(self, other: "Receipt") -> "Receipt":
        """Add another account's numbers; its refusals were told already."""
        self.received += other.received
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.skipped += other.skipped
        self.rejected += other.rejected
        return self

    @property
    def all_refused(self) -> bool:
        """True when there was something and none of it could be taken."""
        return 0 < self.received == self.rejected

    @property
    def all_forbidden(self) -> bool:
        """True when every record named a project that the key may not send to."""
        return self.all_refused and all(
            isinstance(refusal.error, ForbiddenProject) for refusal in self.refusals
        )


def take(
    adapter: Adapter,
    records: Iterable[tuple[int, object]],
    sender: Sender,
    timezone: str,
    now: datetime,
) -> Receipt:
    """Translate and record (index, record) pairs; the good are counted, the bad accounted for."""
    receipt = Receipt()
    events: list[Event] = []
    for index, raw in records:
        receipt.received += 1
        try:
            # Read to the end before any is looked at: a session file's adapter counts along.
            found = list(_read(adapter, raw))
            read = [_attribute(event, adapter, sender, now) for event in found]
        except InvalidEvent as error:
            receipt.refusals.append(Refusal(index, error))
            receipt.rejected += 1
            continue
        receipt.skipped += not read
        events += read
    outcomes = record(events, timezone, now)
    receipt.accepted = outcomes.count(Outcome.ACCEPTED)
    receipt.duplicates = len(outcomes) - receipt.accepted
    return receipt


def _read(adapter: Adapter, raw: object) -> Iterable[Event]:
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
