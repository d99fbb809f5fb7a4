"""usage/ingest/same_call.py - one call told under several ids, by several roads, counts once."""

import pytest
from conftest import NOW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import daily_rows

import models
from usage.ingest.event import NOBODY, Event
from usage.ingest.record import Outcome, record
from usage.rollups import verify

ACCEPTED, DUPLICATE, REPLACED = Outcome
pytestmark = pytest.mark.usefixtures("app")


def call(id, *also, tokens=100, user="vera", **fields):
    """A telling of a call: its id, and the other ids that this road knows of it."""
    fields |= {"prompt_tokens": tokens, "usage_known": tokens > 0}
    return Event(id=id, also=also, user=user, time=NOW, **fields)


def span(id, parent="", tokens=100, **fields):
    """A call as the span of a trace."""
    fields |= {"span": f"trace:{id}", "parent_span": parent and f"trace:{parent}"}
    return call(f"trace:{id}", tokens=tokens, **fields)


def send(*events):
    return record(events, "UTC", NOW)


def counted():
    """Per person: answered calls, calls of unknown usage, and tokens."""
    assert verify() == []
    sums = {}
    for key, row in daily_rows().items():
        sums.setdefault(key[2], []).append((row[0], row[2], row[3]))
    return {user: tuple(map(sum, zip(*rows, strict=True))) for user, rows in sums.items()}


@pytest.mark.parametrize(
    "tellings",
    [
        [call("request", "message"), call("message")],
        [call("request"), call("message", "request")],
        [call("request", "message"), call("other", "message")],
        [call("request", "message"), call("message", "request"), call("request")],
        [call("request"), call("message", "request"), call("message")],
    ],
    ids=["own", "stored", "shared", "crosswise", "through-another"],
)
def test_a_call_is_known_again_by_any_of_its_ids(tellings):
    outcomes = [send(telling)[0] for telling in tellings]

    assert outcomes == [ACCEPTED, *[DUPLICATE] * len(tellings[1:])]
    assert counted() == {"vera": (1, 0, 100)}


def test_other_ids_of_another_person_are_another_call():
    send(call("request", "message"), call("message", user="max"))

    assert counted() == {"vera": (1, 0, 100), "max": (1, 0, 100)}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("together", [True, False])
def test_a_span_inside_a_span_of_equal_tokens_is_the_same_call(order, together):
    spans = [span("outer"), span("inner", parent="outer")][::order]

    outcomes = send(*spans) if together else [send(one)[0] for one in spans]

    assert outcomes == [ACCEPTED, DUPLICATE]
    assert counted() == {"vera": (1, 0, 100)}


def test_spans_side_by_side_or_of_other_tokens_are_calls_of_their_own():
    send(
        span("agent", tokens=300), span("a", parent="agent"), span("b", parent="agent", tokens=200)
    )

    assert counted() == {"vera": (3, 0, 600)}


def test_a_call_is_known_again_in_the_same_batch():
    assert send(call("request"), call("message", "request")) == [ACCEPTED, DUPLICATE]

    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("order", [1, -1])
def test_a_call_of_nobody_is_whose_another_road_says(order):
    for telling in [call("request", "message", user=NOBODY), call("request", "message")][::order]:
        send(telling)

    assert counted() == {"vera": (1, 0, 100)}
    assert send(call("message", "request", user=NOBODY)) == [DUPLICATE]


def test_a_call_of_nobody_keeps_its_tokens_when_its_person_is_known():
    send(call("request", "message", user=NOBODY))
    send(call("request", "message", tokens=0))

    assert counted() == {"vera": (1, 0, 100)}


def test_a_call_that_was_nobodys_is_not_nobodys_again_in_the_same_batch():
    send(call("request", "message", user=NOBODY))
    send(call("request", "message"), call("request", "message", user=NOBODY))

    assert counted() == {"vera": (1, 0, 100)}


@st.composite
def tellings(draw, unknown):
    """A telling of one of three calls: who it was of may be unsaid, and what it used."""
    number = draw(st.integers(1, 3))
    ids = draw(st.permutations([f"request-{number}", f"message-{number}"]))
    tokens = 0 if unknown and draw(st.booleans()) else 100 * number
    user = draw(st.sampled_from(["vera", NOBODY]))
    return call(*ids, tokens=tokens, user=user, replaces=draw(st.booleans()))


def due(told):
    """What these tellings come to: the best of each call, under the person that any names."""
    calls, found = {}, {}
    for event in told:
        tokens, user = calls.get(event.id[-1], (0, NOBODY))
        user = event.user if user == NOBODY else user
        calls[event.id[-1]] = max(tokens, event.prompt_tokens), user
    for tokens, user in calls.values():
        answered, unknown, total = found.get(user, (0, 0, 0))
        found[user] = answered + bool(tokens), unknown + (not tokens), total + tokens
    return found


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("unknown", [False, True])
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_calls_told_in_any_way_order_and_batches_count_once(unknown, together, data):
    for table in reversed(models.TABLES):
        table.delete().execute()
    told = data.draw(st.lists(tellings(unknown), min_size=1, max_size=6))
    batches = [told] if together else [[event] for event in told]

    for batch in batches * 2:
        send(*batch)

    assert counted() == due(told)
