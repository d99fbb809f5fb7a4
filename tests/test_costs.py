"""Costs by the list and as reported: fixed when recorded, added up, unknown where unknown."""

from decimal import Decimal

import pytest
from conftest import NOW, days_ago

from models import DailyUsage, Event
from usage import prices
from usage.ingest import event
from usage.ingest.record import record
from usage.rollups import rebuild, verify

pytestmark = pytest.mark.usefixtures("app")
RATES = {"prompt": "3", "completion": "15", "cache_read": "0.3", "cache_write": "3.75"}


def counted(name):
    """A counter of all daily rows together."""
    return sum(getattr(row, name) for row in DailyUsage)


def cost(client, headers, path="/api/v1/leaderboard", **question):
    """What the API says of the totals' cost on a basis."""
    totals = client.get(path, query_string=question, headers=headers).get_json()["totals"]
    missing = {"list": "unpriced_calls", "reported": "unreported_calls"}[question["cost"]]
    return totals["cost"], totals.get(missing, 0)


def test_a_call_costs_what_the_list_says_of_each_kind_of_token(make_usage, anonymous, reader):
    prices.set_price("anthropic", "sonnet", RATES)
    parts = {"cache_read_tokens": 500_000, "cache_write_tokens": 100_000}
    tokens = {"prompt_tokens": 1_000_000, "completion_tokens": 10_000, "reasoning_tokens": 4_000}
    make_usage("vera", provider="anthropic", model="sonnet", **tokens, **parts)

    # 400,000 fresh at 3, 500,000 read at 0.30, 100,000 written at 3.75, 10,000 answered at 15.
    assert Event.get().list_nanodollars == 1_875_000_000
    assert cost(anonymous, reader, cost="list") == ("1.875", 0)
    assert verify() == []


@pytest.mark.parametrize("basis", ["list", "reported"])
def test_what_nobody_told_is_unknown_and_counted_but_never_nothing(
    make_usage, anonymous, reader, basis
):
    make_usage("vera", calls=2, provider="anthropic", model="new")
    assert cost(anonymous, reader, cost=basis) == (None, 2)

    prices.set_price("anthropic", "sonnet", RATES)
    make_usage("vera", provider="anthropic", model="sonnet", cost_usd=Decimal("0.5"))

    known = {"list": "0.0045", "reported": "0.50"}[basis]
    assert cost(anonymous, reader, cost=basis) == (known, 2)
    assert verify() == []


def test_a_price_of_nothing_is_known(make_usage, anonymous, reader):
    prices.set_price("", "llama", {"prompt": "0", "completion": "0"})
    make_usage("vera", model="Llama")

    assert cost(anonymous, reader, cost="list") == ("0.00", 0)


def test_a_failed_call_costs_nothing_and_lacks_nothing(make_usage, anonymous, reader):
    make_usage("vera", model="new", failed=True, cost_usd=Decimal(1))

    assert cost(anonymous, reader, cost="list") == ("0.00", 0)
    assert cost(anonymous, reader, cost="reported") == ("0.00", 0)
    assert verify() == []


def test_a_later_price_changes_nothing_of_what_is_recorded(make_usage):
    prices.set_price("anthropic", "sonnet", RATES)
    make_usage("vera", provider="anthropic", model="sonnet")
    prices.set_price("anthropic", "sonnet", RATES | {"prompt": "6"})
    make_usage("vera", provider="anthropic", model="sonnet")

    assert [one.list_nanodollars for one in Event] == [4_500_000, 7_500_000]
    assert counted("list_nanodollars") == 12_000_000
    assert rebuild() == 1
    assert counted("list_nanodollars") == 12_000_000


def test_the_price_of_the_day_that_a_call_was_made_on_holds(make_usage):
    prices.set_price("anthropic", "sonnet", RATES)
    prices.set_price("anthropic", "sonnet", RATES | {"prompt": "6"}, start=days_ago(2))
    for age in (3, 2, 1):
        make_usage("vera", day=days_ago(age), provider="anthropic", model="sonnet")

    found = {one.day: one.list_nanodollars for one in Event}
    assert found == {days_ago(3): 4_500_000, days_ago(2): 7_500_000, days_ago(1): 7_500_000}


def test_a_call_that_grows_is_priced_for_what_it_came_to(app):
    def grown(tokens, **fields):
        fields = {"provider": "anthropic", "model": "sonnet", "completion_tokens": 0} | fields
        return event.Event(
            id="call", time=NOW, user="vera", prompt_tokens=tokens, replaces=True, **fields
        )

    prices.set_price("anthropic", "sonnet", RATES)
    record([grown(1000, model="")], "UTC", NOW)
    assert Event.get().list_nanodollars is None
    record([grown(1000), grown(2000)], "UTC", NOW)
    assert Event.get().list_nanodollars == 6_000_000
    prices.set_price("anthropic", "sonnet", RATES | {"prompt": "9"})
    # What it says in other words costs what it did.
    record([grown(2000, project="atlas")], "UTC", NOW)
    assert Event.get().list_nanodollars == 6_000_000

    assert verify() == []


def test_the_sum_of_a_vendor_over_unknown_calls_is_not_free(app, anonymous, reader):
    sums = event.Event(
        id="sum", time=NOW, user="vera", prompt_tokens=9, model="new", bucket=True, calls=0
    )
    record([sums], "UTC", NOW)

    assert cost(anonymous, reader, cost="list") == (None, 1)
    assert verify() == []


def test_no_call_costs_more_than_sums_can_hold(make_usage):
    prices.set_price("anthropic", "sonnet", RATES | {"prompt": "10000"})
    make_usage("vera", provider="anthropic", model="sonnet", prompt_tokens=10**12)

    assert Event.get().list_nanodollars is None
    assert counted("unpriced_calls") == 1


def test_prices_are_read_anew_only_after_a_change(make_usage):
    prices.set_price("anthropic", "sonnet", RATES)
    before = prices.book()
    make_usage("vera", provider="anthropic", model="sonnet")
    assert prices.book() is before

    prices.remove("anthropic", "sonnet")

    assert prices.book() is not before
    make_usage("vera", provider="anthropic", model="sonnet")
    assert counted("unpriced_calls") == 1
