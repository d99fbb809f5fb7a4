"""record(events): stores each event once and adds it to its day, in one transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from re import Pattern
from typing import NamedTuple

from usage import changes, counting, prices, retention, rollups
from usage.counting import DayKey, Delta
from usage.ingest import buckets, calls, identity, one_person, same_call, tellings, turns
from usage.ingest.batches import Batch
from usage.ingest.call_names import lone_ids
from usage.ingest.calls import Call, Identity
from usage.ingest.event import NOBODY, Event
from usage.ingest.identity import Person
from usage.ingest.one_person import People


class Outcome(Enum):
    """What became of one event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REPLACED = "replaced"
    CLOSED = "closed"


# Module names are read faster than attributes of an Enum class.
ACCEPTED, DUPLICATE, REPLACED, CLOSED = Outcome


class Stored(NamedTuple):
    """The result of storing: new calls, pairs of a changed call before and after, calls removed.

    Calls are removed that turned out to be another one, known under another id or user.
    """

    new: Sequence[Call]
    changed: list[tuple[Call, Call]]
    gone: list[Call]
    gone_into: set[Identity]

    def touched(self) -> list[Identity]:
        """The calls that are new or changed."""
        return [call.identity for call in (*self.new, *(call for _, call in self.changed))]


class Key(NamedTuple):
    """The user that a sender's key names where an event names none, and the key's only project.

    Calls of this stand-in move to the person whom another record of them names, as nobody's do, and
    those of users whose name matches `unsure`. A key of one project can't rename people who are
    known outside of it.
    """

    stand_in: str = ""
    project: str = ""
    unsure: Pattern | None = None


# For files, and wherever no key is used.
NO_KEY = Key()


class Terms(NamedTuple):
    """What holds for all events of a batch."""

    timezone: str
    now: datetime
    key: Key
    guess: Batch | None


def record(
    events: Sequence[Event],
    timezone: str,
    now: datetime,
    key: Key = NO_KEY,
    guess: Batch | None = None,
) -> list[Outcome]:
    """Store and count the events; returns an outcome for each, in order. Stores all or nothing.

    `timezone` is for usage without a project, and for new projects. A guess of what the events come
    to saves work if it is right.
    """
    if not events:
        return []
    terms = Terms(timezone, now, key, guess)
    try:
        with changes.noted():
            return _record(events, terms, turns.needs_to_be_alone(events, key.stand_in, key.unsure))
    except turns.NotAlone:
        with changes.noted():
            return _record(events, terms, alone=True)


def _record(events: Sequence[Event], terms: Terms, alone: bool) -> list[Outcome]:
    alone = turns.take(alone)
    closed = _closed(events, terms.timezone)
    if not closed:
        return _record_open(events, terms, alone)
    rest = [event for place, event in enumerate(events) if place not in closed]
    outcomes = iter(_record_open(rest, terms, alone) if rest else ())
    return [CLOSED if n in closed else next(outcomes) for n in range(len(events))]


def _closed(events: Sequence[Event], timezone: str) -> set[int]:
    """The positions of events that may have been counted on closed days."""
    closed = retention.closed()
    if not closed:
        return set()
    near = {n for n, event in enumerate(events) if closed.may_hold(event.time)}
    known = identity.known_projects({events[n].project for n in near})
    zones = {name: project.timezone for name, project in known.items()}
    return {
        n
        for n in near
        if closed.holds(
            events[n].time, zones.get(events[n].project, timezone), exact=events[n].bucket
        )
    }


def _record_open(events: Sequence[Event], terms: Terms, alone: bool) -> list[Outcome]:
    stand_ins = (NOBODY, terms.key.stand_in)
    ahead = terms.guess if terms.guess and terms.guess.events == events else None
    profiles = ahead.profiles if ahead else identity.profiles(events)
    users = identity.users(profiles, terms.now, stand_ins, terms.key.project)
    people = one_person.people({user.owner_id or user.id for user in users.values()})
    nobody, stand_in = (users[name].id if name in users else 0 for name in stand_ins)
    unsure = _unsure(users, terms.key.unsure) - {nobody, stand_in}
    # Ids of an explicit sender may equal those of others' calls: its stand-in goes last, where it
    # gives up only linked calls. For other formats 0, which is no user, takes that place.
    unnamed = (nobody, *unsure, stand_in, *([0] if terms.key.unsure else []))
    ids = {profile.user: users[profile.user].id for profile in profiles}
    own = ahead.calls if ahead and ahead.users == ids else [(ids[e.user], e.id) for e in events]
    names, lone = (ahead.names, ahead.lone_ids) if ahead else (None, lone_ids(events))
    found = same_call.resolve(events, own, unnamed, names, lone, worldwide=bool(terms.key.unsure))
    if found.one_with and not alone:
        raise turns.NotAlone
    # A record that names nobody may belong to a call of somebody whom no event names.
    known = {user.id for user in users.values()}
    if others := {user_id for user_id, _ in (*found.calls, *found.one_with)} - known:
        people |= one_person.people(one_person.owners(others))
    left = one_person.left_behind(people, found.one_with) if people else set()
    batch = _batch(events, found.calls, terms)
    stored = _store(batch, found.one_with)
    same_call.claim(found)
    # What only gained a name may turn out to be the same call as one of the person's others.
    named_anew = [(user_id, event_id) for _, user_id, event_id in found.claimed if people]
    asked = {*named_anew, *stored.touched(), *left} if people else ()
    copies = one_person.copies(people, asked)
    flips = one_person.flips(people, copies, left)
    flipped = _count(batch, stored, people, flips)
    return _outcomes(found.calls, stored, copies, flipped)


def _unsure(users: Mapping[str, Person], names: Pattern | None) -> set[int]:
    found = {user.id for name, user in users.items() if names and names.fullmatch(name)}
    return {*one_person.unsure(found, names)} if found else set()


def _batch(events: Sequence[Event], found: Sequence[Identity], terms: Terms) -> Batch:
    projects = identity.projects({event.project for event in events}, terms.timezone, terms.now)
    batch = Batch(events, found, projects, terms.timezone, prices.book())
    return terms.guess if terms.guess == batch else batch


def _store(batch: Batch, one_with: Mapping[Identity, Identity]) -> Stored:
    """Insert the calls that are new, and update stored ones with what says more."""
    gone = calls.remove(one_with) if one_with else []
    others: dict[Identity, list[Call]] = defaultdict(list)
    for call in gone:
        user_id, event_id = one = one_with[call.identity]
        others[one].append(call._replace(user_id=user_id, event_id=event_id, counted=True))
    if not others and batch.each_once:
        firsts, values = batch.sorted_rows, batch.values
    else:
        by_call = sorted(batch.by_call.items())
        firsts = [tellings.first(some, others.get(one, []), batch.book) for one, some in by_call]
        values = calls.values(firsts)
    new = calls.insert(firsts, values)
    known = batch.by_call.keys() - {c.identity for c in new} if len(new) < len(firsts) else ()
    changed = []
    for one, old in calls.read(known, lock=True).items():
        call = tellings.again(old, batch.by_call[one], others.get(one, []), batch.book)
        if call != old:
            changed.append((old, call))
    calls.rewrite(call for _, call in changed)
    return Stored(new, changed, gone, set(others))


def _count(batch: Batch, stored: Stored, people: People, flips: list[Call]) -> list[Call]:
    """Update the daily rows; returns the calls that had to start or stop counting, as `flips`."""
    now = [*stored.new, *(call for _, call in stored.changed)]
    before = [*stored.gone, *(old for old, _ in stored.changed)]
    flips = retention.open_to_change(flips + _bucket_flips(people, now, before))
    calls.flip(flips)
    if stored.new == batch.sorted_rows and not (before or flips):
        rollups.store(batch.gains)
        return flips
    deltas: dict[DayKey, Delta] = defaultdict(Delta)
    counting.count_all(deltas, stored.new)
    for old, call in stored.changed:
        if old.counted:
            counting.recount(deltas, old, call)
    counting.flip_all(deltas, [*(call for call in stored.gone if call.counted), *flips])
    rollups.add(deltas)
    return flips


def _bucket_flips(people: People, now: Sequence[Call], before: Sequence[Call]) -> list[Call]:
    if not buckets.concern(people, [*now, *before]):
        return []
    single = {buckets.cell_of(people, call) for call in now if call.answered and not call.bucket}
    left = {buckets.cell_of(people, call) for call in before}
    new = {buckets.cell_of(people, call) for call in now if call.bucket}
    found = buckets.in_cells(people, single | left | new)
    return buckets.flips(people, found, single) if found else []


def _outcomes(
    told: Sequence[Identity],
    stored: Stored,
    copies: Sequence[one_person.Copies],
    flipped: Sequence[Call],
) -> list[Outcome]:
    """The outcome of each event: that of its call for the first, and a duplicate for the others."""
    if len(stored.new) == len(told) and not (stored.gone_into or copies or flipped):
        return [ACCEPTED] * len(told)
    new = {call.identity for call in stored.new}
    first = {one: min(group) for group in copies for one in group}
    known = {one for group in copies if not group <= new for one in group}
    replaced = {call.identity for _, call in stored.changed} | stored.gone_into & new
    replaced |= one_person.outweighed(stored.new, flipped, first)
    kinds = ((REPLACED, replaced), (ACCEPTED, new - known - replaced))
    outcome_of = {first.get(one, one): kind for kind, those in kinds for one in those}
    # The first event of a call takes its outcome.
    return [outcome_of.pop(first.get(one, one), DUPLICATE) for one in told]
