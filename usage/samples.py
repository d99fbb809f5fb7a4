"""Put the sample data of demo.py on an empty board, and take it off again."""

from datetime import datetime
from itertools import islice

from models import (
    Budget,
    CallId,
    DailyUsage,
    Delivery,
    Event,
    GrantProject,
    Key,
    Notice,
    Project,
    ProjectAdmin,
    Pseudonym,
    SavedView,
    Session,
    SignInLink,
    User,
    Webhook,
    WeeklyUsage,
)
from usage import changes, demo
from usage.ingest.identity import slug
from usage.ingest.record import record

AT_ONCE = 2000
# SQLite gives the ids of what is gone to what comes next: nothing may be left that is about them.
OF_EITHER = (SavedView, Budget, Notice, ProjectAdmin, Pseudonym)
OF_PEOPLE = (*OF_EITHER, CallId)
OF_PROJECTS = (*OF_EITHER, GrantProject, Webhook)


def load(timezone: str, now: datetime) -> int:
    """Record the sample events as any others; returns how many there are."""
    with changes.noted():
        changes.touch_everything()
        User.insert_many(
            {"username": one.username, "sample": True, "created_at": now} for one in demo.people()
        ).on_conflict_ignore().execute()
        Project.insert_many(
            {
                "slug": slug(one.slug),
                "name": one.name,
                "timezone": one.timezone,
                "sample": True,
                "created_at": now,
            }
            for one in demo.projects()
        ).on_conflict_ignore().execute()
        events = demo.events(now)
        count = 0
        while some := list(islice(events, AT_ONCE)):
            record(some, timezone, now)
            count += len(some)
    return count


def remove() -> None:
    """Take sample people away with their usage, and sample projects that nobody else uses."""
    with changes.noted():
        changes.touch_everything()
        people = User.select(User.id).where(User.sample)
        for table in (DailyUsage, WeeklyUsage, Event, Session, SignInLink):
            table.delete().where(table.user.in_(people)).execute()
        for table in OF_PEOPLE:
            table.delete().where(table.user_id.in_(people)).execute()
        User.delete().where(User.sample).execute()
        used = Project.id.in_(DailyUsage.select(DailyUsage.project_id))
        # Without its project a key would be one of all of them.
        used |= Project.id.in_(Key.select(Key.project).where(Key.project.is_null(False)))
        Project.update(sample=False).where(Project.sample, used).execute()
        projects = Project.select(Project.id).where(Project.sample)
        for table in OF_PROJECTS:
            table.delete().where(table.project_id.in_(projects)).execute()
        Project.delete().where(Project.sample).execute()
        Delivery.delete().where(Delivery.notice_id.not_in(Notice.select(Notice.id))).execute()
        gone = User.default_view_id.not_in(SavedView.select(SavedView.id))
        User.update(default_view_id=None).where(gone).execute()
