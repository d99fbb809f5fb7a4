"""Moves a project's events to their days in another zone, some people at a time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from peewee import fn

from models import DailyUsage, Event, Project, User, db
from usage import changes, counting, retention, rollups
from usage.counting import DayKey, Delta
from usage.ingest import buckets, calls, one_person, turns
from usage.ingest.calls import FIELDS, IDENTITY, Call
from usage.ingest.event import NOBODY
from usage.projects import check_zone
from usage.window import day_of, zone

PEOPLE_AT_ONCE = 20
EVENTS_AT_ONCE = 5000


def begin(project: Project, timezone: str) -> bool:
    """Count the days of new events in another zone; False if it is that already. Raises Refused.

    Those of earlier events follow with advance().
    """
    check_zone(timezone)
    with db.atomic():
        # Nobody may be storing events with days of the former zone.
        turns.take(alone=True)
        changed = (Project.id == project.id) & (Project.timezone != timezone)
        return bool(Project.update(timezone=timezone, rezone_after=0).where(changed).execute())


def advance(project: Project) -> tuple[int, int]:
    """Move the events of the next people; returns how many people are done, and of how many."""
    with changes.noted():
        turns.take(alone=True)
        project = Project.get_by_id(project.id)
        if project.rezone_after is not None:
            after = _next(project)
            Project.update(rezone_after=after).where(Project.id == project.id).execute()
            project.rezone_after = after
    return progress(project)


def progress(project: Project) -> tuple[int, int]:
    """How many people's events are on the days of the present zone, and of how many people.

    All of them only once project.rezone_after is None.
    """
    used = DailyUsage.select(fn.COUNT(DailyUsage.user.distinct()))
    used = used.where(DailyUsage.project_id == project.id)
    total = used.scalar()
    if project.rezone_after is None:
        return total, total
    return used.where(DailyUsage.user <= project.rezone_after).scalar(), total


def _next(project: Project) -> int | None:
    """Move what fits one slice; returns the last user who is done, None after everyone."""
    after = project.rezone_after
    used = Event.select(Event.user).where(Event.project_id == project.id)
    rest = used.where(Event.user > after).distinct().order_by(Event.user)
    users = [id for (id,) in rest.limit(PEOPLE_AT_ONCE).tuples()]
    # Nobody's calls come first: each may become a person's, with the day it has by then.
    nobody = User.select(User.id).where(User.username == NOBODY).tuples() if after == 0 else ()
    first = [id for (id,) in nobody]
    moved: list[tuple[Call, Call]] = []
    for user in [*first, *(id for id in users if id not in first)]:
        for day in _doubtful(project, user):
            moved += _misplaced(project, user, day)
            if len(moved) >= EVENTS_AT_ONCE:
                _move(moved)
                return after
        after = after if user in first else user
    _move(moved)
    return users[-1] if len(users) == PEOPLE_AT_ONCE else None


def _doubtful(project: Project, user: int) -> Iterator[date]:
    """The days of a user that may hold events of other days."""
    ends = Event.select(Event.day, fn.MIN(Event.time), fn.MAX(Event.time))
    mine = ends.where(Event.user == user, Event.project_id == project.id)
    for day, first, last in list(mine.group_by(Event.day).order_by(Event.day).tuples()):
        here = zone(project.timezone)
        inside = day_of(first, project.timezone) == day == day_of(last, project.timezone)
        # If clocks were put back across midnight, events in between may be of the day before.
        back = first.astimezone(here).utcoffset() > last.astimezone(here).utcoffset()
        if back or not inside:
            yield day


def _misplaced(project: Project, user: int, day: date) -> Iterator[tuple[Call, Call]]:
    """The events of a user's day that belong to another day, as they are and as they should be."""
    query = Event.select(*FIELDS).order_by(*IDENTITY)
    query = query.where(Event.user == user, Event.day == day, Event.project_id == project.id)
    for row in query.tuples():
        call = Call._make(row)
        right = day_of(call.time, project.timezone)
        if right != day:
            yield call, call._replace(day=right)


def _move(moved: Sequence[tuple[Call, Call]]) -> None:
    """Store events on their new days, and bring buckets and daily rows up to date."""
    users = sorted({call.user_id for call, _ in moved})
    owners = User.select(fn.COALESCE(User.owner_id, User.id)).where(User.id.in_(users))
    whose = {owner for (owner,) in owners.tuples()}
    people = one_person.people(whose)
    calls.rewrite(call for _, call in moved)
    deltas: dict[DayKey, Delta] = defaultdict(Delta)
    for old, new in moved:
        if old.counted:
            counting.recount(deltas, old, new)
    found = buckets.of(one_person.names_of(people, whose))
    flips = retention.open_to_change(buckets.flips(people, found) if found else [])
    calls.flip(flips)
    counting.flip_all(deltas, flips)
    rollups.add(deltas)
