"""usage/pricing.py - rates, and what tokens cost at them."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.pricing import InvalidRate, Rates, dollars, plain, read_rate

RATES = st.decimals(0, 999_999_999, places=6)
# A trillion tokens a call, and sums of many.
TOKENS = st.integers(0, 10**18)


def test_the_example_of_the_contract_costs_what_it_says():
    rates = Rates(Decimal("3.00"), Decimal("15.00"))

    assert rates.cost(30_000, 1_500) == Decimal("0.1125")
    assert rates.cost(36_392, 1_976) == Decimal("0.138816")


@given(TOKENS, TOKENS, RATES, RATES)
def test_a_cost_is_exact_to_the_last_digit(prompt, completion, prompt_rate, completion_rate):
    cost = Rates(prompt_rate, completion_rate).cost(prompt, completion)

    million = Fraction(10**6)
    expected = prompt * Fraction(prompt_rate) + completion * Fraction(completion_rate)
    assert Fraction(cost) == expected / million


@given(st.lists(st.tuples(TOKENS, TOKENS), max_size=20), RATES, RATES)
def test_costs_add_up_to_the_cost_of_the_sum(calls, prompt_rate, completion_rate):
    rates = Rates(prompt_rate, completion_rate)

    parts = sum(Fraction(rates.cost(*call)) for call in calls)

    assert parts == Fraction(rates.cost(sum(c[0] for c in calls), sum(c[1] for c in calls)))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("0", "0"),
        ("3", "3"),
        ("2.50", "2.5"),
        (".5", "0.5"),
        ("0.000001", "0.000001"),
        ("007", "7"),
        ("999999999.999999", "999999999.999999"),
    ],
)
def test_a_decimal_of_up_to_six_places_is_a_rate(text, rate):
    assert read_rate(text) == Decimal(rate)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "-1", "+1", "-0", "1e3", "1_000", "1,5", "1,000.00", "$3", "3 "),
        *("NaN", "Infinity", "0x1", "1.", "0.0000001", "1000000000", "\u0663", "1" * 5000),
    ],
)
def test_anything_else_is_not_a_rate(text):
    with pytest.raises(InvalidRate, match="must be a number, 0 or more, with up to 6 decimals"):
        read_rate(text)


@given(RATES)
def test_a_rate_can_be_written_and_read_again(rate):
    assert read_rate(plain(rate)) == rate


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("3", "3.00"),
        ("3.10", "3.10"),
        ("0.112500000000", "0.1125"),
        ("0.000000000001", "0.000000000001"),
        ("1E+3", "1000.00"),
        ("12345678901234567890.1", "12345678901234567890.10"),
    ],
)
def test_an_amount_is_written_with_two_places_or_more_and_no_exponent(amount, text):
    assert plain(Decimal(amount)) == text


@given(st.integers(0, 10**40))
def test_an_amount_as_text_is_the_very_amount(picodollars):
    assert Fraction(plain(dollars(picodollars))) == Fraction(picodollars, 10**12)
