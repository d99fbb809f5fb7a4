"""POST /api/v1/events - native events, each counted once, all of them accounted for."""

import json

import pytest
from conftest import account, native

import models
from models import Event, User

PATH = "/api/v1/events"
JSON, LINES = "application/json", "application/x-ndjson"


@pytest.fixture
def stored(app):
    """The ids of the stored events."""
    return lambda: sorted(row.event_id for row in Event.select(Event.event_id))


ONE, TWO = native(1), native(2)


@pytest.mark.parametrize(
    ("body", "content_type", "accepted"),
    [
        (json.dumps(ONE), JSON, 1),
        (json.dumps([ONE, TWO]), JSON, 2),
        (json.dumps({"events": [ONE, TWO]}), JSON, 2),
        (json.dumps([]), JSON, 0),
        (json.dumps({"events": []}), JSON, 0),
        (f"{json.dumps(ONE)}\n\n  {json.dumps(TWO)}\r\n", LINES, 2),
        (f"{json.dumps(ONE)}\n{json.dumps(TWO)}", "application/jsonl; charset=utf-8", 2),
        (f"{json.dumps(ONE)}\n{json.dumps(TWO)}", JSON, 2),
        (json.dumps(ONE, indent=2), "application/json; charset=utf-8", 1),
    ],
)
def test_every_form_of_a_batch_is_taken(anonymous, make_key, stored, body, content_type, accepted):
    headers = make_key("ingest") | {"Content-Type": content_type}

    response = anonymous.post(PATH, data=body, headers=headers)

    assert account(response) == (200, accepted, 0, 0)
    assert stored() == ["event-1", "event-2"][:accepted]


def test_the_example_of_the_contract_is_taken_as_it_stands(send, anonymous, reader):
    example = {
        "id": "chatcmpl-9f2",
        "time": "2026-11-22T10:00:00Z",
        "user": "ada",
        "display_name": "Ada Lovelace",
        "email": "ada@example.com",
        "project": "checkout",
        "source": "ide",
        "provider": "openai",
        "model": "gpt-4.1-mini",
        "test_type": "Unit Tests",
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "cache_read_tokens": 512,
        "cache_write_tokens": 0,
        "reasoning_tokens": 64,
        "cost_usd": "0.0031",
        "failed": False,
    }

    assert account(send(example)) == (200, 1, 0, 0)

    row = Event.get()
    assert (row.cost_nanodollars, row.cache_read_tokens, row.reasoning_tokens) == (
        3_100_000,
        512,
        64,
    )
    told = anonymous.get("/api/v1/users/ada?project=checkout", headers=reader).get_json()
    for name in ("source", "provider", "model", "test_type"):
        assert [part[name] for part in told[f"by_{name}"]] == [example[name]]


def test_good_and_bad_stand_side_by_side_and_are_accounted_for(send):
    send(ONE)

    response = send([TWO, ONE, native("x", prompt_tokens=-1)])

    assert account(response) == (200, 1, 1, 1)
    assert response.text.strip() == (
        '{"received":3,"accepted":1,"duplicates":1,"rejected":1,"errors":[{"index":2,'
        '"id":"event-x","field":"prompt_tokens","message":"must be a whole number, 0 or more"}]}'
    )


def test_nothing_but_bad_events_is_a_422(send, stored):
    assert account(send([native(1, user=""), native(2, source="web"), 7])) == (422, 0, 0, 3)
    assert stored() == []


def test_a_line_that_is_no_json_is_refused_by_its_place(anonymous, make_key):
    headers = make_key("ingest") | {"Content-Type": LINES}
    body = f"{json.dumps(ONE)}\nnonsense\n{json.dumps(TWO)}\n"

    response = anonymous.post(PATH, data=body, headers=headers)

    assert account(response) == (200, 2, 0, 1)
    assert [error["index"] for error in response.get_json()["errors"]] == [1]


def test_an_event_counts_once_in_a_batch_and_over_requests(send, stored):
    assert account(send([ONE, TWO, ONE])) == (200, 2, 1, 0)
    assert account(send([TWO, ONE])) == (200, 0, 2, 0)
    assert stored() == ["event-1", "event-2"]


def test_the_same_id_of_two_people_is_two_calls(send):
    other = ONE | {"user": "max"}

    assert account(send([ONE, other])) == (200, 2, 0, 0)
    assert account(send([other, ONE])) == (200, 0, 2, 0)


def test_a_name_in_either_form_of_unicode_is_one_person(send):
    send(native(1, user="Jos\u00e9"))
    send(native(2, user="Jose\u0301"))

    assert User.select().count() == 1


def test_what_is_said_of_a_person_fills_blanks_and_changes_nothing(send, client):
    send(native(1, display_name="Vera Kowalska"))
    send(native(2, display_name="Mallory", email="vera@corp.com"))
    send(native(3, email="mallory@corp.com"))

    person = User.get(User.username == "vera")
    assert (person.display_name, person.email) == ("Vera Kowalska", "vera@corp.com")


@pytest.mark.parametrize(
    ("timezone", "time", "day"),
    [
        ("UTC", "2026-11-21T23:59:59Z", "2026-11-21"),
        ("Europe/Berlin", "2026-11-21T22:59:59Z", "2026-11-21"),
        ("Europe/Berlin", "2026-11-21T23:00:00Z", "2026-11-22"),
        ("Europe/Berlin", "2026-11-22T00:30:00+02:00", "2026-11-21"),
        ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26"),
        ("America/New_York", "2026-11-22T04:59:59Z", "2026-11-21"),
        ("Asia/Kolkata", "2026-11-21T18:30:00Z", "2026-11-22"),
        ("Pacific/Kiritimati", "2026-11-22T10:00:00Z", "2026-11-23"),
    ],
)
def test_a_call_counts_on_the_day_of_its_project(
    send, anonymous, reader, make_project, timezone, time, day
):
    make_project("Checkout", timezone)

    assert account(send(native(1, project="checkout", time=time))) == (200, 1, 0, 0)

    question = f"project=checkout&from={day}&to={day}"
    told = anonymous.get(f"/api/v1/users/vera?{question}", headers=reader).get_json()
    assert [(part["day"], part["calls"]) for part in told["by_day"]] == [(day, 1)]


def test_nothing_of_what_was_said_to_a_model_is_ever_kept(send, caplog):
    said = native(1, prompt="SECRET", messages=[{"role": "user", "content": "SECRET"}])

    response = send([said, TWO | {"response": "SECRET"}, native(3)])

    assert account(response) == (200, 1, 0, 2)
    assert "SECRET" not in response.text + caplog.text
    for table in models.TABLES:
        assert "SECRET" not in repr(list(table.select().tuples()))
