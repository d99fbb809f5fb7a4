"""usage/window.py - days, zones and "last N days"."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.window import MOST_DAYS, Window, day_of, days_of, last_days, zone

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
APIA, KIRITIMATI, KOLKATA = "Pacific/Apia", "Pacific/Kiritimati", "Asia/Kolkata"
# A switch of the clocks in each: by an hour and by half of one, by a day, and right after midnight.
CLOCKS_CHANGE = {
    BERLIN: datetime(2026, 10, 25, 1, tzinfo=UTC),
    LORD_HOWE: datetime(2026, 4, 4, 15, tzinfo=UTC),
    APIA: datetime(2011, 12, 30, 10, tzinfo=UTC),
    "America/St_Johns": datetime(2010, 11, 7, 2, 31, tzinfo=UTC),
}
ZONES = st.sampled_from(("UTC", BERLIN, NEW_YORK, LORD_HOWE, APIA, KIRITIMATI, KOLKATA))
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "timezone", "day"),
    [
        ("2026-11-22T00:00:00", "UTC", "2026-11-22"),
        ("2026-11-21T23:59:59.999999", "UTC", "2026-11-21"),
        # Berlin is an hour ahead in winter and two in summer.
        ("2026-11-21T22:59:59", BERLIN, "2026-11-21"),
        ("2026-11-21T23:00:00", BERLIN, "2026-11-22"),
        ("2026-07-01T21:59:59", BERLIN, "2026-07-01"),
        ("2026-07-01T22:00:00", BERLIN, "2026-07-02"),
        # The day on which its clocks go forward begins in winter and ends in summer time.
        ("2026-03-28T23:00:00", BERLIN, "2026-03-29"),
        ("2026-03-29T21:59:59", BERLIN, "2026-03-29"),
        ("2026-03-29T22:00:00", BERLIN, "2026-03-30"),
        # And the day on which they go back the other way round.
        ("2026-10-24T22:00:00", BERLIN, "2026-10-25"),
        ("2026-10-25T22:59:59", BERLIN, "2026-10-25"),
        ("2026-10-25T23:00:00", BERLIN, "2026-10-26"),
        ("2026-03-08T04:59:59", NEW_YORK, "2026-03-07"),
        ("2026-03-08T05:00:00", NEW_YORK, "2026-03-08"),
        ("2026-03-09T03:59:59", NEW_YORK, "2026-03-08"),
        ("2026-11-02T04:59:59", NEW_YORK, "2026-11-01"),
        ("2026-11-21T18:29:59", KOLKATA, "2026-11-21"),
        ("2026-11-21T18:30:00", KOLKATA, "2026-11-22"),
        # Samoa went to bed on a Thursday and woke on a Saturday.
        ("2011-12-30T09:59:59", APIA, "2011-12-29"),
        ("2011-12-30T10:00:00", APIA, "2011-12-31"),
        ("2026-11-21T10:00:00", KIRITIMATI, "2026-11-22"),
    ],
)
def test_the_day_of_an_instant_is_the_one_on_the_wall_of_its_zone(instant, timezone, day):
    assert day_of(utc(instant), timezone) == date.fromisoformat(day)


@given(
    st.lists(
        st.tuples(
            st.integers(-40 * 3600, 40 * 3600),
            st.sampled_from((UTC, ZoneInfo(BERLIN), ZoneInfo(NEW_YORK))),
            st.sampled_from((*CLOCKS_CHANGE, "UTC")),
        )
    ),
    st.sampled_from([*CLOCKS_CHANGE.values()]),
)
def test_many_instants_fall_on_the_days_that_each_falls_on(moments, around):
    instants = [(around + timedelta(seconds=late)).astimezone(zone) for late, zone, _ in moments]
    zones = [name for *_, name in moments]
    assert days_of(instants, zones) == list(map(day_of, instants, zones))


def test_a_minute_of_tomorrow_before_clocks_go_back_to_today_is_of_tomorrow():
    instants = [utc(f"2010-11-07T02:{time}") for time in ("29", "30", "31", "29", "30", "32")]
    days = days_of(instants, ["America/St_Johns"] * 6)
    assert [day.day for day in days] == [6, 7, 6, 6, 7, 6]


@given(INSTANTS, ZONES)
def test_the_offset_that_an_instant_is_written_in_does_not_move_its_day(instant, timezone):
    assert day_of(instant.astimezone(ZoneInfo(KIRITIMATI)), timezone) == day_of(instant, timezone)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)]
)
def test_a_day_is_as_long_as_the_clocks_make_it(day, hours):
    start = utc(f"{day}T00:00:00") - timedelta(days=1)
    instants = [start + timedelta(minutes=30 * n) for n in range(4 * 48)]

    inside = [one for one in instants if day_of(one, BERLIN) == date.fromisoformat(day)]

    assert len(inside) == 2 * hours


@pytest.mark.parametrize("days", [1, 2, 7, 30, MOST_DAYS])
def test_last_n_days_are_n_days_and_today_is_one_of_them(days):
    window = last_days(days, utc("2026-11-22T12:00:00"), BERLIN)

    assert window.last == date(2026, 11, 22)
    assert window.length == len(window.days()) == days


def test_today_begins_at_the_midnight_of_the_zone():
    now = utc("2026-11-22T23:30:00")

    assert last_days(1, now, BERLIN).first == date(2026, 11, 23)
    assert last_days(1, now, NEW_YORK).first == date(2026, 11, 22)


@given(st.integers(1, MOST_DAYS), INSTANTS, ZONES)
def test_a_window_counts_every_day_once_and_in_order(days, now, timezone):
    window = last_days(days, now, timezone)

    assert window.last == day_of(now, timezone)
    assert window.days() == sorted(set(window.days()))
    assert len(window.days()) == days


def test_a_window_across_both_switches_of_the_clocks_loses_no_day():
    window = Window(date(2026, 3, 28), date(2026, 10, 26), BERLIN)

    assert window.length == 213
    assert date(2026, 3, 29) in window.days()
    assert date(2026, 10, 25) in window.days()


@pytest.mark.parametrize("name", ["Mars/Base", "", "/etc/passwd", "../UTC", "Europe", "UTC\0", "ü"])
def test_what_is_no_zone_is_named(name):
    with pytest.raises(ValueError, match="must be an IANA name"):
        zone(name)


@given(st.dates(), st.integers(0, 40))
def test_whole_weeks_are_all_the_weeks_of_which_a_window_has_every_day(first, more):
    last = min(first.toordinal() + more, date.max.toordinal())
    days = range(first.toordinal(), last + 1)
    # Ordinals begin with 1, on a Monday.
    due = [day for day in days if (start := (day - 1) // 7 * 7 + 1) in days and start + 6 in days]

    weeks = Window(first, date.fromordinal(last), "UTC").whole_weeks()

    assert [day.toordinal() for day in weeks.days()] == due if weeks else due == []


@given(st.dates(), st.integers(0, 40))
def test_the_last_week_is_whole_where_nothing_comes_after_the_window(first, more):
    last = min(first.toordinal() + more, date.max.toordinal())
    window = Window(first, date.fromordinal(last), "UTC")
    sunday = min((last + 6) // 7 * 7, date.max.toordinal())

    assert window.whole_weeks(is_all=True) == replace(
        window, last=date.fromordinal(sunday)
    ).whole_weeks(is_all=True)
    if more >= 6 and last % 7:
        assert window.whole_weeks(is_all=True).last == date.fromordinal(sunday)


@given(st.dates(), st.integers(0, 40))
def test_the_days_around_the_whole_weeks_of_a_window_are_all_others_of_it(first, more):
    last = min(first.toordinal() + more, date.max.toordinal())
    window = Window(first, date.fromordinal(last), "UTC")
    weeks = window.whole_weeks() or window

    others = [day for days in window.around(weeks) for day in days.days()]

    assert sorted([*others, *weeks.days()]) == window.days()
