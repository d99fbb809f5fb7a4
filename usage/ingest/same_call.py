"""Finds records of the same call: by other ids of it, and by spans one inside the other."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from peewee import Query

from models import CallId
from models import Event as Stored
from usage import bulk
from usage.ingest import one_person
from usage.ingest.call_names import BatchNames, Called, is_nameless, names_of_all
from usage.ingest.calls import Identity, slices
from usage.ingest.event import Event
from usage.rollups import among

# Beyond so many answers of one size in a trace, each record counts as a call.
MOST_ALIKE = 20
FIELDS = (CallId.call_id, CallId.user_id, CallId.event_id)
Named = tuple[int, Event]
"""A user's id and an event of theirs."""
Names = dict[str, dict[int, str]]
"""For each name of a call: its id, by the users who have it."""


class Resolved(NamedTuple):
    """The call of each row, stored calls that turned out to be another, and other ids to keep."""

    calls: list[Identity]
    one_with: dict[Identity, Identity]
    claimed: list[tuple[str, int, str]]


def resolve(rows: Sequence[Named], unnamed: Sequence[int], names: BatchNames | None) -> Resolved:
    """The call of each row: its own id under its own user, unless the call is known already.

    A call of one of the `unnamed` moves to the user whom another record of it names. They are in
    order: nobody, users of unsure names, and last the key's stand-in, who gives up only linked
    calls. A record may show that calls stored apart are one: these are united.
    """
    *yielding, stand_in = unnamed
    if not _is_any_known(rows, yielding):
        return Resolved([(user_id, event.id) for user_id, event in rows], {}, [])
    names = names or names_of_all(event for _, event in rows)
    known = _known(rows, names.each, yielding)
    others = {user for held in known.values() for user in held} - {user for user, _ in rows}
    yielding[1:1] = one_person.unsure(others.difference(unnamed))
    unnamed = (*yielding, stand_in)
    one_with: dict[Identity, Identity] = {}
    calls = [(user_id, event.id) for user_id, event in rows]
    alone = {n for n in names.alone if known.keys().isdisjoint(names.each[n].looked_up)}
    claimed = {(name, calls[n][0]): calls[n][1] for n in alone for name in names.alone[n]}
    # Of the stand-in's calls only those that may come under several ids are looked up.
    weak = [user in yielding or (user == stand_in and linked(event)) for user, event in rows]
    others = [n for n in range(len(rows)) if n not in alone]
    # Events that name a person come first, so that those that name nobody find them.
    for place in sorted(others, key=weak.__getitem__):
        (user_id, event), called = rows[place], names.each[place]
        theirs = Known(known, one_with, set() if weak[place] else {user_id, *unnamed})
        calls[place] = call = _joined(theirs, rows[place], called, unnamed)
        for name in _claims(theirs, called, call) if linked(event) else ():
            holders = known.setdefault(name, {})
            if call[0] not in holders:
                holders[call[0]] = call[1]
                # Its own id needs no row: it is found among the events.
                if name != call[1]:
                    claimed[name, call[0]] = call[1]
        # Known to the rest of the batch; stored are only the ids of linked calls.
        known.setdefault(event.id, {}).setdefault(*call)
    final = {one: _final(one_with, one) for one in one_with}
    held_by = [(name, *final.get((user, id), (user, id))) for (name, user), id in claimed.items()]
    return Resolved([final.get(call, call) for call in calls], final, held_by)


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


def _claimed(names: Sequence[tuple]) -> Query:
    return CallId.select(*FIELDS).where(CallId.call_id.in_([name for (name,) in names]))


def _stored(ids: Sequence[tuple]) -> Query:
    found = Stored.select(Stored.user, Stored.event_id)
    return found.where(Stored.event_id.in_([id for (id,) in ids]))


def linked(event: Event) -> bool:
    """True for an event whose call may also arrive under other ids."""
    return bool(event.also or event.span or event.parent_span or event.alike)


def _final(one_with: dict[Identity, Identity], call: Identity) -> Identity:
    while call in one_with:
        # A shorter way for the next time.
        one_with[call] = one_with.get(one_with[call], one_with[call])
        call = one_with[call]
    return call


class Known(NamedTuple):
    """The known names of calls, of these users only, or of everyone if `whose` is empty."""

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
    known.one_with.update({one: call for one in same if one != call})
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
    event has an id from its provider, the first without one.
    """
    nameless = called.teller is not None
    if not called.alike or (held and nameless and not called.may_grow):
        return []
    for number in range(1, MOST_ALIKE + 1):
        here = known.by(called.place(number))
        if not {*held}.isdisjoint(here):
            return []
        told = known.by(called.told_at(number)) if nameless else []
        others = [one for one in here if one not in told and (nameless or is_nameless(one[1]))]
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


def _is_any_known(rows: Sequence[Named], yielding: Sequence[int]) -> bool:
    """True if any call may be known by another id or user, which is rare for plain events."""
    ids = {event.id for _, event in rows}
    if len(ids) < len(rows) or any(user in yielding or linked(event) for user, event in rows):
        return True
    known: Names = {}
    _ask(known, ids)
    nobody = yielding[0]
    return bool(known) or bool(nobody and any(user == nobody for user, _ in _holders(ids)))


def _known(rows: Sequence[Named], names: Sequence[Called], yielding: Sequence[int]) -> Names:
    known: Names = {}
    _ask(known, chain.from_iterable(one.looked_up for one in names))
    # The neighbours inside the span around it matter only if that span is known.
    _ask(known, [one.beside for one in names if one.outer in known])
    # Calls stored without other ids are found by their own.
    ids: set[str] = set()
    for (user_id, event), called in zip(rows, names, strict=True):
        if user_id in yielding or linked(event):
            ids.update(called.ids)
    found = _holders(ids)
    if nobody := yielding[0]:
        others = {event.id for _, event in rows} - ids
        found += [one for one in _holders(others) if one[0] == nobody]
    for user_id, event_id in found:
        known.setdefault(event_id, {})[user_id] = event_id
    _ask_for_more_alike(known, names)
    return known


def _ask_for_more_alike(known: Names, names: Sequence[Called]) -> None:
    """Look up all numbered answers of the same size and trace as new ones."""
    new = [one for one in names if one.alike and (one.may_grow or known.keys().isdisjoint(one.ids))]
    for number in range(1, MOST_ALIKE):
        new = [one for one in new if one.place(number) in known]
        if not new:
            return
        more = [(one.place(number + 1), one.told_at(number + 1)) for one in new]
        _ask(known, chain.from_iterable(more))


def _ask(known: Names, names: Iterable[str]) -> None:
    asked = zip(sorted({*names} - {""}))
    for name, user_id, event_id in bulk.run(_claimed, (CallId.call_id,), asked):
        known.setdefault(name, {})[user_id] = event_id


def _holders(ids: Iterable[str]) -> list[Identity]:
    return list(bulk.run(_stored, (Stored.event_id,), zip(sorted(ids))))
