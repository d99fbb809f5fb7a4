"""Which records are the same call: by the other ids of it, and by spans one inside the other."""

from collections.abc import Iterable, Iterator, Sequence

from peewee import PostgresqlDatabase

from models import CallId, User, db
from models import Event as Stored
from usage.ingest.event import NOBODY, Event

ROWS_AT_ONCE = 500
# Any number, the same in every process: PostgreSQL lets one batch with linked ids in at a time.
LOCK = 7_220_311

Named = tuple[int, Event]
"""A user's id and an event of theirs."""
Identity = tuple[int, str]
"""A user's id and the id of a call: what makes it the same on every road."""


def identities(rows: Sequence[Named]) -> tuple[list[Identity], set[Identity]]:
    """Under whom and which id each row is stored or has to be: its own, unless the call is known.

    A call that one record gives to nobody belongs to whom another names; second come those that
    are stored under nobody and now have an owner. What is claimed here for a row belongs to the
    transaction that stores it.
    """
    if any(_linked(event) for _, event in rows) and isinstance(db.obj, PostgresqlDatabase):
        db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    known = _known(rows)
    nobody = _nobody() if known or any(_linked(event) for _, event in rows) else 0
    found: list[Identity] = [(user_id, event.id) for user_id, event in rows]
    claimed: dict[tuple[str, int], str] = {}
    owned: set[Identity] = set()
    # Whoever is named comes first, so that what names nobody finds them.
    for place in sorted(range(len(rows)), key=lambda place: rows[place][0] == nobody):
        user_id, event = rows[place]
        call = _find(known, event, user_id, nobody)
        if call and call[0] == nobody != user_id:
            owned.add(call)
            for holders in known.values():
                if holders.get(nobody) == call[1]:
                    del holders[nobody]
            call = user_id, call[1]
        found[place] = call = call or (user_id, event.id)
        for name in _claims(event):
            holders = known.setdefault(name, {})
            if holders.get(call[0]) is None:
                holders[call[0]] = claimed[name, call[0]] = call[1]
        # The rest of the batch knows it by then, though only linked ids are kept.
        known.setdefault(event.id, {}).setdefault(*call)
    _claim((*name, event_id) for name, event_id in sorted(claimed.items()))
    return found, owned


def disown(calls: Iterable[Identity]) -> list[Stored]:
    """Take stored calls away from whom they are stored under; returns what they were."""
    gone = []
    for user_id, event_id in sorted(calls):
        here = (Stored.user == user_id) & (Stored.event_id == event_id)
        gone.extend(Stored.select().where(here))
        Stored.delete().where(here).execute()
        held = (CallId.user_id == user_id) & (CallId.event_id == event_id)
        names = [name for (name,) in CallId.select(CallId.call_id).where(held).tuples()]
        CallId.delete().where(CallId.user_id == user_id, CallId.call_id.in_(names)).execute()
    return gone


def _nobody() -> int:
    """The user that calls of no known person are stored under; 0 while there are none."""
    return User.select(User.id).where(User.username == NOBODY).scalar() or 0


def _linked(event: Event) -> bool:
    return bool(event.also or event.span)


def _find(
    known: dict[str, dict[int, str]], event: Event, user_id: int, nobody: int
) -> Identity | None:
    for name in _matches(event):
        holders = known.get(name, {})
        if user_id in holders:
            return user_id, holders[user_id]
        if user_id == nobody and holders:
            return min(holders.items())
        if _linked(event) and nobody in holders:
            return nobody, holders[nobody]
    return None


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
    if not _linked(event):
        return
    yield event.id
    yield from event.also
    if event.span:
        yield event.span
        yield f"at {event.span} {event.prompt_tokens}+{event.completion_tokens}"
    if event.parent_span:
        yield f"in {event.parent_span} {event.prompt_tokens}+{event.completion_tokens}"


def _known(rows: Sequence[Named]) -> dict[str, dict[int, str]]:
    """Per name of a call, who holds it under which id."""
    known: dict[str, dict[int, str]] = {}
    for some in _slices(sorted({name for _, event in rows for name in _matches(event)})):
        found = CallId.select(CallId.call_id, CallId.user_id, CallId.event_id)
        for name, user_id, event_id in found.where(CallId.call_id.in_(some)).tuples():
            known.setdefault(name, {})[user_id] = event_id
    # What came without other ids is known by its own alone.
    users = sorted({user_id for user_id, _ in rows})
    for some in _slices(sorted({name for _, event in rows for name in event.also})):
        found = Stored.select(Stored.user, Stored.event_id)
        mine = Stored.user.in_(users) & Stored.event_id.in_(some)
        for user_id, event_id in found.where(mine).tuples():
            known.setdefault(event_id, {})[user_id] = event_id
    return known


def _claim(rows: Iterable[tuple[str, int, str]]) -> None:
    fields = (CallId.call_id, CallId.user_id, CallId.event_id)
    for some in _slices(list(rows)):
        CallId.insert_many(some, fields=fields).on_conflict_ignore().execute()


def _slices(values: list) -> Iterator[list]:
    return (values[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE))
