"""Notices - thresholds and unusual days, each made once, told to whom it may be told alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from conftest import NOW, ON_ONE_DATABASE, TODAY, browser_of, days_ago
from reading import text, totals

import models
from models import Budget, Notice
from usage import accounts, budgets, notices, projects
from usage.pricing import Rates

# 1,000,000 prompt and 100,000 completion tokens at 3.00 and 15.00 per million: $4.50.
CALL = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000}
RATES = Rates(Decimal(3), Decimal(15))
FLOOR = Decimal(10)


@pytest.fixture
def world(make_project, make_usage, ada):
    """Checkout, which max runs and where vera spent $9.00 this month; eve runs Mobile."""
    for slug, admin in (("checkout", "max"), ("mobile", "eve")):
        make_project(slug.title())
        accounts.create_user(admin, NOW)
        accounts.set_role(admin, "project_admin", [slug])
    make_usage("vera", project="checkout", calls=2, display_name="Vera", **CALL)


@pytest.fixture
def browse(app, world):
    """The browser of a person by name."""
    return lambda name: browser_of(app, accounts.person(name))


def budget(amount, *thresholds, project="checkout", user="", basis="rates"):
    """Set the budget of a project or a person."""
    everything = accounts.everything(RATES, "UTC", NOW, as_super_admin=True)
    about = budgets.subject(everything, "" if user else project, user)
    budgets.set_budget(about, amount, basis, [str(one) for one in thresholds], NOW)


def look(now=NOW):
    """Look for notices; the keys of those that are new."""
    everything = accounts.everything(RATES, "UTC", now, as_super_admin=True)
    made = [notices.make(one, now) for one in list(notices.candidates(everything, FLOOR))]
    return [one.key for one in made if one]


def weekdays(make_usage, count, calls, before=TODAY, user="vera", **fields):
    """Usage on so many weekdays before a day."""
    day = before
    while count:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            make_usage(user, day=day, calls=calls, **CALL, **fields)
            count -= 1


def test_a_threshold_gives_notice_once_a_month(world, make_usage):
    budget("18", 50, 80, 100)

    assert look() == ["budget:1:0:2026-11:50"]
    assert look() == []
    make_usage("vera", project="checkout", calls=2, **CALL)
    assert look() == ["budget:1:0:2026-11:100"]
    assert look() == []
    december = datetime(2026, 12, 1, 12, tzinfo=UTC)
    with time_machine.travel(december, tick=False):
        make_usage("vera", project="checkout", day=december.date(), calls=2, **CALL)
        assert look(december) == ["budget:1:0:2026-12:50"]


def test_below_the_threshold_and_without_one_nothing_is_said(world):
    budget("18.01", 50)
    budget("1", project="mobile")

    assert look() == []


def test_set_anew_in_the_same_month_a_budget_does_not_repeat_itself(world):
    budget("9", 100)
    assert len(look()) == 1

    Budget.delete().execute()
    budget("9", 100)

    assert look() == []


def test_two_processes_at_once_make_one(app, world):
    budget("9", 100)
    everything = accounts.everything(RATES, "UTC", NOW, as_super_admin=True)
    (one,) = notices.candidates(everything, FLOOR)

    def make(_number):
        try:
            return notices.make(one, NOW)
        finally:
            models.db.close()

    with ThreadPoolExecutor(4) as pool:
        made = [notice for notice in pool.map(make, range(8)) if notice]

    assert len(made) == 1
    assert Notice.select().count() == 1


def test_a_day_far_above_the_usual_gives_notice_once(world, make_usage):
    weekdays(make_usage, 14, 1, project="mobile")
    make_usage("vera", project="mobile", calls=4, **CALL)

    assert look() == ["unusual day:2:2026-11-22"]
    assert look() == []
    (notice,) = Notice.select()
    assert (Decimal(notice.value), Decimal(notice.against)) == (Decimal("18.00"), Decimal("4.50"))


@pytest.mark.parametrize(
    ("used", "usual", "calls", "unusual"),
    [
        (14, 1, 4, True),
        (14, 1, 3, False),
        (7, 1, 3, True),
        (6, 1, 9, False),
        (14, 3, 9, False),
        (14, 3, 10, True),
    ],
    ids=[
        "four times the usual",
        "three times is not more than three times",
        "half the weekdays had usage: the median is half a day's",
        "too few days to know the usual",
        "three times of more",
        "more than that",
    ],
)
@ON_ONE_DATABASE
def test_the_rule_is_three_times_the_median_of_fourteen_weekdays(
    world, make_usage, used, usual, calls, unusual
):
    weekdays(make_usage, used, usual, before=days_ago(1), project="mobile")
    make_usage("vera", project="mobile", day=days_ago(1), calls=calls, **CALL)

    assert (look() == ["unusual day:2:2026-11-21"]) is unusual


@ON_ONE_DATABASE
def test_a_day_below_the_floor_is_never_unusual(world, make_usage):
    small = {"prompt_tokens": 1000, "completion_tokens": 100}
    for number in range(1, 21):
        make_usage("vera", project="mobile", day=days_ago(number), **small)
    make_usage("vera", project="mobile", calls=50, **small)

    assert look() == []


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("basis", "unusual"), [(None, []), ("list", []), ("reported", ["unusual day:1:2026-11-22"])]
)
def test_a_day_is_unusual_by_what_the_projects_budget_tells_costs_by(
    world, make_usage, basis, unusual
):
    for ago in (3, 4, 5, 6, 9, 10, 11):
        make_usage("vera", project="checkout", day=days_ago(ago), cost_usd=Decimal(4), **CALL)
    make_usage("vera", project="checkout", cost_usd=Decimal("12.01"), prompt_tokens=1)
    if basis:
        budget("1000", project="checkout", basis=basis)

    assert look() == unusual
    if unusual:
        notice = Notice.get()
        assert (notice.value, notice.against) == ("12.01", "2.00")
        assert "cost=reported" in notice.query


def test_a_weekend_does_not_make_monday_unusual(world, make_usage):
    monday = date(2026, 11, 23)
    weekdays(make_usage, 14, 3, before=monday, project="mobile")
    now = NOW + timedelta(days=1)
    with time_machine.travel(now, tick=False):
        make_usage("vera", project="mobile", day=monday, calls=3, **CALL)

        assert look(now) == []


def test_a_notice_says_what_happened_and_leads_to_the_very_numbers(browse, make_usage):
    budget("10", 80)
    budget("20", 80, user="vera")
    weekdays(make_usage, 14, 1, project="mobile")
    make_usage("vera", project="mobile", calls=4, **CALL)
    look()
    client = browse("ada")

    page = client.get("/notices")

    words = text(page.text)
    assert "Checkout has spent $9.00 of the $10.00 budgeted for November 2026 (90 %)." in words
    assert "Vera has spent $90.00 of the $20.00 budgeted for November 2026 (450 %)." in words
    assert (
        "Mobile spent $18.00 on 22 November 2026, more than 3 times the usual $4.50 "
        "(the median of the 14 weekdays before)." in words
    )
    links = [part.split('"')[0] for part in page.text.split('class="tb-button" href="')[1:]]
    assert len(links) == 3
    projects.set_rates(projects.find("mobile"), "30", "150")
    costs = [client.get(link.replace("&amp;", "&")) for link in links]
    boards = [
        totals(one)["cost"] for one in costs if "Leaderboard" in one.text.split("<h1")[1][:60]
    ]
    assert sorted(boards) == ["18.00", "9.00"]
    assert "$90.00" in "".join(one.text for one in costs if "tb-summary" in one.text)


@ON_ONE_DATABASE
def test_notices_are_told_to_those_who_see_the_board_alone(browse, make_usage):
    budget("9", 100)
    budget("9", 100, user="vera")
    look()

    assert text(browse("max").get("/notices").text).count("has spent") == 2
    assert "Vera has" not in browse("max").get("/notices").text
    assert "has spent" not in browse("eve").get("/notices").text
    own = browse("vera").get("/notices").text
    assert "Vera has spent" in own
    assert "Checkout has" not in own
    make_usage("otto", project="checkout")
    assert "has spent" not in browse("otto").get("/notices").text


@ON_ONE_DATABASE
def test_a_policy_that_came_later_holds_for_earlier_notices(browse):
    budget("9", 100)
    budget("9", 100, user="vera")
    look()
    projects.set_identity(projects.find("checkout"), "hidden", 5, False)

    assert "has spent" not in browse("max").get("/notices").text
    assert "Vera has spent" in browse("ada").get("/notices").text
    projects.set_identity(projects.find("checkout"), "pseudonyms", 0, True)
    told = browse("ada").get("/notices").text
    assert "Vera" not in told
    assert "Checkout has spent" in told


@ON_ONE_DATABASE
def test_where_nobody_is_told_no_notice_is_made(world, make_usage):
    projects.set_identity(projects.find("checkout"), "hidden", 5, True)
    budget("9", 100)
    weekdays(make_usage, 14, 1, project="checkout")
    make_usage("vera", project="checkout", calls=20, **CALL)
    projects.set_identity(projects.find("mobile"), "pseudonyms", 0, True)
    budget("1", 100, user="vera")

    assert look() == []


def test_a_usual_day_of_too_few_people_is_told_to_nobody_who_may_not_see_it(browse, make_usage):
    for name in ("max", "zoe"):
        make_usage(name, project="checkout", calls=20, **CALL)
    weekdays(make_usage, 14, 1, project="checkout")
    projects.set_identity(projects.find("checkout"), "hidden", 3, False)

    assert len(look()) == 1
    sentence = "more than 3 times the usual $4.50"
    assert sentence in text(browse("ada").get("/notices").text)
    assert sentence not in text(browse("max").get("/notices").text)

    for name in ("max", "zoe"):
        weekdays(make_usage, 14, 1, user=name, project="checkout")
    assert sentence in text(browse("max").get("/notices").text)


def test_what_came_in_after_the_last_look_of_a_month_is_told_on_the_first(world, make_usage):
    budget("100", 80)
    assert look(datetime(2026, 11, 30, 7, tzinfo=UTC)) == []
    make_usage("vera", day=date(2026, 11, 30), project="checkout", calls=20, **CALL)

    assert look(datetime(2026, 12, 1, 7, tzinfo=UTC)) == ["budget:1:0:2026-11:80"]
    assert look(datetime(2026, 12, 1, 8, tzinfo=UTC)) == []
    assert look(datetime(2026, 12, 2, 7, tzinfo=UTC)) == []


@ON_ONE_DATABASE
def test_pages_of_notices_are_bounded(browse):
    budget("9", 100)
    look()

    assert "Nothing deserved attention on this page." in browse("ada").get("/notices?page=2").text
    for page in ("0", "000000001" + "9" * 5000):
        assert browse("ada").get(f"/notices?page={page}").status_code == 422
