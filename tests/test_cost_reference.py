"""10,000 random calls on all three bases, against plain Python that shares no code."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from conftest import NOW, days_ago

from usage import prices
from usage.analysis import analysis
from usage.horizon import Horizon, Projects
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.leaderboard import standings
from usage.pricing import Rates
from usage.rollups import verify
from usage.scope import Scope

EVER, CHANGE, LATER = date(2000, 1, 1), days_ago(20), days_ago(6)
# Model, from when, above how many prompt tokens: prompt, completion, cache read and write, thought.
PRICES = {
    ("sonnet", EVER, 0): ("3", "15", "0.3", "3.75", ""),
    ("sonnet", CHANGE, 0): ("2.5", "12.000001", "0.25", "", ""),
    ("sonnet", LATER, 0): ("3.333333", "15", "", "3.75", "20"),
    ("gpt-5", EVER, 0): ("1.25", "10", "0.125", "", ""),
    ("gpt-5", EVER, 200_000): ("2.5", "15", "0.25", "", "30"),
    ("young", CHANGE, 0): ("0.000001", "0.000003", "", "", ""),
    ("free", EVER, 0): ("0", "0", "", "", ""),
}
MODELS = ("sonnet", "gpt-5", "young", "free", "unheard-of", "")
PEOPLE = ("vera", "max", "otto", "Nora")
BREAKDOWNS = ("source", "provider", "model", "test_type", "day")
ASKED = Rates(Decimal("3.000001"), Decimal("14.5"))


def some_event(rng, number):
    """A call like any; every twentieth failed, every third without a reported cost."""
    prompt, completion = rng.randrange(400_000), rng.randrange(9_000)
    read = rng.randrange(prompt + 1)
    return Event(
        id=f"call-{number}",
        time=NOW - timedelta(seconds=rng.randrange(29 * 86_400)),
        user=rng.choice(PEOPLE),
        source=rng.choice(("ui", "cli", "")),
        provider="anywhere",
        model=rng.choice(MODELS),
        test_type=rng.choice(("Unit Tests", "")),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cache_read_tokens=read,
        cache_write_tokens=rng.randrange(prompt - read + 1),
        reasoning_tokens=rng.randrange(completion + 1),
        cost_usd=rng.choice((None, Decimal(rng.randrange(10**9)).scaleb(-9), Decimal("0.25"))),
        failed=rng.random() < 0.05,
    )


def listed(event):
    """What a call costs by PRICES, in whole 10⁻⁹ dollars; None for no price."""
    day = event.time.astimezone(UTC).date()
    held = [
        (start, above)
        for model, start, above in PRICES
        if model == event.model and start <= day and (not above or event.prompt_tokens > above)
    ]
    if not held:
        return None
    prompt, completion, read, written, thought = PRICES[event.model, *max(held)]
    fresh = event.prompt_tokens - event.cache_read_tokens - event.cache_write_tokens
    said = event.completion_tokens - event.reasoning_tokens
    dollars = (
        fresh * Fraction(prompt)
        + event.cache_read_tokens * Fraction(read or prompt)
        + event.cache_write_tokens * Fraction(written or prompt)
        + said * Fraction(completion)
        + event.reasoning_tokens * Fraction(thought or completion)
    ) / 10**6
    return round(dollars * 10**9)


def reference(events):
    """Per basis what the answered among these calls cost, and how many have no cost."""
    answered = [event for event in events if not event.failed]
    by_list = [listed(event) for event in answered]
    reported = [event.cost_usd for event in answered]
    at_rates = sum(
        event.prompt_tokens * Fraction(ASKED.prompt)
        + event.completion_tokens * Fraction(ASKED.completion)
        for event in answered
    )
    return {
        "rates": (at_rates / 10**6, 0),
        "list": (Fraction(sum(one or 0 for one in by_list), 10**9), by_list.count(None)),
        "reported": (Fraction(sum(one or 0 for one in reported)), reported.count(None)),
    }


def scope(**args):
    """Everything of the last 30 days, at the rates asked for."""
    everything = Horizon(Projects(), True, "UTC", ASKED, NOW)
    return Scope.from_args(args, everything)


@pytest.fixture
def events(app):
    """10,000 calls, recorded in batches; prices changed on two days among them."""
    for (model, start, above), rates in PRICES.items():
        named = dict(zip(prices.RATES, rates, strict=True))
        prices.set_price("anywhere", model, named, start, above)
    rng = Random(20261122)
    made = [some_event(rng, number) for number in range(10_000)]
    for start in range(0, len(made), 2500):
        record(made[start : start + 2500], "UTC", NOW)
    return made


def told(counts):
    return Fraction(counts.picodollars, 10**12), counts.uncosted_calls


def test_ten_thousand_calls_cost_what_plain_arithmetic_says(events):
    due = {name: reference(e for e in events if e.user == name) for name in PEOPLE}
    all_due = reference(events)

    for basis in ("rates", "list", "reported"):
        rows, totals = standings(scope(cost=basis))
        assert told(totals) == all_due[basis]
        assert {row.username: told(row) for row in rows} == {
            name: mine[basis] for name, mine in due.items()
        }
        assert_breakdowns_add_up(basis)
    assert all_due["list"][1] > 1000
    assert verify() == []


def assert_breakdowns_add_up(basis):
    """Every breakdown of a person comes to their row, and all sources to the whole."""
    person = analysis(scope(cost=basis), "vera")
    for by in BREAKDOWNS:
        parts = [told(part.counts) for part in getattr(person, f"by_{by}")]
        assert tuple(map(sum, zip(*parts, strict=True))) == told(person.standing)
    assert sum(one.calls for one in person.uncosted) == person.standing.uncosted_calls
    sources = [standings(scope(cost=basis, source=one))[1] for one in ("ui", "cli", "unassigned")]
    whole = standings(scope(cost=basis))[1]
    assert tuple(map(sum, zip(*map(told, sources), strict=True))) == told(whole)


def test_the_reference_itself_knows_a_price_from_the_list():
    day = datetime(2026, 11, 1, tzinfo=UTC)
    event = Event(id="x", time=day, model="gpt-5", prompt_tokens=1_000_000, user="vera")

    assert listed(event) == 2_500_000_000
