"""usage/ingest/traces.py - a person named around a call, in whichever request that comes."""

import itertools
import json
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from conftest import NOW
from test_telemetry import JSON, span, traces

from models import Event, TraceName, User
from usage.rollups import verify

TRACE, OTHER = "a" * 32, "b" * 32


def around(number, user, trace=TRACE):
    """A span of an application that says whose work it is."""
    told = span(number, trace=trace)
    said = [("enduser.id", user)] if user else []
    attributes = [{"key": name, "value": {"stringValue": value}} for name, value in said]
    return told | {"name": "POST /ask", "attributes": attributes}


@pytest.fixture
def send(app, make_key):
    """Posts spans, each list a request, with the key of a service or with another's."""
    client, key = app.test_client(), make_key("ingest")

    def post(*requests, key=key):
        for spans in requests:
            headers = key | {"Content-Type": JSON}
            assert client.post("/v1/traces", json=traces(*spans), headers=headers).data == b"{}"
        assert verify() == []

    return post


def whose():
    """Per person the ids of their answered calls."""
    found = {}
    for event in Event.select(Event, User).join(User).where(Event.usage_known):
        assert event.prompt_tokens == 1000
        found.setdefault(event.user.username, set()).add(int(event.event_id[-2:], 16))
    return found


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_calls_belong_to_whom_another_request_names_in_their_trace(send, order):
    requests = [[span(1, parent=f"{9:016x}")], [span(2)], [around(9, "Vera@corp.com")]]
    told = [requests[place] for place in order]

    send(*told, [span(7, trace=OTHER)], *told)

    assert whose() == {"vera@corp.com": {1, 2}, "unassigned": {7}}
    assert User.get(User.username == "vera@corp.com").email == "vera@corp.com"


@pytest.mark.parametrize("named_first", [True, False])
def test_whom_a_key_stands_in_for_gives_way_to_whom_a_trace_names(send, make_key, named_first):
    requests = [[span(1)], [around(9, "vera")]]

    send(
        *requests[:: -1 if named_first else 1],
        [span(2, trace=OTHER)],
        key=make_key("ingest", user="robot"),
    )

    assert whose() == {"vera": {1}, "robot": {2}}


def test_a_call_that_found_its_person_no_longer_waits_for_one(send):
    send([span(1)], [around(9, "vera")], [span(2)], [around(8, "max")], [span(3)])

    assert whose() == {"vera": {1, 2}, "unassigned": {3}}
    assert sorted((row.username, row.event_id[-1:]) for row in TraceName) == [
        ("", "3"),
        ("max", ""),
        ("vera", ""),
    ]


def test_a_call_that_names_its_own_person_stays_theirs(send):
    send([around(9, "vera")], [span(1, **{"enduser.id": "max"})], [around(8, "vera")])

    assert whose() == {"max": {1}}


def test_a_trace_of_several_people_says_nothing_of_its_other_calls(send):
    send([around(8, "vera"), around(9, "max")], [span(1)])

    assert whose() == {"unassigned": {1}}


def test_a_failed_call_and_one_of_unknown_usage_stay_what_they_are(send):
    unknown = span(1, tokens=(0, 0), **{"gen_ai.response.id": "chatcmpl-1"})
    failed = span(2, **{"error.type": "rate_limit"})

    send([unknown, failed], [around(9, "vera")])

    found = [
        (e.user.username, e.failed, e.usage_known) for e in Event.select().order_by(Event.failed)
    ]
    assert found == [("vera", False, False), ("vera", True, True)]


def test_whom_a_trace_names_is_forgotten_after_an_hour(send, time_machine):
    send([around(9, "vera")], [span(1, trace=OTHER)])
    assert TraceName.select().count() == 2
    assert not User.select().where(User.username == "vera").exists()

    time_machine.move_to(NOW + timedelta(minutes=61))
    send([span(2)])

    assert [row.trace_id for row in TraceName] == [TRACE]
    assert whose() == {"unassigned": {1, 2}}


def test_a_call_and_its_name_that_come_at_once_find_each_other(app, make_key):
    key, start = make_key("ingest") | {"Content-Type": JSON}, Barrier(2)

    def deliver(told):
        client = app.test_client()
        for number in range(1, 13):
            body = json.dumps(traces(told(number)))
            start.wait()
            assert client.post("/v1/traces", data=body, headers=key).status_code == 200

    roads = (
        lambda number: span(number, trace=f"{number:032x}"),
        lambda number: around(99, "vera", trace=f"{number:032x}"),
    )
    threads = [Thread(target=deliver, args=(road,)) for road in roads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert verify() == []
    assert {user: len(calls) for user, calls in whose().items()} == {"vera": 12}
