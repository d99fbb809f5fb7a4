"""Finds records of the same call: by other ids of it, and by spans one inside the other."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from peewee import Query

from models import CallId
from usage import bulk
from usage.bulk import among
from usage.ingest import one_person
from usage.ingest.call_names import (
    BatchNames,
    Called,
    is_nameless,
    linked,
    maker_of,
    names_of_all,
)
from usage.ingest.calls import Identity, slices
from usage.ingest.event import Event
from usage.ingest.known_names import (
    FIELDS,
    MOST_ALIKE,
    Named,
    Names,
    are_any_known,
    known_makers,
    known_names,
)


class Resolved(NamedTuple):
    """The call of each event, stored calls that turned out to be another, and other ids to keep."""

    calls: Sequence[Identity]
    one_with: dict[Identity, Identity]
    claimed: list[tuple[str, int, str]]


class Known(NamedTuple):
    """The known names of calls, of these users only, or of everyone if `whose` is empty.

    Of some calls it is also known who made the model that answered.
    """

    names: Names
    one_with: dict[Identity, Identity]
    makers: dict[Identity, str]
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


def resolve(
    events: Sequence[Event],
    own: Sequence[Identity],
    unnamed: Sequence[int],
    names: BatchNames | None,
    lone_ids: Sequence[str] | None,
    worldwide: bool = False,
) -> Resolved:
    """The call of each event: `own`, its id under its user, unless the call is known already.

    A call of one of the `unnamed` moves to the user whom another record of it names. They are in
    order: nobody, users of unsure names, and last the key's stand-in, who gives up only linked
    calls. A record may show that calls stored apart are one: these are united. The ids of
    `worldwide` calls are no other's; those of others may be somebody else's own numbers. `names`
    are worked out here if they are None; without `lone_ids` calls are looked up by all names.
    """
    *yielding, stand_in = unnamed
    if not are_any_known(own, lone_ids, yielding, worldwide):
        return Resolved(own, {}, [])
    rows = [(user_id, event) for (user_id, _), event in zip(own, events, strict=True)]
    names = names or names_of_all(events)
    known = known_names(rows, names.each, yielding, worldwide)
    makers = known_makers(known, rows, names.each)
    others = {user for held in known.values() for user in held} - {user for user, _ in rows}
    yielding[1:1] = one_person.unsure(others.difference(unnamed))
    unnamed = (*yielding, stand_in)
    one_with, calls = {}, list(own)
    alone = {n for n in names.alone if known.keys().isdisjoint(names.each[n].looked_up)}
    claimed = {(name, calls[n][0]): calls[n][1] for n in alone for name in names.alone[n]}
    weak = [_is_weak(row, yielding, stand_in) for row in rows]
    others = [n for n in range(len(rows)) if n not in alone]
    # Events that name a person come first, so that those that name nobody find them.
    for place in sorted(others, key=weak.__getitem__):
        (user_id, event), called = rows[place], names.each[place]
        theirs = Known(known, one_with, makers, set() if weak[place] else {user_id, *unnamed})
        calls[place] = call = _joined(theirs, rows[place], called, unnamed)
        claimed |= _named(theirs, event, called, call)
    final = {one: _final(one_with, one) for one in one_with}
    held_by = [(name, *final.get((user, id), (user, id))) for (name, user), id in claimed.items()]
    return Resolved([final.get(call, call) for call in calls], final, held_by)


def _is_weak(row: Named, yielding: Sequence[int], stand_in: int) -> bool:
    """True for a row that joins the call of whoever else is known to have it."""
    user, event = row
    if event.bucket:
        # Of a day's sums the ids may be alike for all people, and only nobody's is another's.
        return user == yielding[0]
    # Of the stand-in's calls only those that may come under several ids are looked up.
    return user in yielding or (user == stand_in and linked(event))


def _named(
    known: Known, event: Event, called: Called, call: Identity
) -> dict[tuple[str, int], str]:
    """Make a call known to the rest of its batch by its names; returns those to be stored."""
    claimed = {}
    for name in _claims(known, called, call) if linked(event) else ():
        holders = known.names.setdefault(name, {})
        if call[0] not in holders:
            holders[call[0]] = call[1]
            # Its own id needs no row: it is found among the events.
            if name != call[1]:
                claimed[name, call[0]] = call[1]
    # Stored are only the ids of linked calls.
    known.names.setdefault(event.id, {}).setdefault(*call)
    if maker := maker_of(event.provider, event.model):
        known.makers.setdefault(call, maker)
    return claimed


def claim(found: Resolved) -> None:
    """Store the other ids of calls, and move those of calls that were united with another."""
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


def _final(one_with: dict[Identity, Identity], call: Identity) -> Identity:
    while call in one_with:
        # A shorter way for the next time.
        one_with[call] = one_with.get(one_with[call], one_with[call])
        call = one_with[call]
    return call


def _joined(known: Known, row: Named, called: Called, unnamed: Sequence[int]) -> Identity:
    """The call that a row belongs to; calls that it shows to be the same are united with it."""
    owner, event = row
    held = _held(known, event, called)
    if not known.whose:
        owners = {owner, *(one[0] for one in held)}
        owner = min(owners, key=lambda one: (*(one == another for another in unnamed), one))
    same = [one for one in held if one[0] == owner or one[0] in unnamed]
    # A provider's id is preferred: it tells the call from other answers of the same size.
    ids = [id for id in (event.id, *(id for _, id in same)) if not is_nameless(id)]
    new = _final(known.one_with, (owner, ids[0] if ids else event.id))
    call = next((one for one in same if one[0] == owner), new)
    if ids and is_nameless(call[1]):
        call = new
    for one in same:
        if one != call:
            known.one_with[one] = call
        if one in known.makers:
            known.makers.setdefault(call, known.makers[one])
    return call


def _held(known: Known, event: Event, called: Called) -> list[Identity]:
    """The known calls that an event may belong to: by its ids, or inside or around its span."""
    held = known.by(*called.ids)
    held += [one for one in known.by(called.inner) if _may_be(event, called, one)]
    around = known.by(called.outer)
    # One span right inside another may be the same call; if there are two, they are two calls.
    if around and {*held}.issuperset(known.by(called.beside)):
        held += [one for one in around if _may_be(event, called, one)]
    held += _told_by_others(known, event, called, held)
    return list(dict.fromkeys(held))


def _told_by_others(
    known: Known, event: Event, called: Called, held: Sequence[Identity]
) -> list[Identity]:
    """The same answer as reported by another instrumentation in its trace: one at most.

    Answers of one size are numbered. It is the first that this teller has not reported, or if the
    event has an id from its provider, the first without one. Models of two makers are two calls.
    """
    maker = maker_of(event.provider, event.model)
    nameless = called.teller is not None
    if not called.alike or (held and nameless and not called.may_grow):
        return []
    for number in range(1, MOST_ALIKE + 1):
        here = known.by(called.place(number))
        if not {*held}.isdisjoint(here):
            return []
        told = known.by(called.told_at(number)) if nameless else []
        others = [one for one in here if one not in told and (nameless or is_nameless(one[1]))]
        if maker:
            others = [one for one in others if known.makers.get(one, maker) == maker]
        if others or not here:
            return others[:1]
    return []


def _claims(known: Known, called: Called, call: Identity) -> Iterator[str]:
    """The names under which a call is to be stored, its number among them."""
    yield from called.claimed
    for number in range(1, MOST_ALIKE + 1) if called.alike else ():
        here = known.by(called.place(number))
        if not here or call in here:
            yield called.place(number)
            if called.teller is not None:
                yield called.told_at(number)
            return


def _may_be(event: Event, called: Called, call: Identity) -> bool:
    """False if both have an id from the provider, and not the same one."""
    return event.id == event.span or is_nameless(call[1]) or call[1] in called.ids
