"""usage/price_book.py and usage/price_seed.py - which price is meant, as genai-prices means it."""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from types import SimpleNamespace

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from usage import price_seed, prices
from usage.price_book import ALWAYS, Book, Line, Provider, rule_of
from usage.pricing import MOST_NANODOLLARS, ListRates

RATES = st.decimals(0, 1000, places=6)
PRICES = st.tuples(RATES, RATES, *[st.none() | RATES] * 3)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def call(provider="openai", model="gpt-5", time=NOON, prompt=1000, completion=100, **fields):
    fields = {"failed": False, "calls": 1} | fields
    parts = {"cache_read_tokens": 0, "cache_write_tokens": 0, "reasoning_tokens": 0}
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion}
    return SimpleNamespace(provider=provider, model=model, time=time, **parts | tokens | fields)


def line(model, prompt, provider="openai", start=ALWAYS, above=0, own=True):
    rates = ListRates.of(str(prompt), "0", "", "", "")
    return Line(provider, model, start, above, own, rule_of(model), rates)


@pytest.fixture(scope="module")
def seeded():
    """All prices of the package, as they are kept."""
    found = price_seed.seed()
    return prices.read(found.prices, found.providers)


@given(PRICES, *[st.integers(0, 10**9)] * 5)
def test_a_list_cost_is_rounded_once_and_half_to_even(rates, fresh, read, written, said, thought):
    text = ["" if rate is None else str(rate) for rate in rates]

    found = ListRates.of(*text).nanodollars(
        fresh + read + written, said + thought, read, written, thought
    )

    prompt, completion, *own = rates
    usual = (prompt, prompt, completion)
    parts = [one if rate is None else rate for rate, one in zip(own, usual, strict=True)]
    due = zip((fresh, said, read, written, thought), (prompt, completion, *parts), strict=True)
    exact = sum((tokens * rate for tokens, rate in due), Decimal()) * 1000
    rounded = int(exact.to_integral_value(ROUND_HALF_EVEN))
    assert found == (rounded if rounded <= MOST_NANODOLLARS else None)


def test_what_has_no_rate_is_unknown_unless_nothing_of_it_was_used():
    embedding = ListRates.of("0.02", "", "", "", "")

    assert embedding.nanodollars(1_000_000, 0, 0, 0, 0) == 20_000_000
    assert embedding.nanodollars(1_000_000, 1, 0, 0, 0) is None


def test_the_packages_prices_cost_what_the_package_says(seeded):
    rng, told, known = Random(7), 0, 0
    models = [(one.id, model.id) for one in providers for model in one.models]
    for provider, model in rng.sample(models, 800):
        said = rng.choice((provider, provider, provider.upper(), "azure", "vertex_ai", ""))
        name = model + rng.choice(("", "", "-20251211", "-latest"))
        if not said and "/" in name:
            continue
        time = NOON.replace(month=rng.randint(1, 11), day=rng.randint(1, 28))
        prompt = rng.choice((1000, 200_000, 200_001, 300_000))
        parts = {"cache_read_tokens": prompt // 3, "cache_write_tokens": prompt // 5}
        usage = Usage(input_tokens=prompt, output_tokens=700, output_reasoning_tokens=9, **parts)
        mine = seeded.nanodollars(call(said, name, time, prompt, 700, reasoning_tokens=9, **parts))
        try:
            theirs = calc_price(
                usage, name, provider_id=said or None, genai_request_timestamp=time
            ).total_price
        except LookupError:
            assert mine is None, (said, name)
            continue
        told += 1
        if mine is not None:
            known += 1
            assert abs(theirs - Decimal(mine).scaleb(-9)) < Decimal("0.000001"), (said, name)
    # They price what a call costs beside its tokens at 0, and so what they have no rate for.
    assert told > 200
    assert known > told * 0.9


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("azure", "gpt-4.1-mini", "gpt-4.1-mini"),
        ("litellm", "anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("", "openai/gpt-4.1-mini", "gpt-4.1-mini"),
        ("gcp.vertex_ai", "gemini-2.5-pro", "gemini-2.5-pro"),
        ("our-gateway", "gpt-4.1-mini", None),
        ("openai", "gpt-of-tomorrow", None),
        ("", "", None),
    ],
)
def test_names_are_known_however_senders_write_them(seeded, provider, model, found):
    line = seeded.line(call(provider, model))

    assert (found in line.model) if found else line is None


def test_own_prices_win_the_one_that_says_most_and_the_latest_that_has_begun():
    may = date(2026, 5, 1)
    book = Book(
        [
            line("gpt-5", 1, own=False),
            line("gpt*", 2),
            line("gpt-5*", 3),
            line("gpt-5", 4, start=may),
            line("gpt-5", 5, above=200_000),
        ]
    )
    spring, summer = NOON.replace(month=4), NOON.replace(month=6)

    assert book.nanodollars(call(model="gpt-4")) == 2_000_000
    assert book.nanodollars(call(model="gpt-5-mini")) == 3_000_000
    assert book.nanodollars(call(model="GPT-5", time=summer)) == 4_000_000
    assert book.nanodollars(call(model="gpt-5", time=spring)) == 1_000_000
    assert book.nanodollars(call(model="gpt-5", time=spring, prompt=300_000)) == 1_500_000_000
    assert book.nanodollars(call(model="gpt-5", failed=True)) is None


def test_an_own_price_of_one_provider_is_not_that_of_who_resells_its_models():
    azure = Provider("azure", ["or", []], ["or", []], ["openai"])
    seeded, own = line("gpt-5", 1, own=False), line("gpt-5", 9)
    book = Book([seeded, own], [azure])

    assert book.nanodollars(call("azure")) == 1_000_000
    assert book.nanodollars(call("openai")) == 9_000_000


def test_a_vendors_sum_is_not_one_long_prompt():
    book = Book([line("gpt-5", 1), line("gpt-5", 2, above=200_000)])

    assert book.nanodollars(call(prompt=300_000)) == 600_000_000
    assert book.nanodollars(call(prompt=300_000, calls=2)) == 300_000_000
    assert book.nanodollars(call(prompt=300_000, calls=0)) == 300_000_000


def test_the_day_of_a_price_begins_at_midnight_utc():
    book = Book([line("gpt-5", 1), line("gpt-5", 2, start=NOON.date())])

    assert book.nanodollars(call(time=NOON.replace(hour=0))) == 2_000_000
    berlin = datetime.fromisoformat("2026-11-22T00:59:00+01:00")
    assert book.nanodollars(call(time=berlin)) == 1_000_000
