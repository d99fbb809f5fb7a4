"""Vendors' sums of calls: never counted beside single calls of the same person, model and day."""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import lru_cache
from operator import attrgetter

from peewee import Expression, Query

from models import Event, db
from usage import bulk
from usage.ingest.calls import FIELDS, IDENTITY, Call, slices
from usage.ingest.one_person import People, names_of, standing

Cell = tuple[int, date, str]
"""A person, a day and a model's family: a bucket counts only where no single call is known."""
IS_BUCKET, USER_OF = map(attrgetter, ("bucket", "user_id"))
# A report names the very model that answered, a call often the one that was asked for.
VERSION = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


def cell_of(people: People, call: Call) -> Cell:
    """The cell that a call or a bucket belongs to."""
    return people.get(call.user_id, call.user_id), call.day, family(call.model)


@lru_cache(4096)
def family(model: str) -> str:
    """A model's name without who serves it and of which date it is."""
    return VERSION.sub("", model.lower().rpartition("/")[2])


def concern(people: People, calls: Collection[Call]) -> bool:
    """Whether there are buckets among these calls, or stored ones of the same persons."""
    if any(map(IS_BUCKET, calls)):
        return True
    owners = {people.get(user, user) for user in set(map(USER_OF, calls))}
    return any(bulk.run(_bucketed, (Event.user,), zip(sorted(names_of(people, owners)))))


def _bucketed(users: Sequence[tuple]) -> Query:
    found = Event.select(Event.user).where(Event.bucket, Event.user.in_([id for (id,) in users]))
    return found.distinct()


def in_cells(people: People, cells: Collection[Cell]) -> list[Call]:
    """The buckets in these cells."""
    days = Event.day.in_(sorted({day for _, day, _ in cells}))
    found = of(names_of(people, {owner for owner, _, _ in cells}), days)
    return [call for call in found if cell_of(people, call) in cells]


def of(users: Iterable[int], *which: Expression, lock: bool = True) -> list[Call]:
    """The buckets of these users; with `lock` nobody else judges them before the commit."""
    found: list[Call] = []
    for some in slices(sorted(users)):
        query = Event.select(*FIELDS).where(Event.bucket, Event.user.in_(some), *which)
        query = query.order_by(*IDENTITY)
        query = query.for_update() if lock and db.for_update else query
        found += map(Call._make, query.tuples())
    return found


def flips(
    people: People, found: Iterable[Call], taken: Collection[Cell] = (), lock: bool = True
) -> list[Call]:
    """The buckets among these that count and shouldn't, or should and don't.

    In the `taken` cells there are single calls for sure.
    """
    buckets = {call.identity: call for call in found}
    ids = {call.event_id for call in buckets.values() if call.user_id in people}
    for some in slices(sorted(ids)):
        # The same sum, told under several names of a person, counts once.
        buckets |= {call.identity: call for call in of(people, Event.event_id.in_(some), lock=lock)}
    best: dict[tuple[int, str], Call] = {}
    for call in sorted(buckets.values(), key=lambda call: standing(people, call)):
        best[people.get(call.user_id, call.user_id), call.event_id] = call
    taken = {*taken} | _taken(
        people, [c for c in buckets.values() if cell_of(people, c) not in taken]
    )
    counts = {call.identity for call in best.values() if cell_of(people, call) not in taken}
    return [call for call in buckets.values() if call.counted != (call.identity in counts)]


def _taken(people: People, buckets: Collection[Call]) -> set[Cell]:
    """The cells of these buckets in which single calls are known."""
    cells = {cell_of(people, call) for call in buckets}
    days = sorted({day for _, day, _ in cells})
    columns = (Event.user, Event.day, Event.model)
    found = set()
    for some in slices(sorted(names_of(people, {owner for owner, _, _ in cells}))):
        single = Event.select(*columns).where(Event.user.in_(some), Event.day.in_(days))
        # The sum has the usage of a call without any.
        single = single.where(~Event.bucket, ~Event.failed, Event.usage_known).distinct()
        for user, day, model in single.tuples():
            found.add((people.get(user, user), day, family(model)))
    return found & cells
