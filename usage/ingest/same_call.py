"""Which records are the same call: by the other ids of it, and by spans one inside the other."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from peewee import Query

from models import CallId
from models import Event as Stored
from usage import bulk
from usage.ingest.calls import Identity, slices
from usage.ingest.event import Event
from usage.rollups import among

FIELDS = (CallId.call_id, CallId.user_id, CallId.event_id)
Named = tuple[int, Event]
"""A user's id and an event of theirs."""
Names = dict[str, dict[int, str]]
"""Per name of a call, who holds it under which id."""


class Places(NamedTuple):
    """Where each row is stored or has to be, and which stored calls are one with another now."""

    calls: list[Identity]
    one_with: dict[Identity, Identity]
    claimed: list[tuple[str, int, str]]


def places(rows: Sequence[Named], nobody: int) -> Places:
    """The call of each row: its own id under its own user, unless the call is known already.

    A call that one record gives to nobody belongs to whom another names. A record may tell that
    calls which came apart are one: the others are then to be united with it.
    """
    names = [_matches(event) for _, event in rows]
    known = _known(rows, names, nobody)
    one_with: dict[Identity, Identity] = {}
    calls: list[Identity] = [(user_id, event.id) for user_id, event in rows]
    claimed: dict[tuple[str, int], str] = {}
    # Whoever is named comes first, so that what names nobody finds them.
    for place in sorted(range(len(rows)), key=lambda place: rows[place][0] == nobody):
        user_id, event = rows[place]
        held = _held(known, one_with, names[place], user_id, nobody)
        owner = min((one[0] for one in held if one[0] != nobody), default=user_id)
        same = [one for one in held if one[0] in (owner, nobody)]
        new = _final(one_with, (owner, event.id))
        call = next((one for one in same if one[0] == owner), new)
        one_with |= {one: call for one in same if one != call}
        calls[place] = call
        for name in _claims(event):
            holders = known.setdefault(name, {})
            if call[0] not in holders:
                holders[call[0]] = call[1]
                # By the id that it is stored under, it is found among the events.
                if name != call[1]:
                    claimed[name, call[0]] = call[1]
        # The rest of the batch knows it by then, though only linked ids are kept.
        known.setdefault(event.id, {}).setdefault(*call)
    final = {one: _final(one_with, one) for one in one_with}
    held_by = [(name, *_final(final, (user, id))) for (name, user), id in claimed.items()]
    return Places([final.get(call, call) for call in calls], final, held_by)


def claim(found: Places) -> None:
    """Keep under which other ids calls may come again, also those of calls that became another."""
    rows = set(found.claimed)
    for some in slices(sorted(found.one_with)):
        here = among((CallId.user_id, CallId.event_id), some)
        for name, *call in CallId.select(*FIELDS).where(here).tuples():
            rows.add((name, *found.one_with[tuple(call)]))
        rows |= {(event_id, *found.one_with[user, event_id]) for user, event_id in some}
        CallId.delete().where(here).execute()
    bulk.run(_claim, FIELDS, sorted(rows))


def _claim(rows: Sequence[tuple]) -> Query:
    return CallId.insert_many(rows, fields=FIELDS).on_conflict_ignore()


def _claimed(names: Sequence[tuple]) -> Query:
    return CallId.select(*FIELDS).where(CallId.call_id.in_([name for (name,) in names]))


def _stored(ids: Sequence[tuple]) -> Query:
    found = Stored.select(Stored.user, Stored.event_id)
    return found.where(Stored.event_id.in_([id for (id,) in ids]))


def linked(event: Event) -> bool:
    """True for an event that may come under other ids too."""
    return bool(event.also or event.span)


def _final(one_with: dict[Identity, Identity], call: Identity) -> Identity:
    while call in one_with:
        # A shorter way for the next time.
        one_with[call] = one_with.get(one_with[call], one_with[call])
        call = one_with[call]
    return call


def _held(
    known: Names,
    one_with: dict[Identity, Identity],
    names: Iterable[str],
    user_id: int,
    nobody: int,
) -> list[Identity]:
    """The calls of this user or of nobody that go by these names; of anyone for nobody."""
    held: dict[Identity, None] = {}
    for name in names:
        for one in known[name].items() if name in known else ():
            call = _final(one_with, one)
            if call[0] in (user_id, nobody) or user_id == nobody:
                held[call] = None
    return list(held)


def _matches(event: Event) -> tuple[str, ...]:
    """Every name under which the same call may be known already."""
    return (*_ids(event), *_spans(event, "in", "at"))


def _claims(event: Event) -> tuple[str, ...]:
    """The names under which this call shall be known from now on.

    A call instrumented twice is a span inside a span with equal tokens, and either may come first.
    """
    return (*_ids(event), *_spans(event, "at", "in")) if linked(event) else ()


def _ids(event: Event) -> tuple[str, ...]:
    return (event.id, *event.also, event.span) if event.span else (event.id, *event.also)


def _spans(event: Event, own: str, around: str) -> Iterator[str]:
    if event.span:
        yield f"{event.span} {own} {event.prompt_tokens}+{event.completion_tokens}"
    if event.parent_span:
        yield f"{event.parent_span} {around} {event.prompt_tokens}+{event.completion_tokens}"


def _known(rows: Sequence[Named], names: Iterable[Iterable[str]], nobody: int) -> Names:
    known: Names = {}
    asked = zip(sorted(set(chain.from_iterable(names))))
    for name, user_id, event_id in bulk.run(_claimed, (CallId.call_id,), asked):
        known.setdefault(name, {})[user_id] = event_id
    # What came without other ids is known by its own alone.
    free = [event for user_id, event in rows if linked(event) or user_id == nobody]
    ids = {name for event in free for name in _ids(event)}
    found = _holders(ids)
    if nobody:
        others = {event.id for _, event in rows} - ids
        found += [one for one in _holders(others) if one[0] == nobody]
    for user_id, event_id in found:
        known.setdefault(event_id, {})[user_id] = event_id
    return known


def _holders(ids: Iterable[str]) -> list[Identity]:
    return list(bulk.run(_stored, (Stored.event_id,), zip(sorted(ids))))
