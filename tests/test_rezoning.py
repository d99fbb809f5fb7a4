"""usage/rezoning.py - a project's days in another zone, while the board stays in use."""

from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import NOW, ON_ONE_DATABASE, empty_tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import daily_rows

from models import Event as Stored
from models import Project
from usage import accounts, merging, projects, rezoning
from usage.accounts import Refused
from usage.ingest.event import NOBODY, Event
from usage.ingest.record import record
from usage.rollups import rebuild, verify
from usage.window import day_of

NAMES = ("ada", "max", "vera", "vm", "otto", NOBODY)
ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC")
# Days on which clocks are changed, in Berlin and in New York.
CHANGES = [datetime(2026, *day, tzinfo=UTC) for day in ((3, 29), (10, 25), (11, 1))]
pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def small_slices(monkeypatch):
    """Two people or three events a slice."""
    monkeypatch.setattr(rezoning, "PEOPLE_AT_ONCE", 2)
    monkeypatch.setattr(rezoning, "EVENTS_AT_ONCE", 3)


def project():
    return projects.find("checkout")


def finish():
    """Take all slices; the board is right after every one of them."""
    told = []
    while project().rezone_after is not None:
        told.append(rezoning.advance(project()))
        assert verify() == []
    return told


def misplaced():
    """Events of the project on days that aren't theirs."""
    zone = project().timezone
    mine = Stored.select().where(Stored.project_id == project().id)
    return [event.event_id for event in mine if event.day != day_of(event.time, zone)]


def call(number, user="vera", project="checkout", **fields):
    """A call whose day a zone decides: at 23:30 of UTC."""
    fields = {"time": NOW.replace(hour=23, minute=30) - timedelta(days=2)} | fields
    return Event(id=f"call-{number}", user=user, project=project, prompt_tokens=10, **fields)


@st.composite
def tellings(draw):
    """A call or a vendor's sum, some time about a change of clocks."""
    start = draw(st.sampled_from(CHANGES)) - timedelta(hours=30)
    sums = draw(st.integers(0, 4)) == 0
    return Event(
        id=f"{'sum' if sums else 'call'}-{draw(st.integers(0, 99))}",
        user=draw(st.sampled_from(NAMES)),
        time=start + timedelta(minutes=draw(st.integers(0, 60 * 60))),
        project=draw(st.sampled_from(("checkout", "checkout", "other", ""))),
        model=draw(st.sampled_from(("a", "b"))),
        prompt_tokens=draw(st.integers(0, 50)),
        failed=draw(st.booleans()) and not sums,
        bucket=sums,
        calls=3 if sums else 1,
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(tellings(), max_size=25, unique_by=lambda event: (event.id, event.user)),
    st.lists(tellings(), max_size=6, unique_by=lambda event: (event.id, event.user)),
    st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES), st.sampled_from(ZONES)),
)
def test_the_board_is_right_after_every_slice_and_as_if_it_had_always_been_so(
    small_slices, before, later, zones
):
    def start(zone):
        empty_tables()
        projects.create("checkout", zone, NOW)
        for name in NAMES:
            accounts.create_user(name, NOW)
        merging.merge("vm", "vera", NOW)

    arriving = iter(later)
    start(zones[0])
    record(before, "UTC", NOW)
    for zone in zones[1:]:
        rezoning.begin(project(), zone)
        for _ in range(2):
            rezoning.advance(project())
            assert verify() == []
            if event := next(arriving, None):
                record([event], "UTC", NOW)
                assert verify() == []
    finish()
    rest = list(arriving)
    record(rest, "UTC", NOW)
    assert misplaced() == []
    moved = daily_rows()
    rebuild()
    assert daily_rows() == moved

    start(zones[2])
    record(before, "UTC", NOW)
    for event in later[: len(later) - len(rest)]:
        record([event], "UTC", NOW)
    record(rest, "UTC", NOW)
    assert daily_rows() == moved


def test_the_days_of_earlier_usage_follow_the_new_zone(make_project):
    make_project("checkout")
    record([call(1), call(2, project="other")], "UTC", NOW)

    assert rezoning.begin(project(), "Asia/Tokyo")
    assert (project().timezone, project().rezone_after) == ("Asia/Tokyo", 0)
    assert rezoning.progress(project()) == (0, 1)
    assert finish() == [(1, 1)]

    days = {key[0]: key[1].day for key in daily_rows()}
    assert days == {"checkout": 21, "other": 20}


def test_new_usage_is_in_the_new_zone_at_once(make_project):
    make_project("checkout")
    rezoning.begin(project(), "Asia/Tokyo")

    record([call(1)], "UTC", NOW)

    assert misplaced() == []


def test_interrupted_it_goes_on_where_it_stopped(make_project, small_slices):
    make_project("checkout")
    names = ["a", "b", "c", "d", "e"]
    record([call(n, name) for n, name in enumerate(names)], "UTC", NOW)
    rezoning.begin(project(), "Asia/Tokyo")

    assert rezoning.advance(project()) == (2, 5)
    assert len(misplaced()) == 3
    assert finish() == [(4, 5), (5, 5)]
    assert misplaced() == []
    assert rezoning.advance(project()) == (5, 5)


def test_one_person_with_many_events_is_done_in_several_slices(make_project, small_slices):
    make_project("checkout")
    hours = [NOW.replace(hour=23) - timedelta(days=n) for n in range(2, 12)]
    record([call(n, time=time) for n, time in enumerate(hours)], "UTC", NOW)
    rezoning.begin(project(), "Asia/Tokyo")

    assert finish() == [(0, 1), (0, 1), (0, 1), (1, 1)]
    assert misplaced() == []


def test_a_call_of_nobody_that_becomes_somebodys_meanwhile_is_on_its_day(make_project, monkeypatch):
    monkeypatch.setattr(rezoning, "PEOPLE_AT_ONCE", 1)
    make_project("checkout")
    for name in ("vera", "max"):
        record([call(1, name)], "UTC", NOW)
    record([call(7, NOBODY)], "UTC", NOW)
    rezoning.begin(project(), "Asia/Tokyo")
    rezoning.advance(project())

    record([call(7, "vera")], "UTC", NOW)
    finish()

    assert misplaced() == []
    assert {event.user.username for event in Stored} == {"vera", "max"}


def test_a_sum_counts_again_where_its_single_calls_left_its_day(make_project):
    make_project("checkout")
    late = NOW.replace(hour=0) - timedelta(days=2)
    record([call(1, time=late), call(2, time=late.replace(hour=9), bucket=True)], "UTC", NOW)
    assert sum(row[0] for row in daily_rows().values()) == 1

    rezoning.begin(project(), "America/New_York")
    finish()

    assert sum(row[0] for row in daily_rows().values()) == 2


def test_a_zone_that_it_is_in_already_changes_nothing(make_project):
    make_project("checkout", "Asia/Tokyo")

    assert not rezoning.begin(project(), "Asia/Tokyo")
    assert project().rezone_after is None


def test_changed_again_midway_it_starts_over(make_project, small_slices):
    make_project("checkout")
    record([call(n, name) for n, name in enumerate("abcde")], "UTC", NOW)
    rezoning.begin(project(), "Asia/Tokyo")
    rezoning.advance(project())

    assert rezoning.begin(project(), "America/New_York")
    assert project().rezone_after == 0
    finish()

    assert misplaced() == []


@ON_ONE_DATABASE
def test_clocks_put_back_across_midnight_leave_every_event_on_its_day(make_project):
    make_project("checkout")
    # Newfoundland, until 2011: at 00:01 it was 23:01 of the day before again.
    midnight = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    minutes = (0, 20, 59, 61, 65, 120)
    times = [midnight + timedelta(minutes=n) for n in minutes]
    rows = [call(n, time=NOW) for n in range(len(times))]
    record(rows, "UTC", NOW)
    for n, time in enumerate(times):
        # As a sender of old files would have had them stored, all on one day.
        which = Stored.event_id == f"call-{n}"
        Stored.update(time=time, day=date(2010, 11, 7)).where(which).execute()
    rebuild()

    rezoning.begin(project(), "America/St_Johns")
    finish()

    assert misplaced() == []
    assert len({event.day for event in Stored}) == 2


@ON_ONE_DATABASE
def test_what_is_no_zone_is_refused(make_project):
    make_project("checkout")

    with pytest.raises(Refused, match="IANA"):
        rezoning.begin(project(), "Mars/Olympus")

    assert Project.get().timezone == "UTC"
