"""usage/weekly.py - the weekly rows are the daily ones, added up."""

import re
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest
from conftest import NOW, ON_ONE_DATABASE, ROOT, empty_tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playhouse.migrations import Runner

import models
from models import DailyUsage, User, WeeklyUsage
from usage import accounts, projects, rezoning, rollups, tally_query
from usage.counting import COUNTERS
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.pricing import Rates
from usage.rows import by_user
from usage.scope import Scope
from usage.weekly import WeekKey

pytestmark = pytest.mark.usefixtures("app")
# A Sunday, like every NOW of the tests: its week is over with it.
TODAY = NOW.date()
MONDAY = TODAY - timedelta(days=6)


def call(number, days_ago=0, user="vera", **fields):
    fields = {"prompt_tokens": 100, "completion_tokens": 10} | fields
    return Event(id=f"call-{number}", user=user, time=NOW - timedelta(days=days_ago), **fields)


def send(*events):
    return record(events, "UTC", NOW)


def weeks():
    """Calls and prompt tokens by the week's Monday."""
    rows = WeeklyUsage.select(WeeklyUsage.week, WeeklyUsage.calls, WeeklyUsage.prompt_tokens)
    return {week: (calls, tokens) for week, calls, tokens in rows.tuples()}


def rezone(timezone):
    project = projects.find("checkout")
    rezoning.begin(project, timezone)
    while projects.find("checkout").rezone_after is not None:
        rezoning.advance(project)


def scope_of(args, now=NOW):
    admin = User(role=accounts.SUPER_ADMIN)
    horizon = accounts.horizon(admin, Rates(Decimal(3), Decimal(15)), "UTC", now)
    return Scope.from_args(args, horizon)


def read(scope):
    """The rows of a scope by user."""
    text, values = tally_query.query(scope, 0, as_floats=False).sql()
    return by_user(models.db.execute_sql(text, values).fetchall())


def test_the_days_from_monday_to_sunday_are_one_week():
    send(call(1), call(2, 6), call(3, 7), call(4, 13), call(5, 14))

    before = [MONDAY - timedelta(weeks=n) for n in (1, 2)]
    assert weeks() == {MONDAY: (2, 200), before[0]: (2, 200), before[1]: (1, 100)}


def test_providers_models_and_test_types_are_one_row_and_sources_and_projects_are_not():
    send(
        call(1, model="gpt-5"),
        call(2, model="o3", provider="openai", test_type="UI Tests"),
        call(3, source="cli"),
        call(4, source="cli", project="checkout"),
    )

    assert sorted(row.calls for row in WeeklyUsage) == [1, 1, 2]


def test_calls_that_move_to_another_week_are_taken_out_of_the_first_with_their_times():
    early = [call(n, 6.4, project="checkout") for n in (1, 2)]
    send(*early, call(3, 3, "max", project="checkout"), call(4, 6.4, "max", project="checkout"))
    assert {row.week for row in WeeklyUsage} == {MONDAY}

    rezone("America/New_York")

    found = {(row.user.username, row.week): (row.calls, row.last_time) for row in WeeklyUsage}
    before = MONDAY - timedelta(weeks=1)
    assert found == {
        ("vera", before): (2, early[0].time),
        ("max", before): (1, early[0].time),
        ("max", MONDAY): (1, NOW - timedelta(days=3)),
    }


def test_a_week_keeps_the_time_of_its_newest_call_whichever_comes_first():
    send(call(1, 1))
    send(call(2, 3))

    assert [row.last_time for row in WeeklyUsage] == [NOW - timedelta(days=1)]


@pytest.mark.parametrize("later", [[], [call(3)]])
def test_this_week_is_told_by_its_days_once_there_is_usage_after_today(later):
    send(call(1, 3), call(2, 4), *later)
    # As somebody sees it on Thursday, while it is Sunday already for a project in another zone.
    scope = scope_of({"days": "18"}, NOW - timedelta(days=3))

    assert [row[0] for row in read(scope).values()] == [2]
    text, _ = tally_query.query(scope, 0, as_floats=False).sql()
    assert text.count('"daily_usage"') == len(later)


@pytest.mark.parametrize("filters", [{"project": "checkout"}, {"source": "cli"}])
def test_the_weeks_of_other_projects_and_sources_are_left_out(filters):
    send(call(1, project="checkout", source="cli"), call(2, user="max", project="atlas"))

    vera = User.get(username="vera").id
    assert read(scope_of(filters)).keys() == {vera}


@pytest.mark.parametrize("name", [*COUNTERS, "last_time"])
def test_verify_finds_a_weekly_row_that_was_tampered_with_and_rebuild_mends_it(name):
    send(call(1), call(2, user="max"))
    vera = User.get(username="vera").id
    field = getattr(WeeklyUsage, name)
    WeeklyUsage.update({name: field + 1}).where(WeeklyUsage.user == vera).execute()

    assert rollups.verify() == [WeekKey(vera, MONDAY, 0, "")]

    rollups.rebuild()
    assert rollups.verify() == []


def test_verify_finds_a_missing_and_a_surplus_weekly_row(run):
    send(call(1))
    vera = User.get(username="vera").id
    WeeklyUsage.update(week=MONDAY - timedelta(weeks=1)).execute()

    code, out, _ = run("verify")

    assert (code, out.splitlines()) == (
        1,
        [
            f"Week differs: {vera}, {MONDAY - timedelta(weeks=1)}, -, -",
            f"Week differs: {vera}, {MONDAY}, -, -",
            "2 weekly rows differ from the daily ones.",
            "0 daily rows differ from the events.",
        ],
    )


EVENTS = st.builds(
    call,
    st.integers(0, 30),
    st.integers(0, 40),
    st.sampled_from(["vera", "max", "ines"]),
    project=st.sampled_from(["", "checkout", "atlas"]),
    source=st.sampled_from(["", "cli", "ide"]),
    model=st.sampled_from(["gpt-5", "o3"]),
    failed=st.booleans(),
    replaces=st.booleans(),
    prompt_tokens=st.integers(0, 3).map(lambda n: 500 * n),
)
BATCHES = st.lists(st.lists(EVENTS, min_size=1, max_size=8), min_size=1, max_size=4)
WINDOWS = st.lists(st.integers(0, 41), min_size=2, max_size=2).map(sorted)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    BATCHES,
    WINDOWS,
    st.booleans(),
    st.sampled_from(["", "checkout"]),
    st.sampled_from(["all", "cli"]),
)
def test_any_window_comes_to_the_same_by_weeks_as_by_days(
    batches, window, is_present, project, source
):
    empty_tables()
    send(call(0, project="checkout"))
    for batch in batches:
        send(*batch)
    first, last = (TODAY - timedelta(days=ago) for ago in reversed(window))
    asked = {"from": str(first), "to": str(last), "source": source, "cost": "list"}
    now = NOW - timedelta(days=window[0]) if is_present else NOW
    scope = scope_of(asked | ({"project": project} if project else {}), now)

    rows = read(scope)

    due = defaultdict(lambda: [0] * len(COUNTERS))
    for row in DailyUsage:
        inside = first <= row.day <= last and source in ("all", row.source)
        if inside and (not project or row.project_id == scope.project.id):
            for place, name in enumerate(COUNTERS):
                due[row.user_id][place] += getattr(row, name)
    assert {user: list(row[: len(COUNTERS)]) for user, row in rows.items()} == due
    assert rollups.verify() == []


@pytest.mark.parametrize(
    ("args", "on_sqlite", "on_postgresql"),
    [
        ({"days": "7"}, "(user_id=? AND week>? AND week<?)", "weeklyusage_week"),
        ({"days": "20"}, "(user_id=? AND week>? AND week<?)", "weeklyusage_week"),
        (
            {"from": "2026-10-01", "to": "2026-10-31"},
            "(user_id=? AND week>? AND week<?)",
            "weeklyusage_week",
        ),
        (
            {"days": "365", "project": "small"},
            "weeklyusage_project_id_week",
            "weeklyusage_project_id_week",
        ),
    ],
)
def test_only_the_rows_of_a_scope_are_read(args, on_sqlite, on_postgresql):
    empty_tables(without_traces=True)
    send(
        *(call(n, n, f"user-{n % 50}", project="large" if n % 100 else "small") for n in range(400))
    )
    models.db.execute_sql("ANALYZE")
    text, values = tally_query.query(scope_of(args), 0, as_floats=False).sql()

    with models.db.atomic():
        if models.db.for_update:
            models.db.execute_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN" if models.db.for_update else "EXPLAIN QUERY PLAN"
        plan = str(models.db.execute_sql(f"{explain} {text}", values).fetchall())

    assert (on_postgresql if models.db.for_update else on_sqlite) in plan
    assert not re.search(r"SCAN t\d|Seq Scan", plan)


@ON_ONE_DATABASE
def test_weeks_that_lose_calls_are_added_up_from_their_own_days(monkeypatch):
    send(*(call(n, n + 0.4, f"user-{n % 50}", project="checkout") for n in range(200)))
    models.db.execute_sql("ANALYZE")
    plans, execute = [], models.db.obj.execute_sql

    def explained(text, *values):
        if text.startswith('INSERT INTO "weekly_usage"') and "SELECT" in text:
            plans.append(str(execute(f"EXPLAIN QUERY PLAN {text}", *values).fetchall()))
        return execute(text, *values)

    monkeypatch.setattr(models.db.obj, "execute_sql", explained)
    rezone("America/New_York")

    assert plans
    assert [plan for plan in plans if "(user_id=? AND day>? AND day<?)" not in plan] == []


def test_a_board_with_history_gets_the_weeks_of_its_days(tmp_path):
    before = models.db.obj
    database = models.connect(f"sqlite:///{tmp_path}/old.db")
    models.db.initialize(database)
    runner = Runner(database, str(ROOT / "migrations"))
    runner.up("0014_weeks")
    send(*(call(n, n * 5, source="cli" if n % 2 else "ide") for n in range(9)))
    due = sorted(WeeklyUsage.select().tuples())
    runner.down()
    assert "weekly_usage" not in database.get_tables()

    runner.up()

    assert sorted(WeeklyUsage.select().tuples()) == due
    assert rollups.verify() == []
    database.close_all()
    models.db.initialize(before)
