"""Merges the usernames that senders used into the people they stand for, and parts them again."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from peewee import JOIN, fn

from models import DailyUsage, User
from usage import changes, counting, doubles, naming, retention, rollups, sign_in
from usage.accounts import MEMBER, Refused, role_of
from usage.counting import COUNTERS, DayKey, Delta, counters_of
from usage.daily import sum_of
from usage.ingest import buckets, calls, one_person, turns
from usage.ingest.calls import Call
from usage.ingest.event import NOBODY, InvalidEvent, canonical_user
from usage.ingest.one_person import People


@dataclass(frozen=True, slots=True)
class Usage:
    """What was ever counted under some names; usage without a project is in no project."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    first_time: datetime | None
    last_time: datetime | None
    projects: int
    days: int


@dataclass(frozen=True, slots=True)
class Side:
    """One of two to be merged, with the other names that belong to it already."""

    username: str
    display_name: str
    email: str
    names: tuple[str, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would come to: of calls known under both names one copy is set aside.

    Times, projects and days of `after` are those of both names, whatever is set aside.
    """

    name: Side
    into: Side
    set_aside: int
    after: Usage


@dataclass(frozen=True, slots=True)
class Merged:
    """A name that was merged into another, and the answered calls that count under it."""

    name: str
    into: str
    merged_at: datetime
    calls: int


def side(name: str) -> Side:
    """A name with the others that belong to it, and their usage. Raises Refused."""
    one = _user(name)
    return _side(one, _names(one))


def preview(name: str, into: str) -> Preview:
    """What merging these two would come to; changes nothing. Raises Refused."""
    with changes.snapshot():
        return _preview(*_pair(name, into))


def merge(name: str, into: str, now: datetime) -> None:
    """Count all usage of a name, past and future, as that of a person. Raises Refused."""
    for last in (False, False, True):
        # Long histories are compared without a lock, twice at most, then once more with it.
        one, person = _pair(name, into)
        seen = None if last else doubles.compare(person.id, _names(one), _names(person))
        with changes.noted():
            turns.take(alone=True)
            one, person = _pair(name, into)
            mine, theirs = _names(one), _names(person)
            if seen and not seen.still_holds(mine, theirs):
                continue
            aside = seen.aside if seen else doubles.doubled(person.id, mine, theirs)
            User.update(merged_into=person.id, merged_at=now).where(User.id == one.id).execute()
            User.update(owner_id=person.id).where(User.id.in_(list(mine))).execute()
            changes.touch_names(mine)
            sign_in.end_all(one)
            _recount([aside])
            return


def part(name: str) -> None:
    """Give a merged name its own row again, with all that came under it. Raises Refused."""
    with changes.noted():
        turns.take(alone=True)
        one = _user(name)
        if not one.owner_id:
            raise Refused(f'"{one.username}" is not merged into anyone.')
        person = User.get_by_id(one.owner_id)
        mine = _subtree(one, _names(person))
        theirs = _names(person).keys() - mine
        alone = {"merged_into": None, "merged_at": None, "owner_id": None}
        User.update(**alone).where(User.id == one.id).execute()
        User.update(owner_id=one.id).where(User.id.in_(mine - {one.id})).execute()
        changes.touch_names(mine)
        people = dict.fromkeys(mine, one.id) | dict.fromkeys(theirs, person.id)
        _recount(_apart(people))


def confirm(name: str) -> None:
    """Confirm that a name is a person, which takes it off the unmapped. Raises Refused."""
    User.update(confirmed=True).where(User.id == _user(name).id).execute()


def merged() -> list[Merged]:
    """All names that are merged, the latest first."""
    other, used = User.alias(), fn.COALESCE(sum_of(DailyUsage.calls), 0)
    query = (
        User.select(User.username, other.username, User.merged_at, used)
        .join(other, on=(other.id == User.merged_into))
        .join(
            DailyUsage,
            JOIN.LEFT_OUTER,
            on=((DailyUsage.user == User.id) & naming.named_to_super_admins()),
        )
        .group_by(User.id, User.username, other.username, User.merged_at)
        .order_by(User.merged_at.desc(), User.username)
    )
    return [Merged(*row) for row in query.tuples()]


def _preview(one: User, person: User) -> Preview:
    mine, theirs = _names(one), _names(person)
    unnamed = naming.unnamed_projects()
    flips = [c for c in doubles.doubled(person.id, mine, theirs) if c.project_id not in unnamed]
    both, total = _usage({*mine, *theirs}), Delta()
    for call in flips:
        total.count(counters_of(call), call.time, -1 if call.counted else 1)
    change = dict(zip(COUNTERS, total.counters, strict=True))
    numbers = ("calls", "prompt_tokens", "completion_tokens")
    after = (getattr(both, counter) + change[counter] for counter in numbers)
    return Preview(
        name=_side(one, mine),
        into=_side(person, theirs),
        set_aside=sum(call.calls if call.counted else -call.calls for call in flips),
        after=Usage(*after, both.first_time, both.last_time, both.projects, both.days),
    )


def _user(name: str) -> User:
    try:
        found = User.get_or_none(User.username == canonical_user(name))
    except InvalidEvent:
        found = None
    if not found:
        raise Refused(f'There is no user "{name}".')
    return found


def _pair(name: str, into: str) -> tuple[User, User]:
    """A name and the person whom it may be merged into."""
    one, person = _user(name), _user(into)
    if NOBODY in (one.username, person.username):
        raise Refused(f'"{NOBODY}" is the usage of nobody in particular, so it stays by itself.')
    if person.owner_id:
        person = User.get_by_id(person.owner_id)
    if person.id in (one.id, one.owner_id):
        raise Refused(f'"{one.username}" and "{_user(into).username}" are one person already.')
    if one.owner_id:
        owner = User.get_by_id(one.owner_id)
        raise Refused(f'"{one.username}" is a name of "{owner.username}"; part these two first.')
    if role_of(one) != MEMBER or one.password_hash:
        raise Refused(f'"{one.username}" has a role or a password; merge the other into it.')
    if one.sample != person.sample:
        raise Refused("Sample data and real usage stay apart.")
    return one, person


def _names(person: User) -> dict[int, User]:
    """A person's names by id, their own first."""
    return {person.id: person} | {
        row.id: row for row in User.select().where(User.owner_id == person.id)
    }


def _subtree(one: User, names: dict[int, User]) -> set[int]:
    """A merged name with those that had been merged into it."""
    found, more = set(), {one.id}
    while more:
        found |= more
        more = {row.id for row in names.values() if row.merged_into in more}
    return found


def _apart(people: People) -> Iterable[list[Call]]:
    """The calls that count differently if these names belong to these people, in three steps."""
    again = one_person.set_aside(people)
    yield again
    yield one_person.flips(people, one_person.copies(people, [call.identity for call in again]))
    yield buckets.flips(people, buckets.of(people))


def _recount(steps: Iterable[list[Call]]) -> None:
    deltas: dict[DayKey, Delta] = defaultdict(Delta)
    for step in steps:
        flips = retention.open_to_change(step)
        calls.flip(flips)
        counting.flip_all(deltas, flips)
    rollups.add(deltas)


def _side(one: User, names: dict[int, User]) -> Side:
    others = tuple(sorted(row.username for row in names.values() if row.id != one.id))
    return Side(one.username, one.display_name, one.email, others, _usage(names))


def _usage(users: Iterable[int]) -> Usage:
    counters = (DailyUsage.calls, DailyUsage.prompt_tokens, DailyUsage.completion_tokens)
    row = (
        DailyUsage.select(
            *(fn.COALESCE(sum_of(counter), 0) for counter in counters),
            fn.MIN(DailyUsage.first_time),
            fn.MAX(DailyUsage.last_time),
            fn.COUNT(fn.NULLIF(DailyUsage.project_id, 0).distinct()),
            fn.COUNT(DailyUsage.day.distinct()),
        )
        .where(DailyUsage.user.in_(list(users)), naming.named_to_super_admins())
        .tuples()
        .get()
    )
    return Usage(*row)
