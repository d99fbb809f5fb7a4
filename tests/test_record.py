"""usage/ingest/record.py - every event is counted once, on its day, whole batches or nothing."""

import itertools
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from conftest import NOW, TODAY, empty_tables
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ledger import Ledger, daily_rows, ends, sums
from peewee import OperationalError

import models
from models import DailyUsage, Project, User
from usage import accounts, merging, projects
from usage.counting import COSTS, COUNTERS, DayKey
from usage.ingest import identity
from usage.ingest.event import SOURCES, TEXT_LIMITS, Event, plain_text
from usage.ingest.record import Outcome, record
from usage.leaderboard import standings
from usage.pricing import Rates
from usage.rollups import rebuild, verify
from usage.scope import Scope

ACCEPTED, DUPLICATE, REPLACED, CLOSED = Outcome
NOTHING = dict.fromkeys(COUNTERS, 0)
# A table at rates adds up no recorded costs: those are told on a basis of their own.
TOLD = COUNTERS[: -len(COSTS)]
UNCOSTED = {"unpriced_calls": 1, "unreported_calls": 1}
pytestmark = pytest.mark.usefixtures("app")


def call(number=1, user="vera", **fields):
    """An event of 1000 + 100 tokens at noon today, with some fields changed."""
    fields = {"time": NOW, "prompt_tokens": 1000, "completion_tokens": 100} | fields
    return Event(id=f"call-{number}", user=user, **fields)


def grown(tokens, **fields):
    """A record of one and the same call that has grown to so many tokens."""
    return call(prompt_tokens=tokens, completion_tokens=0, replaces=True, **fields)


def send(*events, timezone="UTC"):
    """Record events as one batch; what became of them."""
    return record(events, timezone, NOW)


def counted():
    """The counters of all daily rows together."""
    rows = daily_rows().values()
    return dict(zip(COUNTERS, map(sum, zip(*(row[:-2] for row in rows), strict=True)), strict=True))


def everything():
    """All rows of all tables."""
    return {table: sorted(map(repr, table.select().tuples())) for table in models.TABLES}


def hours_ago(hours):
    return NOW - timedelta(hours=hours)


def assert_counted_as(ledger):
    """The daily rows are what the ledger says, and what their events say."""
    assert daily_rows() == ledger.days()
    assert verify() == []


def assert_counts_once(*events, **ledger):
    """The daily rows are those of these events, taken one by one."""
    due = Ledger(**ledger)
    due.take(events)
    assert_counted_as(due)


def test_a_new_event_is_accepted_and_counted_on_its_day():
    event = call(
        project="atlas",
        source="ide",
        provider="openai",
        model="gpt-4.1",
        test_type="Unit Tests",
        cache_read_tokens=300,
        cache_write_tokens=20,
        reasoning_tokens=64,
        cost_usd=Decimal("0.0031"),
    )

    assert send(event) == [ACCEPTED]

    key = ("atlas", TODAY, "vera", "ide", "openai", "gpt-4.1", "Unit Tests")
    costs = (0, 1, 3_100_000, 0)
    assert daily_rows() == {key: (1, 0, 0, 1000, 100, 300, 20, 64, *costs, NOW, NOW)}
    assert verify() == []
    assert models.Event.get().cost_nanodollars == 3_100_000


def test_no_events_are_no_work():
    assert send() == []
    assert not any(everything().values())


def test_the_same_event_again_is_a_duplicate():
    assert send(call(1), call(2), call(1)) == [ACCEPTED, ACCEPTED, DUPLICATE]
    assert send(call(2), call(3), call(3)) == [DUPLICATE, ACCEPTED, DUPLICATE]

    assert_counts_once(call(1), call(2), call(3))


@pytest.mark.parametrize("together", [True, False])
def test_the_first_telling_of_a_call_stays(together):
    said = {"project": "atlas", "source": "ide", "provider": "openai", "model": "o3"}
    first = call(**said, test_type="Unit Tests")
    other = call(prompt_tokens=5000, model="gpt-4.1", source="cli", time=hours_ago(30))

    if together:
        assert send(first, other) == [ACCEPTED, DUPLICATE]
    else:
        assert send(first) + send(other) == [ACCEPTED, DUPLICATE]

    assert_counts_once(first)


def test_the_same_id_of_another_user_is_another_call():
    assert send(call(user="vera"), call(user="max")) == [ACCEPTED] * 2
    assert send(call(user="otto"), call(user="max")) == [ACCEPTED, DUPLICATE]

    assert counted()["calls"] == 3


def test_a_merged_name_is_the_person_it_stands_for():
    send(call(user="v.m@example.com"), call(2, user="vera"))
    merging.merge("v.m@example.com", "vera", NOW)

    assert send(call(user="vera"), call(2, user="V.M@Example.com"), call(3, user="vera")) == [
        DUPLICATE,
        DUPLICATE,
        ACCEPTED,
    ]
    assert send(call(3, user="v.m@example.com", prompt_tokens=2000)) == [REPLACED]

    assert counted()["calls"] == 3
    assert counted()["prompt_tokens"] == 4000
    assert verify() == []


def test_what_events_say_of_a_person_fills_blanks_and_changes_nothing():
    send(call(1), call(2, display_name="V. Molnár"), call(3, display_name="Vera"))
    send(call(2, display_name="Vera Molnár", email="vera@example.com"), call(3))
    send(call(2, email="late@example.com"))

    (vera,) = User.select()
    assert (vera.display_name, vera.email) == ("V. Molnár", "vera@example.com")


def test_a_replaced_record_stays_what_and_whom_it_was_for():
    send(grown(100, project="atlas", model="o3"))
    assert send(grown(200, project="borneo", model="o3")) == [DUPLICATE]
    assert send(grown(300, source="ide", model="gpt-4.1")) == [REPLACED]

    (key,) = daily_rows()
    assert (key[0], key[3], key[5]) == ("atlas", "ide", "o3")
    assert counted()["prompt_tokens"] == 300


def test_unknown_usage_becomes_known_whatever_project_is_said():
    send(call(usage_known=False, prompt_tokens=0, completion_tokens=0, project="atlas"))

    assert send(call(project="borneo")) == [REPLACED]
    assert [(key[0], row[0]) for key, row in daily_rows().items()] == [("atlas", 1)]


def test_spellings_of_a_project_are_one_project_in_its_own_zone(make_project):
    make_project("Check Out", "Pacific/Kiritimati")

    send(
        call(1, project="check-out"),
        call(2, project="CHECK  OUT!"),
        call(3, project="new", time=hours_ago(12.5)),
        timezone="Pacific/Pago_Pago",
    )
    send(call(4, project="new", time=hours_ago(12.5)))

    zones = dict(Project.select(Project.slug, Project.timezone).tuples())
    assert zones == {"check-out": "Pacific/Kiritimati", "new": "Pacific/Pago_Pago"}
    days = sorted((key[0], key[1].isoformat(), row[0]) for key, row in daily_rows().items())
    assert days == [("check-out", "2026-11-23", 2), ("new", "2026-11-21", 2)]


LONG = st.text(max_size=TEXT_LIMITS["project"]).map(lambda text: plain_text(text, "project", 200))


@given(LONG.filter(bool))
@example("ß" * 60)
@example("ŉ" * 100)
@example("All!")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_slug_is_a_name_of_its_project(name):
    text = identity.slug(name)

    assert identity.slug(Event(id="x", time=NOW, user="vera", project=text).project) == text


def test_a_request_may_bring_so_many_new_projects(make_project):
    make_project("Known", "UTC")
    names = [f"project {n}" for n in range(identity.MOST_NEW_PROJECTS)]

    assert identity.surplus_projects(["", "known", *names, "PROJECT 0!"]) == set()
    assert identity.surplus_projects([*names, "new", "Known", "NEW "]) == {"new", "NEW "}


def test_failed_calls_and_calls_of_unknown_usage_are_counted_apart():
    send(
        call(1),
        call(2, failed=True),
        call(3, failed=True, usage_known=False),
        call(4, usage_known=False, prompt_tokens=0, completion_tokens=0),
    )

    found = counted()
    assert [found[name] for name in COUNTERS[:5]] == [1, 2, 1, 1000, 100]
    assert verify() == []


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations((100, 200, 300))))
def test_the_largest_of_growing_records_counts_in_any_order(order, together):
    tellings = {
        100: grown(100, time=hours_ago(50), source="ide"),
        200: grown(200, time=hours_ago(30), source="ide", model="gpt-4.1"),
        300: grown(300, project="atlas"),
    }
    events = [tellings[size] for size in order]

    outcomes = send(*events) if together else [send(event)[0] for event in events]

    # The last one may have nothing to add.
    assert outcomes[0] == ACCEPTED
    assert {*outcomes[1:]} <= ({DUPLICATE} if together else {DUPLICATE, REPLACED})
    assert counted() == NOTHING | {"calls": 1, "prompt_tokens": 300} | UNCOSTED
    assert_counts_once(*events)


def test_a_record_that_has_not_grown_changes_nothing():
    send(grown(100, model="o3"))
    before = everything()

    assert send(grown(100, model="gpt-4.1"), grown(99), grown(100)) == [DUPLICATE] * 3
    assert send(call(prompt_tokens=500)) == [DUPLICATE]

    assert everything() == before


def test_a_grown_record_changes_its_day_by_the_difference():
    others = [call(2, time=hours_ago(3)), call(3, time=hours_ago(1))]
    send(grown(100, time=hours_ago(2), cost_usd=Decimal(1)), *others)

    larger = grown(250, time=hours_ago(2), cost_usd=Decimal(2))
    assert send(larger, call(2)) == [REPLACED, DUPLICATE]

    assert_counts_once(larger, *others)
    assert models.Event.get(event_id="call-1").cost_nanodollars == 2 * 10**9


@pytest.mark.parametrize("moved", [-9, 9])
@pytest.mark.parametrize(
    "elsewhere",
    [
        {},
        {"time": hours_ago(100)},
        {"source": "cli"},
        {"model": "o3"},
        {"project": "atlas"},
        {"provider": "x", "test_type": "y"},
    ],
    ids=str,
)
def test_a_moment_that_a_replaced_record_held_is_given_up(elsewhere, moved):
    neighbours = [call(2, time=hours_ago(3)), call(3, time=hours_ago(4))]
    first = grown(100, time=hours_ago(3.5 + moved))
    send(first, *neighbours)

    larger = grown(200, **{"time": hours_ago(3.5)} | elsewhere)
    assert send(larger) == [REPLACED]

    assert_counts_once(first, larger, *neighbours)


def test_a_day_that_loses_its_only_call_is_gone():
    send(grown(100, time=hours_ago(48)))

    send(grown(200, project="atlas"))

    assert [key[:2] for key in daily_rows()] == [("atlas", TODAY)]


@pytest.mark.parametrize("before", [{"failed": True}, {"usage_known": False}], ids=str)
def test_a_call_whose_usage_arrives_later_counts_from_then_on(before):
    send(grown(0, **before))
    assert counted()["calls"] == 0

    assert send(grown(70)) == [REPLACED]

    assert counted() == NOTHING | {"calls": 1, "prompt_tokens": 70} | UNCOSTED


def test_a_batch_counts_like_its_events_one_by_one():
    events = [call(), call(prompt_tokens=5000), grown(2000)]

    send(events[0])
    send(*events[1:])

    assert_counts_once(*events)


@pytest.mark.parametrize("size", [1, 99, 100, 101, 499, 500, 501, 5000])
def test_a_batch_of_any_size_adds_up(size):
    events = [
        call(n, model=f"m{n}", user=f"user-{n % 700}", prompt_tokens=n, completion_tokens=n % 7)
        for n in range(size)
    ]
    extras = [call(n, model="other", user=f"user-{n % 700}") for n in range(0, size, 10)]

    outcomes = send(*events, *extras)

    assert outcomes == [ACCEPTED] * size + [DUPLICATE] * len(extras)
    assert DailyUsage.select().count() == size
    assert_counts_once(*events)
    assert set(send(*events)) == {DUPLICATE}
    assert_counts_once(*events)


def test_a_batch_may_hold_nothing_but_new_names():
    events = [call(n, user=f"name-{n}") for n in range(14_000)]

    assert set(send(*events)) == {ACCEPTED}
    assert counted()["calls"] == 14_000


def trip(monkeypatch, number):
    """Let the database fail at its n-th statement or commit from now on."""
    steps = itertools.count(1)

    def failing(act):
        def step(*args, **kwargs):
            if next(steps) == number:
                raise OperationalError("the database went away")
            return act(*args, **kwargs)

        return step

    for name in ("execute_sql", "commit"):
        monkeypatch.setattr(models.db.obj, name, failing(getattr(models.db.obj, name)))


def test_whatever_statement_fails_nothing_of_the_batch_is_kept(monkeypatch):
    first = [grown(100, time=hours_ago(30)), call(2), call(5, user="unassigned")]
    second = [
        grown(200),
        call(2),
        call(3, project="atlas", display_name="Vera"),
        call(4, user="max", email="max@example.com"),
        call(5, user="max"),
    ]
    send(*first)
    before = everything()

    for number in itertools.count(1):
        with monkeypatch.context() as tripping:
            trip(tripping, number)
            try:
                outcomes = send(*second)
                break
            except OperationalError:
                pass
        assert everything() == before, number

    assert number > 15
    assert outcomes == [REPLACED, DUPLICATE, ACCEPTED, ACCEPTED, REPLACED]
    assert_counts_once(*first[:2], *second)


@pytest.fixture
def week():
    """A week of calls of two people, and the ledger of it."""
    ledger = Ledger()
    events = [
        call(n, user="vera" if n % 3 else "max", time=hours_ago(8 * n), failed=n % 5 == 0)
        for n in range(20)
    ]
    ledger.take(events)
    send(*events)
    return ledger


def days_that_differ():
    """What verify() finds, without the weeks: they differ from days that were tampered with."""
    return [key for key in verify() if isinstance(key, DayKey)]


def test_rebuilding_changes_nothing_that_is_right(week):
    assert rebuild() == len(week.days())

    assert_counted_as(week)


@pytest.mark.parametrize("name", [*COUNTERS, "first_time", "last_time"])
def test_verify_finds_a_row_that_was_tampered_with(week, name):
    row = DailyUsage.select().order_by(DailyUsage.day, DailyUsage.user).first()
    value = getattr(row, name)
    value += timedelta(microseconds=1) if name.endswith("_time") else 1
    mine = (DailyUsage.day == row.day) & (DailyUsage.user == row.user_id)
    assert DailyUsage.update({name: value}).where(mine).execute() == 1

    assert days_that_differ() == [DayKey(0, row.day, row.user_id, "", "", "", "")]

    rebuild()
    assert_counted_as(week)


def test_verify_finds_a_missing_and_a_surplus_row(week):
    vera = User.get(username="vera").id
    missing = DayKey(0, TODAY, vera, "", "", "", "")
    surplus = missing._replace(day=date(2026, 1, 1))
    moved = DailyUsage.update(day=surplus.day).where(
        DailyUsage.day == TODAY, DailyUsage.user == vera
    )
    assert moved.execute() == 1

    assert days_that_differ() == [surplus, missing]

    rebuild()
    assert_counted_as(week)


def test_verify_finds_an_event_that_was_never_counted(week):
    models.Event.update(prompt_tokens=7).where(models.Event.event_id == "call-1").execute()

    assert [key.day for key in verify()] == [TODAY]


HOME = "Asia/Kolkata"
NAMES = ("vera", "max", "m@example.com", "zoé")
pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))
ZONES = {"": HOME, "east": "Pacific/Kiritimati", "west": "Pacific/Pago_Pago", "new": HOME}
RATES = Rates(Decimal(3), Decimal(15))
QUESTIONS = (
    {},
    {"days": "1"},
    {"project": "east", "days": "7"},
    {"project": "west"},
    {"project": "unassigned"},
    {"source": "cli", "days": "3660"},
    {"project": "west", "source": "unassigned", "days": "2"},
)
few = st.integers(0, 40)


@st.composite
def batches(draw):
    """Some events as one road brings them; only some roads bring records that grow."""
    growing = draw(st.booleans())
    return [draw(events(growing)) for _ in range(draw(st.integers(1, 8)))]


@st.composite
def events(draw, growing):
    fresh, read, write, spoken, reasoning = (draw(few) for _ in range(5))
    return Event(
        id=draw(st.sampled_from("abcd")),
        time=NOW - timedelta(minutes=draw(st.integers(0, 40 * 24 * 60))),
        user=draw(st.sampled_from(NAMES)),
        project=draw(st.sampled_from(sorted(ZONES))),
        source=draw(st.sampled_from(["", *SOURCES[:2]])),
        provider=draw(st.sampled_from(["", "openai"])),
        model=draw(st.sampled_from(["", "o3"])),
        test_type=draw(st.sampled_from(["", "Unit Tests"])),
        prompt_tokens=fresh + read + write,
        completion_tokens=spoken + reasoning,
        cache_read_tokens=read,
        cache_write_tokens=write,
        reasoning_tokens=reasoning,
        failed=draw(st.integers(0, 4)) == 0,
        usage_known=draw(st.integers(0, 4)) != 0,
        replaces=growing,
    )


@pytest.fixture
def start_over():
    """Empties the tables; makes two projects far apart and people to be."""

    def start():
        empty_tables()
        projects.create("east", ZONES["east"], NOW)
        projects.create("west", ZONES["west"], NOW)
        for name in NAMES:
            accounts.create_user(name, NOW)
        return Ledger(ZONES)

    return start


def merge_or_part(ledger, name, into):
    """Part a name that is merged; merge any other that may be."""
    if name in ledger.into:
        merging.part(name)
        ledger.part(name)
    elif ledger.person(into) != name:
        merging.merge(name, into, NOW)
        ledger.merge(name, into)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.one_of(batches(), pairs), min_size=1, max_size=8))
def test_any_events_merges_and_partings_count_as_in_a_plain_dict(start_over, steps):
    ledger = start_over()
    for step in steps:
        if isinstance(step, list):
            new = [outcome is ACCEPTED for outcome in record(step, HOME, NOW)]
            assert new == ledger.take(step)
        else:
            merge_or_part(ledger, *step)
        assert_counted_as(ledger)
        for args in QUESTIONS:
            assert standings_of(args) == recounted(ledger, **args)
    rebuild()
    assert_counted_as(ledger)


def standings_of(args):
    """What the leaderboard answers: its rows, and the totals of the scope."""
    admin = User(role=accounts.SUPER_ADMIN)
    scope = Scope.from_args(args, accounts.horizon(admin, RATES, HOME, NOW))
    rows, totals = standings(scope)
    named = [(row.rank, row.username, *(getattr(row, name) for name in TOLD)) for row in rows]
    return named, tuple(getattr(totals, name) for name in TOLD), totals.as_of


def recounted(ledger, project=None, source=None, days="30"):
    """The same, by going through every event that is kept."""
    slug = {"unassigned": ""}.get(project, project)
    today = NOW.astimezone(ZoneInfo(ZONES[slug or ""])).date()
    kept = [
        event
        for event in ledger.counted
        if 0 <= (today - ledger.day(event)).days < int(days)
        and (project is None or event.project == slug)
        and (source is None or event.source == {"unassigned": ""}.get(source, source))
    ]
    found = {ledger.person(event.user) for event in kept}
    rows = [(name, sums([e for e in kept if ledger.person(e.user) == name])) for name in found]
    rows = [row for row in rows if row[1][0] or sum(row[1][3:5])]
    rows.sort(key=lambda row: (*activity(row), row[0]))
    ranks = [1 + sum(activity(other) < activity(row) for other in rows) for row in rows]
    named = [
        (rank, name, *counts[: len(TOLD)]) for rank, (name, counts) in zip(ranks, rows, strict=True)
    ]
    return named, sums(kept)[: len(TOLD)], ends(kept)[1] if kept else None


def activity(row):
    """Calls, then tokens, then cost, most first."""
    calls, (prompt, completion) = row[1][0], row[1][3:5]
    return -calls, -prompt - completion, -3 * prompt - 15 * completion
