"""Calls without a person belong to the person whom another span of their trace names."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from peewee import SQL, Expression, Query

from models import Event as Stored
from models import TraceName, User
from usage import bulk
from usage.ingest import turns
from usage.ingest.event import Event, Naming
from usage.ingest.fields import email_of

# A span ends after those inside it, so it may arrive in a later request, after a long run.
KEPT = timedelta(hours=1)
FIELDS = (TraceName.trace_id, TraceName.username, TraceName.event_id, TraceName.seen_at)
# Written out, because statements for many rows have only the rows' values as parameters.
NO_NAME = SQL("''")


def named(
    events: Sequence[Event], namings: Collection[Naming], unnamed: Collection[str], now: datetime
) -> tuple[list[Event], list[Event]]:
    """The events with the people whom their traces name; and events for earlier calls.

    The second list gives earlier calls that were nobody's to a person named only now. `unnamed`
    are the users of calls without a person. Call it in the same transaction as record().
    """
    asked = {_trace(event) for event in events if event.user in unnamed and _trace(event)}
    asked |= {naming.trace for naming in namings}
    if not asked:
        return list(events), []
    turns.take(alone=True)
    TraceName.delete().where(TraceName.seen_at < now - KEPT).execute()
    people = _people(asked, namings)
    events = [_of_its_person(event, people, unnamed) for event in events]
    said = {trace: people[trace] for trace in {naming.trace for naming in namings} & people.keys()}
    more = list(_claims(said, unnamed))
    rows = {(*naming, "") for naming in namings}
    rows |= {(_trace(e), "", e.id) for e in events if e.user in unnamed and _trace(e)}
    bulk.run(_keep, FIELDS, [(*row, now) for row in sorted(rows)])
    return events, more


def _people(traces: Iterable[str], namings: Iterable[Naming]) -> dict[str, str]:
    """The person of each of these traces; none for a trace that names several."""
    names = defaultdict(set)
    for trace, user in [*bulk.run(_named, (TraceName.trace_id,), zip(sorted(traces))), *namings]:
        names[trace].add(user)
    return {trace: next(iter(users)) for trace, users in names.items() if len(users) == 1}


def _trace(event: Event) -> str:
    return (event.span or event.parent_span).partition(":")[0]


def _of_its_person(event: Event, people: Mapping[str, str], unnamed: Collection[str]) -> Event:
    person = people.get(_trace(event)) if event.user in unnamed else None
    return event.but(user=person, email=email_of(person)) if person else event


def _claims(people: Mapping[str, str], unnamed: Collection[str]) -> Iterator[Event]:
    """Events that give waiting calls to the person whom their trace names."""
    waiting = bulk.run(_waiting, (TraceName.trace_id,), zip(sorted(people)))
    whose = {event_id: people[trace] for trace, event_id in waiting}
    for name, event_id, time in bulk.run(_stored, (Stored.event_id,), zip(sorted(whose))):
        if name in unnamed:
            time, user = Stored.time.python_value(time), whose[event_id]
            said = {"usage_known": False, "email": email_of(user)}
            yield Event(id=event_id, also=(event_id,), time=time, user=user, **said)
    bulk.run(_forget, (TraceName.trace_id,), zip(sorted(people if whose else ())))


def _named(traces: Sequence[tuple]) -> Query:
    rows = TraceName.select(TraceName.trace_id, TraceName.username)
    return rows.where(_of(traces), TraceName.username != NO_NAME)


def _waiting(traces: Sequence[tuple]) -> Query:
    rows = TraceName.select(TraceName.trace_id, TraceName.event_id)
    return rows.where(_of(traces), TraceName.username == NO_NAME)


def _forget(traces: Sequence[tuple]) -> Query:
    return TraceName.delete().where(_of(traces), TraceName.username == NO_NAME)


def _of(traces: Sequence[tuple]) -> Expression:
    return TraceName.trace_id.in_([trace for (trace,) in traces])


def _keep(rows: Sequence[tuple]) -> Query:
    return TraceName.insert_many(rows, fields=FIELDS).on_conflict_ignore()


def _stored(ids: Sequence[tuple]) -> Query:
    calls = Stored.select(User.username, Stored.event_id, Stored.time).join(User)
    return calls.where(Stored.event_id.in_([id for (id,) in ids]))
