"""usage/ingest/buckets.py - a vendor's sum is never counted beside the calls it is the sum of."""

import itertools
import json
from datetime import timedelta
from functools import partial

import pytest
from conftest import NOW
from ledger import daily_rows

from usage.ingest.event import Event
from usage.ingest.record import record
from usage.rollups import verify

pytestmark = pytest.mark.usefixtures("app")


def call(number=1, tokens=100, user="vera", **fields):
    """A single call."""
    fields |= {"prompt_tokens": tokens, "replaces": True}
    return Event(id=f"call-{number}", user=user, **{"time": NOW} | fields)


def bucket(calls=10, tokens=5000, **fields):
    """A vendor's sum over so many calls of a model."""
    fields |= {"bucket": True, "calls": calls}
    return call(f"sum-{fields.get('model')}", tokens, **fields)


def send(*events):
    record(events, "UTC", NOW)
    assert verify() == []


def counted():
    """Answered calls, failed calls and tokens of everything."""
    rows = [(row[0], row[1], row[3]) for row in daily_rows().values()]
    return tuple(map(sum, zip(*rows, strict=True)))


@pytest.mark.parametrize(
    ("others", "sums"),
    [
        pytest.param([call(1), call(2)], (2, 0, 200), id="single calls count, the sum does not"),
        pytest.param([call(user="max")], (11, 0, 5100), id="another user's call"),
        pytest.param([call(model="o3")], (11, 0, 5100), id="another model's call"),
        pytest.param([call(time=NOW - timedelta(days=1))], (11, 0, 5100), id="another day's call"),
        pytest.param([call(source="cli", project="atlas")], (1, 0, 100), id="any project"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", [1, -1])
def test_a_bucket_counts_unless_its_calls_are_known(others, sums, order, together):
    events = [bucket(), *others][::order]

    for batch in [events] if together else [[event] for event in events]:
        send(*batch)

    assert counted() == sums


@pytest.mark.parametrize(
    ("summed", "called", "aside"),
    [
        ("gpt-4.1-2025-04-14", "gpt-4.1", True),
        ("gpt-4.1-2025-04-14", "openai/gpt-4.1", True),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", True),
        ("gemini-flash", "gemini-flash-latest", True),
        ("gpt-4.1-2025-04-14", "gpt-4.1-mini", False),
        ("o3", "o4", False),
        ("", "gpt-4.1", False),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_model_is_known_again_by_its_name_without_date_and_vendor(summed, called, aside, order):
    for event in [bucket(model=summed), call(model=called)][::order]:
        send(event)

    assert counted() == ((1, 0, 100) if aside else (11, 0, 5100))


@pytest.mark.parametrize(
    "order", list(itertools.permutations([(10, 5000), (12, 4000), (12, 4500)]))
)
def test_of_a_sum_told_again_the_greatest_counts_in_any_order(order):
    for sums in order:
        send(bucket(*sums))

    assert counted() == (12, 0, 4500)


def test_a_bucket_that_was_set_aside_stays_aside_as_it_grows():
    send(call())
    send(bucket(10, 5000))
    send(bucket(12, 6000))

    assert counted() == (1, 0, 100)


FAILED, UNKNOWN = {"failed": True}, {"usage_known": False}


@pytest.mark.parametrize("fields", [FAILED, UNKNOWN], ids=["failed", "unknown"])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("together", [True, False])
def test_a_call_without_usage_sets_no_sum_aside(fields, order, together):
    events = [bucket(), call(9, tokens=0, **fields)][::order]

    for batch in [events] if together else [[event] for event in events]:
        send(*batch)

    assert counted() == (10, int(fields is FAILED), 5000)


@pytest.mark.parametrize(
    "before", [FAILED | {"tokens": 0}, UNKNOWN | {"tokens": 0}, {"model": ""}], ids=str
)
def test_a_call_that_moves_into_a_bucket_sets_it_aside(before):
    send(call(**{"model": "o3"} | before))
    send(bucket(model="o3"))

    send(call(tokens=200, model="o3"))

    assert counted() == (1, 0, 200)


def test_a_bucket_counts_again_when_the_call_beside_it_turns_out_to_be_another_model():
    send(call())
    send(bucket(10, 5000))
    assert counted() == (1, 0, 100)

    send(call(tokens=200, model="o3"))

    assert counted() == (11, 0, 5200)


def test_buckets_and_calls_come_to_the_same_in_any_order():
    events = [
        partial(bucket),
        partial(bucket, 4, 300, model="o3"),
        partial(call, 1),
        partial(call, 2),
        partial(call, 3, model="gpt-4.1"),
    ]

    for number, order in enumerate(itertools.permutations(events)):
        first, second, *others = (make(user=f"user-{number}") for make in order)
        for batch in [[first, second], *([event] for event in others)]:
            record(batch, "UTC", NOW)

    assert verify() == []
    assert {(key[5], row[0], row[3]) for key, row in daily_rows().items()} == {
        ("", 2, 200),
        ("o3", 4, 300),
        ("gpt-4.1", 1, 100),
    }


def a_day_of(tokens):
    """A report of ccusage, which names nobody."""
    model = {"modelsUsed": ["claude-sonnet-4-5"]}
    return {"daily": [{"date": "2026-11-20", "inputTokens": tokens, "totalTokens": tokens} | model]}


@pytest.mark.parametrize("order", [1, -1])
def test_people_who_report_their_days_have_sums_of_their_own(run, tmp_path, order):
    file, due = tmp_path / "days.json", {"max@example.com": 100, "vera@example.com": 300}
    for name, tokens in [*due.items()][::order] * 2:
        file.write_text(json.dumps(a_day_of(tokens)))
        assert run("import", file, "--user", name)[0] == 0

    assert {key[2]: row[3] for key, row in daily_rows().items()} == due
    assert verify() == []


def test_a_sum_of_nobody_is_whose_it_is_imported_for(run, tmp_path):
    file = tmp_path / "days.json"
    file.write_text(json.dumps(a_day_of(100)))

    for more in ((), ("--user", "vera@example.com"), ()):
        assert run("import", file, *more)[0] == 0

    assert {key[2]: row[3] for key, row in daily_rows().items()} == {"vera@example.com": 100}
