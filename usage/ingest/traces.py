"""Whom a trace names: calls that came without a person belong to whom a span around them names."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from peewee import Query

from models import Event as Stored
from models import TraceName, User
from usage import bulk
from usage.ingest import turns
from usage.ingest.event import Event, Naming
from usage.ingest.fields import email_of

# A span ends after those inside it, so it may come in a later request: a long run takes minutes.
KEPT = timedelta(hours=1)
FIELDS = (TraceName.trace_id, TraceName.username, TraceName.event_id, TraceName.seen_at)


class Traces(NamedTuple):
    """Of some traces whom they name, and which of their calls came without a person."""

    names: dict[str, set[str]]
    waiting: dict[str, set[str]]

    def person(self, trace: str) -> str:
        """The one person of a trace, "" when it names none or several."""
        names = self.names.get(trace, ())
        return next(iter(names)) if len(names) == 1 else ""


def named(
    events: Sequence[Event], namings: Collection[Naming], unnamed: Collection[str], now: datetime
) -> tuple[list[Event], list[Event]]:
    """The events, of whom their traces name, and tellings of earlier calls of nobody for them.

    `unnamed` are the users of what came without a person. Call it where record() is called.
    """
    asked = {_trace(event) for event in events if event.user in unnamed and event.span}
    asked |= {naming.trace for naming in namings}
    if not asked:
        return list(events), []
    turns.take(alone=True)
    TraceName.delete().where(TraceName.seen_at < now - KEPT).execute()
    traces, known = _read(asked)
    for trace, user in namings:
        traces.names[trace].add(user)
    events = [_of_its_person(event, traces, unnamed) for event in events]
    rows = {(*naming, "") for naming in namings}
    rows |= {(_trace(e), "", e.id) for e in events if e.user in unnamed and e.span}
    bulk.run(_keep, FIELDS, [(*row, now) for row in sorted(rows - known)])
    said = {naming.trace for naming in namings}
    return events, [*_claims({trace: traces.person(trace) for trace in said}, traces, unnamed)]


def _trace(event: Event) -> str:
    return event.span.partition(":")[0]


def _of_its_person(event: Event, traces: Traces, unnamed: Collection[str]) -> Event:
    if event.user in unnamed and event.span and (person := traces.person(_trace(event))):
        return replace(event, user=person, email=email_of(person))
    return event


def _claims(people: dict[str, str], traces: Traces, unnamed: Collection[str]) -> Iterable[Event]:
    """Tellings that give the calls which wait for a person to whom their trace names."""
    whose = {id: user for trace, user in people.items() if user for id in traces.waiting[trace]}
    for name, event_id, time in bulk.run(_stored, (Stored.event_id,), zip(sorted(whose))):
        if name in unnamed:
            time, user = Stored.time.python_value(time), whose[event_id]
            said = {"usage_known": False, "email": email_of(user)}
            yield Event(id=event_id, also=(event_id,), time=time, user=user, **said)


def _read(traces: Iterable[str]) -> tuple[Traces, set[tuple[str, str, str]]]:
    rows = set(bulk.run(_kept, (TraceName.trace_id,), zip(sorted(traces))))
    found = Traces(defaultdict(set), defaultdict(set))
    for trace, user, event_id in rows:
        (found.names if user else found.waiting)[trace].add(user or event_id)
    return found, rows


def _kept(traces: Sequence[tuple]) -> Query:
    rows = TraceName.select(TraceName.trace_id, TraceName.username, TraceName.event_id)
    return rows.where(TraceName.trace_id.in_([trace for (trace,) in traces]))


def _keep(rows: Sequence[tuple]) -> Query:
    return TraceName.insert_many(rows, fields=FIELDS).on_conflict_ignore()


def _stored(ids: Sequence[tuple]) -> Query:
    calls = Stored.select(User.username, Stored.event_id, Stored.time).join(User)
    return calls.where(Stored.event_id.in_([id for (id,) in ids]))
