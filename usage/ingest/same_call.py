"""Which records are the same call: by the other ids of it, and by spans one inside the other."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from peewee import Query

from models import CallId
from models import Event as Stored
from usage import bulk
from usage.ingest.calls import Identity, slices
from usage.ingest.event import Event
from usage.rollups import among

# The id of what came without one from its provider.
SPAN = re.compile("[0-9a-f]{32}:[0-9a-f]{16}")
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


def places(rows: Sequence[Named], nobody: int, stand_in: int = 0) -> Places:
    """The call of each row: its own id under its own user, unless the call is known already.

    A call that one record gives to nobody, or to who stands in for nobody, belongs to whom another
    names. A record may tell that calls which came apart are one: the others are then to be united
    with it.
    """
    known, unnamed = _known(rows, nobody), {nobody, stand_in}
    one_with: dict[Identity, Identity] = {}
    calls: list[Identity] = [(user_id, event.id) for user_id, event in rows]
    claimed: dict[tuple[str, int], str] = {}
    # Of who stands in, only what may come under several ids is looked up.
    weak = [user_id == nobody or (user_id == stand_in and linked(event)) for user_id, event in rows]
    # Whoever is named comes first, so that what names nobody finds them.
    for place in sorted(range(len(rows)), key=weak.__getitem__):
        user_id, event = rows[place]
        held = _held(Known(known, one_with, set() if weak[place] else {user_id, *unnamed}), event)
        others = {one[0] for one in held} if weak[place] else set()
        owner = min(others | {user_id}, key=lambda one: (one == nobody, one == stand_in, one))
        same = [one for one in held if one[0] == owner or one[0] in unnamed]
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


class Known(NamedTuple):
    """Who holds which names, as far as it concerns these users, or everyone."""

    names: Names
    one_with: dict[Identity, Identity]
    whose: set[int]

    def by(self, *names: str) -> list[Identity]:
        """The calls that go by these names."""
        held: dict[Identity, None] = {}
        for name in names:
            for one in self.names[name].items() if name in self.names else ():
                call = _final(self.one_with, one)
                if not self.whose or call[0] in self.whose:
                    held[call] = None
        return list(held)


def _held(known: Known, event: Event) -> list[Identity]:
    """The calls known so far that an event tells of: by its ids, or inside or around its span."""
    held = known.by(*_ids(event))
    if event.span:
        held += [one for one in known.by(_inside(event.span, event)) if _may_be(event, one)]
    around = known.by(_around(event.parent_span, event)) if event.parent_span else []
    # Of the spans right inside a span one may be the same call: two of them are two calls.
    if around and {*held}.issuperset(known.by(_inside(event.parent_span, event))):
        held += [one for one in around if _may_be(event, one)]
    return list(dict.fromkeys(held))


def _may_be(event: Event, call: Identity) -> bool:
    """False when both have an id from the provider, and not the same."""
    return event.id == event.span or bool(SPAN.fullmatch(call[1])) or call[1] in _ids(event)


def _matches(event: Event) -> tuple[str, ...]:
    """Every name under which the same call may be known already."""
    inside = (_inside(event.span, event),) if event.span else ()
    around = (_around(event.parent_span, event),) if event.parent_span else ()
    return (*_ids(event), *inside, *around)


def _claims(event: Event) -> tuple[str, ...]:
    """The names under which this call shall be known from now on.

    A call instrumented twice is a span inside a span with equal tokens, and either may come first.
    """
    if not linked(event):
        return ()
    own = (_around(event.span, event),) if event.span else ()
    inside = (_inside(event.parent_span, event),) if event.parent_span else ()
    return (*_ids(event), *own, *inside)


def _ids(event: Event) -> tuple[str, ...]:
    return (event.id, *event.also, event.span) if event.span else (event.id, *event.also)


def _around(span: str, event: Event) -> str:
    """The name of the call of a span, for what is right inside."""
    return f"{span} at {_size(event)}"


def _inside(span: str, event: Event) -> str:
    """The name of the call right inside a span."""
    return f"{span} in {_size(event)}"


def _size(event: Event) -> str:
    return "failed" if event.failed else f"{event.prompt_tokens}+{event.completion_tokens}"


def _known(rows: Sequence[Named], nobody: int) -> Names:
    known: Names = {}
    events = [event for _, event in rows]
    _ask(known, chain.from_iterable(map(_matches, events)))
    # Whether another is known inside the span around it matters only if that is the same call.
    inside = [event for event in events if event.parent_span]
    inside = [event for event in inside if _around(event.parent_span, event) in known]
    _ask(known, [_inside(event.parent_span, event) for event in inside])
    # What came without other ids is known by its own alone.
    free = [event for user_id, event in rows if linked(event) or user_id == nobody]
    ids = {name for event in free for name in _ids(event)}
    found = _holders(ids)
    if nobody:
        others = {event.id for event in events} - ids
        found += [one for one in _holders(others) if one[0] == nobody]
    for user_id, event_id in found:
        known.setdefault(event_id, {})[user_id] = event_id
    return known


def _ask(known: Names, names: Iterable[str]) -> None:
    asked = zip(sorted(set(names)))
    for name, user_id, event_id in bulk.run(_claimed, (CallId.call_id,), asked):
        known.setdefault(name, {})[user_id] = event_id


def _holders(ids: Iterable[str]) -> list[Identity]:
    return list(bulk.run(_stored, (Stored.event_id,), zip(sorted(ids))))
