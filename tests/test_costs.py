"""Costs by the list and as reported: fixed when recorded, added up, unknown where unknown."""

import re
from decimal import Decimal

import pytest
from conftest import NOW, ON_ONE_DATABASE, TODAY, days_ago, noted
from reading import words_of

from models import DailyUsage, Event, Price
from usage import cli_prices, prices, pricing, repricing
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


def test_the_page_names_the_models_without_a_cost_the_most_calls_first(client, make_usage):
    prices.set_price("acme", "known", RATES)

    def used(model, calls=1, day=TODAY, reported=True):
        told = {"cost_usd": Decimal(1)} if reported else {}
        make_usage("vera", model=model, provider="acme", calls=calls, day=day, **told)

    def named(basis):
        page = client.get("/leaderboard", query_string={"cost": basis})
        return words_of(page, "basis").partition("in no sum: ")[2]

    used("known", calls=4, reported=False)
    used("new", calls=2)
    used("dear", day=days_ago(3))
    assert named("list") == "new (acme) 2, dear (acme) 1."
    assert named("reported") == "known (acme) 4."

    # On a day that is known, and on one that isn't.
    used("dear")
    used("dear", day=days_ago(2), reported=False)
    assert named("list") == "dear (acme) 3, new (acme) 2."
    assert named("reported") == "known (acme) 4, dear (acme) 1."


def test_a_price_of_nothing_is_known(make_usage, anonymous, reader):
    prices.set_price("", "llama", {"prompt": "0", "completion": "0"})
    make_usage("vera", model="Llama")

    assert cost(anonymous, reader, cost="list") == ("0.00", 0)


def test_ten_thousand_of_the_dearest_calls_in_one_request_add_up(make_usage, anonymous, reader):
    make_usage("vera", calls=10_000, cost_usd=Decimal(pricing.MOST_DOLLARS))

    assert cost(anonymous, reader, cost="reported") == (f"{10_000 * pricing.MOST_DOLLARS}.00", 0)


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

    assert sorted(one.list_nanodollars for one in Event) == [4_500_000, 7_500_000]
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


def test_the_list_that_comes_along_is_seeded_once_and_synced_when_asked(run):
    cli_prices.seed_if_empty()
    version = prices.listed().version
    cli_prices.seed_if_empty()

    assert prices.listed().version == version
    assert prices.listed().source == "genai-prices 0.2.3"
    assert Price.select().count() > 2000
    Price.update(prompt="77").where(Price.model == "gpt-4.1").execute()
    Price.delete().where(Price.model == "gpt-4.1-mini").execute()
    prices.set_price("openai", "gpt-4.1-nano", RATES)
    code, out, _ = run("prices", "sync")
    assert code == 0
    assert re.fullmatch(r"The list is that of genai-prices 0.2.3: \d+ prices are .*\n", out)
    assert not Price.select().where(Price.prompt == "77").exists()
    assert Price.select().where(Price.own).count() == 1


def test_prices_are_set_listed_and_removed_on_the_command_line(run):
    rates = ("2.5", "10", "--cache-read", "0.25", "--from", "2026-06-01", "--above", "200000")
    words = "prompt 2.50, completion 10.00, cache read 0.25, from 2026-06-01"
    words += ", above 200,000 prompt tokens"

    told = f"The price of OpenAI GPT-5*: {words}.\n"
    assert run("prices", "set", "OpenAI", "GPT-5*", *rates) == (0, told, "")
    assert run("prices", "list", "gpt", "open")[1] == f"openai gpt-5*: {words} (own)\n"
    assert run("prices", "list", "claude")[1] == ""
    assert run("prices", "remove", "openai", "gpt-5*")[0] == 1
    assert run("prices", "remove", "openai", "gpt-5*", *rates[4:])[0] == 0
    assert not Price.select().exists()
    assert [one.action for one in noted()] == ["price set", "price removed"]


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("openai", "", "1", "2"), "The model must be a name"),
        (("openai", "*", "1", "2"), "The model must be a name"),
        (("openai", "g*t", "1", "2"), "The model must be a name"),
        (("openai", "gpt", "", "2"), "A price needs a prompt and a completion rate."),
        (("openai", "gpt", "1", "x"), "The completion rate must be a number, 0 or more"),
        (("openai", "gpt", "10001", "2"), "The prompt rate must be at most 10,000."),
        (("openai", "gpt", "1", "2", "--cache-read", "x"), "The cache read rate must be a"),
        (("openai", "gpt", "1", "2", "--above", "-1"), "The prompt tokens must be a whole"),
        (("o" * 201, "gpt", "1", "2"), "The provider must be at most 200 characters."),
    ],
)
def test_a_price_that_can_not_be_says_why(run, args, sentence):
    code, out, told = run("prices", "set", *args)

    assert (code, out) == (1, "")
    assert told.startswith(f"Error: {sentence}")
    assert not Price.select().exists()


def test_history_is_priced_again_only_when_asked_and_only_those_days(run, make_usage, monkeypatch):
    monkeypatch.setattr(repricing, "EVENTS_AT_ONCE", 3)
    for age in (4, 3, 2, 1):
        make_usage("vera", day=days_ago(age), calls=4, provider="anthropic", model="sonnet")
    make_usage("max", day=days_ago(2), model="new")
    make_usage("max", day=days_ago(2), provider="anthropic", model="sonnet", failed=True)
    prices.set_price("anthropic", "sonnet", RATES)
    assert counted("list_nanodollars") == 0

    days = ("--from", days_ago(3), "--to", days_ago(2))
    told = f"Priced 10 calls of {days_ago(3)} to {days_ago(2)} again; the cost of 8 changed.\n"
    assert run("prices", "recompute", *days) == (0, told, "")

    assert counted("list_nanodollars") == 8 * 4_500_000
    assert counted("unpriced_calls") == 9
    assert verify() == []
    assert run("prices", "recompute", *days)[1].endswith("the cost of 0 changed.\n")
    prices.remove("anthropic", "sonnet")
    run("prices", "recompute", *days)
    assert counted("list_nanodollars") == 0
    assert verify() == []
    assert [one.action for one in noted()] == ["list costs recomputed"] * 3
    assert run("prices", "recompute", "--from", "2026-11-22", "--to", "2026-11-21")[0] == 1
