"""Calls known under several names of one person: only the copy that says most counts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from re import Pattern

from peewee import Case, Query, fn

from models import CallId, User, db
from models import Event as Stored
from usage import bulk
from usage.bulk import among
from usage.ingest.calls import FIELDS, Call, Identity, read, slices
from usage.ingest.fields import OPAQUE

People = Mapping[int, int]
"""The person of each user id, for people with several names; their own id included."""
Copies = set[Identity]
"""The stored copies of one call, under all names and ids that it is known by."""
# In names of spans: a span right inside another one of equal tokens is the same call.
AT, IN = " at ", " in "


def people(user_ids: Collection[int]) -> dict[int, int]:
    """The names of those of these people who have several; on PostgreSQL they are locked."""
    found: dict[int, int] = dict(bulk.run(_names, (User.owner_id,), zip(sorted(user_ids))))
    owners = sorted(set(found.values()))
    for some in slices(owners if db.for_update else []):
        rows = User.select(User.id).where(User.id.in_(some)).order_by(User.id)
        list(rows.for_update("FOR NO KEY UPDATE").tuples())
    return found | {owner: owner for owner in owners}


def _names(owners: Sequence[tuple]) -> Query:
    return User.select(User.id, User.owner_id).where(User.owner_id.in_([id for (id,) in owners]))


def owners(user_ids: Collection[int]) -> set[int]:
    """The people whom these names belong to."""
    return {owner or user for user, owner in bulk.run(_owners, (User.id,), zip(sorted(user_ids)))}


def _owners(users: Sequence[tuple]) -> Query:
    return User.select(User.id, User.owner_id).where(User.id.in_([id for (id,) in users]))


def unsure(user_ids: Collection[int], names: Pattern = OPAQUE) -> list[int]:
    """Those of these users whose name matches, by default that of an installation.

    Names that an admin has mapped, or confirmed as a person, are not among them.
    """
    found = bulk.run(_own_names, (User.id,), zip(sorted(user_ids)))
    return [user_id for user_id, name in found if names.fullmatch(name)]


def _own_names(users: Sequence[tuple]) -> Query:
    own = User.owner_id.is_null() & ~User.confirmed
    return User.select(User.id, User.username).where(User.id.in_([id for (id,) in users]), own)


def names_of(people: People, owners: Collection[int]) -> set[int]:
    """All names of these owners, their own included."""
    return {*owners, *(name for name, owner in people.items() if owner in owners)}


def copies(people: People, calls: Iterable[Identity]) -> list[Copies]:
    """These calls, each with its copies under other names of the same person."""
    one: dict[Identity, Identity] = {}
    new = {call for call in calls if call[0] in people}
    while new:
        asked_of = {*one, *new}
        one = {call: call for call in new} | one
        found: set[Identity] = set()
        asked = _asked(people, new)
        for name, other in _holders({name for _, name in asked}):
            for call in asked.get((people.get(other[0]), name), ()):
                one.setdefault(other, other)
                one[_first(one, call)] = _first(one, other)
                found.add(other)
        new = found - asked_of
    groups = defaultdict(set)
    for call in one:
        groups[_first(one, call)].add(call)
    return list(groups.values())


def left_behind(people: People, going: Collection[Identity]) -> Copies:
    """The copies, under other names of the same person, of calls that go to somebody else."""
    return set().union(*copies(people, going)) - set(going)


def flips(people: People, groups: Iterable[Copies], left: Copies = frozenset()) -> list[Call]:
    """The copies that count and shouldn't, or should and don't.

    Of a call with a single copy it counts; it may not have where others left it behind.
    """
    several = [group for group in groups if len(group) > 1 or not group.isdisjoint(left)]
    stored = read({call for group in several for call in group})
    wrong = []
    for group in several:
        calls = [stored[call] for call in group if not stored[call].bucket]
        best = max(calls, key=lambda call: standing(people, call), default=None)
        wrong += [call for call in calls if call.counted != (call is best)]
    return wrong


def outweighed(
    new: Sequence[Call], flipped: Sequence[Call], first: Mapping[Identity, Identity]
) -> set[Identity]:
    """Calls that counted until now, when a new copy under another name said more."""
    if not flipped:
        return set()
    names = {call.identity for call in new}
    in_order = sorted(new, key=lambda call: call.worth)
    most = {first.get(call.identity): call.worth for call in in_order}
    known = [call for call in flipped if call.counted and call.identity not in names]
    return {c.identity for c in known if c.worth < most.get(first.get(c.identity), c.worth)}


def set_aside(users: Collection[int]) -> list[Call]:
    """The single calls of these users that don't count, since a copy of each does."""
    aside = Stored.select(*FIELDS).where(Stored.user.in_(list(users)), ~Stored.counted)
    return [Call._make(row) for row in aside.where(~Stored.bucket).tuples()]


def standing(people: People, call: Call) -> tuple:
    """How copies of a call are ordered: the greatest counts, among equals the person's own."""
    own = people.get(call.user_id, call.user_id) == call.user_id
    return call.worth, own, -call.user_id, call.event_id


def known_to_both(some: Collection[int], others: Collection[int]) -> set[Identity]:
    """The calls of some users that others have as well."""
    calls, theirs = Stored.alias(), Stored.alias()
    names, other_names = CallId.alias(), CallId.alias()
    turned = fn.REPLACE(names.call_id, IN, AT)
    partner = Case(None, [(turned != names.call_id, turned)], fn.REPLACE(names.call_id, AT, IN))
    joined = (
        (calls, theirs, theirs.event_id == calls.event_id),
        (calls, other_names, other_names.call_id == calls.event_id),
        (names, theirs, theirs.event_id == names.call_id),
        (names, other_names, other_names.call_id == partner),
    )
    found: set[Identity] = set()
    for mine, yours, same in joined:
        query = mine.select(mine.user_id, mine.event_id).join(yours, on=same)
        found.update(query.where(mine.user_id.in_(some), yours.user_id.in_(others)).tuples())
    return found


def _asked(people: People, calls: Collection[Identity]) -> dict[tuple[int, str], list[Identity]]:
    """These calls by person and by the name under which a copy may be known."""
    asked = defaultdict(list)
    for user_id, event_id in calls:
        asked[people[user_id], event_id].append((user_id, event_id))
    for name, *call in bulk.run(_names_of, (CallId.user_id, CallId.event_id), sorted(calls)):
        partner = name.replace(IN, AT) if IN in name else name.replace(AT, IN)
        asked[people[call[0]], partner].append(tuple(call))
    return asked


def _holders(names: Collection[str]) -> Iterator[tuple[str, Identity]]:
    asked = [(name,) for name in sorted(names)]
    for make, field in ((_calls_of, Stored.event_id), (_others_of, CallId.call_id)):
        for name, user_id, event_id in bulk.run(make, (field,), asked):
            yield name, (user_id, event_id)


def _names_of(calls: Sequence[tuple]) -> Query:
    held = CallId.select(CallId.call_id, CallId.user_id, CallId.event_id)
    return held.where(among((CallId.user_id, CallId.event_id), calls))


def _calls_of(ids: Sequence[tuple]) -> Query:
    calls = Stored.select(Stored.event_id, Stored.user, Stored.event_id)
    return calls.where(Stored.event_id.in_([id for (id,) in ids]))


def _others_of(names: Sequence[tuple]) -> Query:
    others = CallId.select(CallId.call_id, CallId.user_id, CallId.event_id)
    return others.where(CallId.call_id.in_([name for (name,) in names]))


def _first(one: dict[Identity, Identity], call: Identity) -> Identity:
    while one[call] != call:
        one[call] = one[one[call]]
        call = one[call]
    return call
