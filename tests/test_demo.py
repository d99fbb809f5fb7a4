"""The sample data: believable, complete, and the same every time."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from statistics import mean, median
from zoneinfo import ZoneInfo

import pytest

from usage import demo
from usage.ingest.event import SOURCES, Event

WEDNESDAY = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
INSTANTS = (
    WEDNESDAY,
    datetime(2026, 11, 22, 0, 0, tzinfo=UTC),
    datetime(2026, 4, 6, 5, 15, tzinfo=ZoneInfo("America/New_York")),
    datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
)


@lru_cache
def events_until(now: datetime) -> list[Event]:
    """Everything up to an instant, made once."""
    return list(demo.events(now))


@pytest.fixture
def sample() -> list[Event]:
    """Everything up to a Wednesday afternoon."""
    return events_until(WEDNESDAY)


def answered(events: list[Event], days: int = 30, project: str | None = None) -> Counter[str]:
    """Calls that reached a provider, by user, in the last days."""
    since = WEDNESDAY - timedelta(days=days)
    return Counter(
        event.user
        for event in events
        if event.time > since and not event.failed and project in (None, event.project)
    )


def calls_on(events: list[Event]) -> Counter[date]:
    """Events by UTC day."""
    return Counter(event.time.date() for event in events)


def test_there_are_25_people_and_5_projects_without_a_repeated_name():
    people, projects = demo.people(), demo.projects()

    assert len({person.username for person in people}) == len(people) == 25
    assert len({person.display_name for person in people}) == 25
    assert len({project.slug for project in projects}) == len(projects) == 5


def test_every_address_is_in_a_domain_that_is_nobodys():
    assert all(person.email == f"{person.username}@example.com" for person in demo.people())


def test_names_try_the_page_with_length_accents_and_an_apostrophe():
    names = [person.display_name for person in demo.people()]

    assert any(len(name) > 40 for name in names)
    assert any("'" in name for name in names)
    assert sum(not name.isascii() for name in names) >= 5


def test_projects_report_in_at_least_four_time_zones_that_exist():
    zones = {ZoneInfo(project.timezone).key for project in demo.projects()}

    assert zones >= {"Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"}


@pytest.mark.parametrize("now", INSTANTS, ids=str)
def test_a_load_is_a_few_thousand_calls_ending_at_the_given_instant(now):
    events = events_until(now)

    assert 9_000 <= len(events) <= 12_000
    assert max(event.time for event in events) <= now
    assert min(event.time for event in events) > now - timedelta(days=demo.DAYS + 1)
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert len({event.id for event in events}) == len(events)
    assert all(event.id.startswith("sample-") for event in events)


@pytest.mark.parametrize("now", INSTANTS, ids=str)
def test_only_the_one_who_left_is_missing_from_the_last_30_days(now):
    since = now - timedelta(days=30)
    active = {event.user for event in events_until(now) if event.time > since and not event.failed}

    assert {person.username for person in demo.people()} - active == {"giulia.ferraro"}


def test_the_same_instant_gives_the_same_events(sample):
    assert list(demo.events(WEDNESDAY)) == sample
    assert list(demo.events(WEDNESDAY.astimezone(ZoneInfo("Asia/Kolkata")))) == sample


def test_an_hour_later_there_are_the_same_events_and_an_hour_more(sample):
    later = list(demo.events(WEDNESDAY + timedelta(hours=1)))

    assert later[: len(sample)] == sample
    assert all(event.time > WEDNESDAY for event in later[len(sample) :])
    assert len(later) > len(sample)


def test_loading_again_the_next_day_repeats_what_is_known_and_adds_little_but_that_day(sample):
    known = {event.id: event for event in sample}
    again = list(demo.events(WEDNESDAY + timedelta(days=1)))
    added = [event for event in again if event.id not in known]

    assert all(known.get(event.id, event) == event for event in again)
    assert sum(event.time < WEDNESDAY for event in added) < 0.03 * len(sample)
    assert sum(event.time > WEDNESDAY for event in added) > 50


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="offset"):
        list(demo.events(datetime(2026, 11, 25, 14, 30)))  # noqa: DTZ001


def test_every_event_is_of_a_known_person_and_project(sample):
    people = {(p.username, p.display_name, p.email) for p in demo.people()}

    assert {(e.user, e.display_name, e.email) for e in sample} == people
    assert {e.project for e in sample} == {p.slug for p in demo.projects()} | {""}


def test_every_source_occurs_and_some_events_name_none(sample):
    shares = Counter(event.source for event in sample)

    assert set(shares) == {*SOURCES, ""}
    assert shares[""] < len(sample) * 0.06


def test_a_few_events_name_no_project_or_no_test_type(sample):
    assert 0.005 < mean(event.project == "" for event in sample) < 0.04
    assert 0.02 < mean(event.test_type == "" for event in sample) < 0.12
    assert len({event.test_type for event in sample}) == 6


def test_six_models_of_three_providers_serve_the_calls(sample):
    served = Counter((event.provider, event.model) for event in sample)

    assert len(served) == 6
    assert {provider for provider, _ in served} == {"anthropic", "openai", "google"}
    assert min(served.values()) > 300


def test_two_to_three_calls_in_a_hundred_fail_and_count_no_tokens(sample):
    failed = [event for event in sample if event.failed]

    assert 0.02 < len(failed) / len(sample) < 0.03
    assert all(event.total_tokens == 0 and event.cost_usd is None for event in failed)


def test_a_handful_of_calls_have_unknown_usage(sample):
    unknown = [event for event in sample if not event.usage_known]

    assert 1 <= len(unknown) <= 30
    assert all(event.total_tokens == 0 and not event.failed for event in unknown)


def test_every_other_call_has_prompt_and_completion_tokens(sample):
    counted = [event for event in sample if event.usage_known and not event.failed]

    assert all(event.prompt_tokens > 0 and event.completion_tokens > 0 for event in counted)
    assert max(event.prompt_tokens for event in counted) <= demo.CONTEXT_LIMIT


def test_most_of_the_prompt_comes_from_the_cache(sample):
    prompt = sum(event.prompt_tokens for event in sample)

    assert 0.5 < sum(event.cache_read_tokens for event in sample) / prompt < 0.9


def test_caches_are_written_at_anthropic_and_reasoning_happens_elsewhere(sample):
    writers = {event.provider for event in sample if event.cache_write_tokens}
    thinkers = {event.model for event in sample if event.reasoning_tokens}

    assert writers == {"anthropic"}
    assert thinkers == {"gpt-5", "gemini-2.5-pro", "gemini-2.5-flash"}


def test_calls_have_a_plausible_cost_except_in_an_ide(sample):
    priced = [event for event in sample if event.cost_usd is not None]

    assert {event.source for event in priced} == {"ui", "cli", "api", ""}
    assert all(0 < event.cost_usd < 2 for event in priced)


def test_weekends_are_much_quieter(sample):
    days = calls_on(sample)
    weekend = mean(calls for day, calls in days.items() if day.weekday() >= 5)

    assert weekend < 0.25 * mean(calls for day, calls in days.items() if day.weekday() < 5)


def test_people_work_in_the_daytime_of_their_own_zone(sample):
    kolkata = ZoneInfo("Asia/Kolkata")
    hours = [e.time.astimezone(kolkata).hour for e in sample if e.user == "priya.raghunathan"]

    assert min(hours) >= 8
    assert mean(9 <= hour < 19 for hour in hours) > 0.8


def test_usage_grows_but_for_the_holidays_in_the_middle(sample):
    days = calls_on(sample)

    def week(ago: int) -> int:
        return sum(days[(WEDNESDAY - timedelta(days=ago + n)).date()] for n in range(7))

    assert week(1) > 1.5 * week(112)
    assert week(55) < 0.5 * week(66)
    assert week(55) < 0.5 * week(42)


def test_newcomers_begin_in_the_last_weeks(sample):
    known = {event.user for event in sample if event.time < WEDNESDAY - timedelta(days=21)}
    names = {person.username for person in demo.people()}

    assert names - known == {"rohan.deshpande", "beatriz.figueiredo", "yuki.hasegawa"}


def test_one_heavy_user_leads_with_about_eight_times_the_median(sample):
    calls = answered(sample)

    assert calls.most_common(1)[0][0] == "amara.okafor"
    assert 6 < max(calls.values()) / median(calls.values()) < 11


def test_a_month_costs_hundreds_of_dollars_at_the_top_and_cents_at_the_bottom(sample):
    dollars = Counter()
    for event in sample:
        if event.time > WEDNESDAY - timedelta(days=30):
            tokens = event.prompt_tokens * 3 + event.completion_tokens * 15
            dollars[event.user] += tokens / 1_000_000

    assert 150 < max(dollars.values()) < 500
    assert 0 < min(dollars.values()) < 1


def test_one_person_comes_on_wednesdays_only(sample):
    days = {event.time.weekday() for event in sample if event.user == "margaret.ashworth"}

    assert days == {2}


@pytest.mark.parametrize("days", [7, 30, 90])
def test_two_people_tie_exactly_in_the_handbook(sample, days):
    since = WEDNESDAY - timedelta(days=days)
    ingrid, tomas = (
        [
            (event.time, event.failed, event.prompt_tokens, event.completion_tokens)
            for event in sample
            if event.project == "handbook" and event.user == user and event.time > since
        ]
        for user in ("ingrid.solheim", "tomas.novak")
    )

    assert ingrid == tomas != []
    others = answered(sample, days, "handbook")
    assert list(others.values()).count(others["ingrid.solheim"]) == 2
