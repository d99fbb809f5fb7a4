"""usage/ingest/batches.py - what a batch comes to, worked out before its turn to be stored."""

from datetime import timedelta
from decimal import Decimal

import pytest
from conftest import NOW

from models import CallId, Project, User
from models import Event as Stored
from usage import merging, prices
from usage.ingest.batches import WORTH_IT, Batch
from usage.ingest.event import Event
from usage.ingest.record import Outcome, record
from usage.rollups import verify

pytestmark = pytest.mark.usefixtures("app")


def call(letter, number):
    """The same call for every letter, but for its id."""
    return Event(
        id=f"{letter}-{number}",
        time=NOW - timedelta(hours=number),
        user=("vera", "wim", "xena")[number % 3],
        project=("atlas", "")[number % 2],
        provider="openai",
        model="gpt-4.1",
        prompt_tokens=1000 + number,
        completion_tokens=100,
    )


def calls(letter):
    """As many calls as are worth a guess."""
    return [call(letter, number) for number in range(WORTH_IT)]


def spans(letter):
    """The same calls as spans, nearly all in a trace of their own."""
    traces = [f"{letter * 28}{number // 40 * number:04x}" for number in range(WORTH_IT)]
    return [
        one.but(span=f"{trace}:{number + 1:016x}", parent_span=f"{trace}:{'f' * 16}")
        for number, (one, trace) in enumerate(zip(calls(letter), traces, strict=True))
    ]


def rows(letter):
    """What is stored of the calls of a letter, but for their ids."""
    found = Stored.select().where(Stored.event_id.startswith(f"{letter}-")).order_by(Stored.time)
    return [(row.user.username, *list(row.__data__.values())[2:]) for row in found]


def names(letter):
    """Under which names which calls of a letter are known."""
    found = CallId.select(CallId.call_id, CallId.event_id).tuples()
    return sorted(
        (name.replace(letter * 28, ""), id[1:]) for name, id in found if id.startswith(letter)
    )


def nothing():
    """Nobody does anything."""


def new_zone():
    """The project's days begin nine hours earlier."""
    Project.update(timezone="Asia/Tokyo").execute()


def new_price():
    """The model gets a price."""
    prices.set_price("openai", "gpt-4.1", {"prompt": "1", "completion": "2"})


def some_are_known():
    """Some of the calls are stored by somebody else."""
    record([call(letter, number) for letter in "ab" for number in (1, 4, 30)], "UTC", NOW)


def one_person():
    """Two of the names turn out to be one person's."""
    merging.merge("wim", "vera", NOW)


def somebody_else():
    """A name becomes another person's, as in a board that is restored from a backup."""
    User.update(username="once-vera").where(User.username == "vera").execute()


MEANWHILE = nothing, new_zone, new_price, some_are_known, one_person, somebody_else


@pytest.mark.parametrize("told", [calls, spans])
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_a_guess_stores_what_is_stored_without_it_whatever_happened_meanwhile(meanwhile, told):
    record(calls("z")[:6], "UTC", NOW)
    guess = Batch.guessed(told("a"), "UTC")
    assert guess
    meanwhile()

    guessed = record(told("a"), "UTC", NOW, guess=guess)

    assert guessed == record(told("b"), "UTC", NOW)
    assert names("a") == names("b")
    assert bool(names("a")) is (told is spans)
    assert guessed.count(Outcome.ACCEPTED) > WORTH_IT / 2
    assert rows("a") == rows("b")
    assert len(rows("a")) == WORTH_IT
    assert verify() == []


@pytest.mark.parametrize("told", [calls, spans])
def test_a_guess_of_other_events_is_not_stored(told):
    record(calls("z")[:6], "UTC", NOW)
    guess = Batch.guessed(told("a"), "UTC")

    record(told("b"), "UTC", NOW, guess=guess)

    assert not rows("a")
    assert len(rows("b")) == WORTH_IT
    assert record(told("b"), "UTC", NOW) == [Outcome.DUPLICATE] * WORTH_IT
    record(told("c"), "UTC", NOW)
    assert names("b") == names("c")


def test_nothing_is_guessed_of_a_call_that_is_told_twice():
    record(calls("z")[:6], "UTC", NOW)
    twice = [*calls("a"), call("a", 3).but(cost_usd=Decimal(1), completion_tokens=50)]

    assert not Batch.guessed(twice, "UTC")
    assert record(twice, "UTC", NOW).count(Outcome.DUPLICATE) == 1
    assert verify() == []


def test_nothing_is_guessed_of_people_and_projects_that_are_new_or_of_a_few_events():
    assert not Batch.guessed(calls("a"), "UTC")
    record(calls("z")[:6], "UTC", NOW)
    assert not Batch.guessed(calls("a")[1:], "UTC")
    Project.delete().execute()
    assert not Batch.guessed(calls("a"), "UTC")
