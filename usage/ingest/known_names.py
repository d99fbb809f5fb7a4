"""Which names of calls are known already: what the database is asked before it takes a batch."""

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter

from peewee import SQL, Query

from models import CallId
from models import Event as Stored
from usage import bulk
from usage.ingest.call_names import Called, linked, maker_of
from usage.ingest.calls import Call, Identity, read
from usage.ingest.event import Event

USER_OF = itemgetter(0)
# Beyond so many answers of one size in a trace, each record counts as a call.
MOST_ALIKE = 20
FIELDS = (CallId.call_id, CallId.user_id, CallId.event_id)
Named = tuple[int, Event]
"""A user's id and an event of theirs."""
Names = dict[str, dict[int, str]]
"""For each name of a call: its id, by the users who have it."""


def are_any_known(
    calls: Sequence[Identity],
    lone_ids: Sequence[str] | None,
    yielding: Sequence[int],
    worldwide: bool,
) -> bool:
    """True if any call may be known by another id or user, which is rare for plain events.

    `lone_ids` are their ids as call_names.lone_ids() gives them, None if they have other names.
    """
    if lone_ids is None or not set(map(USER_OF, calls)).isdisjoint(yielding):
        return True
    found = list(bulk.run(_either, (CallId.call_id,), zip(lone_ids)))
    whose = {event_id: user for user, event_id in calls} if found else {}
    return any(
        is_another_name or (user != whose[name] if worldwide else user == yielding[0])
        for name, user, is_another_name in found
    )


def known_names(
    rows: Sequence[Named], names: Sequence[Called], yielding: Sequence[int], worldwide: bool
) -> Names:
    """Who has which call under any of these names, as far as it may be one of the rows."""
    known: Names = {}
    _ask(known, chain.from_iterable(one.looked_up for one in names))
    # The neighbours inside the span around it matter only if that span is known.
    _ask(known, [one.beside for one in names if one.outer in known])
    # Calls stored without other ids are found by their own.
    ids: set[str] = set()
    for (user_id, event), called in zip(rows, names, strict=True):
        if worldwide or user_id in yielding or linked(event):
            ids.update(called.ids)
    found = _holders(ids)
    if nobody := yielding[0]:
        others = {event.id for _, event in rows} - ids
        found += [one for one in _holders(others) if one[0] == nobody]
    for user_id, event_id in found:
        known.setdefault(event_id, {})[user_id] = event_id
    _ask_for_more_alike(known, names)
    return known


def known_makers(
    known: Names, rows: Sequence[Named], names: Sequence[Called]
) -> dict[Identity, str]:
    """Who made the models of known answers that are as large as answers by known makers."""
    asked: set[Identity] = set()
    for (_, event), called in zip(rows, names, strict=True) if known else ():
        for number in range(1, MOST_ALIKE + 1) if called.alike and _maker(event) else ():
            here = known.get(called.place(number), {})
            asked.update(one for one in here.items() if one[1] not in called.ids)
            if not here:
                break
    return {one: maker for one, call in read(asked).items() if (maker := _maker(call))}


def _maker(call: Event | Call) -> str:
    return maker_of(call.provider, call.model)


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


def _claimed(names: Sequence[tuple]) -> Query:
    return CallId.select(*FIELDS).where(CallId.call_id.in_([name for (name,) in names]))


def _stored(ids: Sequence[tuple]) -> Query:
    found = Stored.select(Stored.user, Stored.event_id)
    return found.where(Stored.event_id.in_([id for (id,) in ids]))


def _either(names: Sequence[tuple]) -> Query:
    """Whose these names are, as the other name of a call or as its own id."""
    name, user = CallId.call_id.alias("name"), CallId.user_id.alias("user_id")
    others = CallId.select(name, user, SQL("1").alias("is_another"))
    own = Stored.select(Stored.event_id, Stored.user, SQL("0"))
    both = (others.union_all(own)).alias("both")
    asked = both.select_from(both.c.name, both.c.user_id, both.c.is_another)
    return asked.where(both.c.name.in_([id for (id,) in names]))
