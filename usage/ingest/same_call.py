"""Which records are the same call: by the other ids of it, and by spans one inside the other."""

from collections.abc import Iterable, Iterator, Sequence

from peewee import PostgresqlDatabase

from models import CallId, db
from models import Event as Stored
from usage.ingest.event import Event

ROWS_AT_ONCE = 500
# Any number, the same in every process: PostgreSQL lets one batch with linked ids in at a time.
LOCK = 7_220_311

Named = tuple[int, Event]
"""A user's id and an event of theirs."""


def event_ids(rows: Sequence[Named]) -> list[str]:
    """The id under which each row is stored or has to be: its own, unless the call is known.

    What is claimed for a row here belongs to the transaction that stores it.
    """
    linked = any(event.also or event.span for _, event in rows)
    if linked and isinstance(db.obj, PostgresqlDatabase):
        db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    known = _known(rows, linked)
    ids, claimed = [], {}
    for user_id, event in rows:
        names = [(user_id, name) for name in _matches(event)]
        found = next((known[name] for name in names if name in known), event.id)
        for name in _claims(event):
            if (user_id, name) not in known:
                known[user_id, name] = claimed[user_id, name] = found
        known.setdefault((user_id, event.id), found)
        ids.append(found)
    _claim((*name, event_id) for name, event_id in sorted(claimed.items()) if name[1] != event_id)
    return ids


def _matches(event: Event) -> Iterator[str]:
    """Every name under which the same call may be known already."""
    yield event.id
    yield from event.also
    if event.span:
        yield event.span
        yield f"in {event.span} {event.prompt_tokens}+{event.completion_tokens}"
    if event.parent_span:
        yield f"at {event.parent_span} {event.prompt_tokens}+{event.completion_tokens}"


def _claims(event: Event) -> Iterator[str]:
    """The names under which this call shall be known from now on.

    A call instrumented twice is a span inside a span with equal tokens, and either may come first.
    """
    yield from event.also
    if event.span:
        yield event.span
        yield f"at {event.span} {event.prompt_tokens}+{event.completion_tokens}"
    if event.parent_span:
        yield f"in {event.parent_span} {event.prompt_tokens}+{event.completion_tokens}"


def _known(rows: Sequence[Named], linked: bool) -> dict[tuple[int, str], str]:
    users = sorted({user_id for user_id, _ in rows})
    names = sorted({name for _, event in rows for name in _matches(event)})
    # Without other ids, only a call that came under them before can be known by another name.
    stored = sorted({name for _, event in rows for name in event.also}) if linked else []
    known = {}
    for some in _slices(stored):
        found = Stored.select(Stored.user, Stored.event_id).where(
            Stored.user.in_(users), Stored.event_id.in_(some)
        )
        known |= {(user, name): name for user, name in found.tuples()}
    for some in _slices(names):
        found = CallId.select(CallId.user_id, CallId.call_id, CallId.event_id).where(
            CallId.user_id.in_(users), CallId.call_id.in_(some)
        )
        known |= {(user, name): event_id for user, name, event_id in found.tuples()}
    return known


def _claim(rows: Iterable[tuple[int, str, str]]) -> None:
    fields = (CallId.user_id, CallId.call_id, CallId.event_id)
    for some in _slices(list(rows)):
        CallId.insert_many(some, fields=fields).on_conflict_ignore().execute()


def _slices(values: list) -> Iterator[list]:
    return (values[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE))
