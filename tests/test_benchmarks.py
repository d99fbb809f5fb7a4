"""benchmarks/ - what is measured is a board as it would be, and a wrong number is noticed."""

import pytest
from conftest import NOW, ON_ONE_DATABASE, TODAY

import models
from benchmarks import content, report
from benchmarks.content import Size
from models import DailyUsage, Project, User, WeeklyUsage
from models import Event as Stored
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.rollups import rebuild, verify

SMALL = Size(people=3, days=2, calls_a_row=2)


@pytest.fixture
def url(app, request):
    """The URL of the database that the app is on."""
    if isinstance(models.db.obj, models.PooledCySqliteDatabase):
        return f"sqlite:///{models.db.database}"
    return request.getfixturevalue("postgres")


def stored():
    """The events, without who and for what they are by number."""
    hidden = (Stored.user, Stored.project_id)
    columns = [f for f in Stored._meta.sorted_fields if f.name not in {one.name for one in hidden}]
    query = Stored.select(*columns, User.username, Project.slug).join(User)
    return sorted(query.join(Project, on=(Project.id == Stored.project_id)).tuples(), key=str)


def test_what_is_put_straight_into_the_tables_is_what_record_would_have_stored(url):
    count = content.fill(url, SMALL, TODAY)
    assert rebuild() == DailyUsage.select().count()
    assert count == Stored.select().count() == 2 * DailyUsage.select().count()
    assert verify() == []
    straight = stored()
    for table in (Stored, DailyUsage, WeeklyUsage, Project, User):
        table.delete().execute()

    record([_event(row) for row in content.rows(SMALL, TODAY)], "UTC", NOW)

    assert stored() == straight


def _event(row):
    """A made row as an event that a sender tells."""
    named = {"user": content.username(row["user"]), "id": row["event_id"]}
    named["project"] = content.PROJECTS[row["project_id"] - 1]
    named["time"] = models.EPOCH + row["time"] * models.MICROSECOND
    rest = {n: v for n, v in row.items() if n not in ("user", "event_id", "project_id", "day")}
    return Event(**rest | named)


@ON_ONE_DATABASE
def test_everybody_has_the_rows_of_the_issue_in_the_last_thirty_days(app):
    size = Size(people=20, days=30)

    assert sum(1 for _ in content.rows(size, TODAY)) == 20 * 36


def test_a_goal_says_whether_it_is_met():
    rows = [
        report.ratio("warm", "≤ 1/15", 5, 100, 1 / 15),
        report.ratio("cold", "≤ 2", 300, 100, 2),
        report.ratio("304", "≤ 1", None, 100, 1),
        report.figure("memory", "≤ 200 MB", 150.04, 200, "MB"),
    ]

    assert report.goals(rows).splitlines()[2:] == [
        "| warm | ≤ 1/15 | 1/20.0 (5.0 to 100.0 ms) | met |",
        "| cold | ≤ 2 | 3.00 (300.0 to 100.0 ms) | **missed** |",
        "| 304 | ≤ 1 | – | not measured |",
        "| memory | ≤ 200 MB | 150.04 MB | met |",
    ]
