"""What a key may send to POST /api/v1/events and /ingest/litellm, and what it fills in."""

import json
from pathlib import Path

import pytest
from conftest import NOW, ON_ONE_DATABASE, account, native
from peewee import InterfaceError, OperationalError
from playhouse.pool import MaxConnectionsExceeded

import models
from models import DailyUsage, Event, Project, User
from usage import accounts, keys, rollups

EVENTS, LITELLM = "/api/v1/events", "/ingest/litellm"
ROADS = pytest.mark.parametrize("path", [EVENTS, LITELLM])
SAMPLES = json.loads((Path(__file__).parent / "data/litellm.json").read_text())
LOGGED = {
    "id": "chat-1",
    "status": "success",
    "custom_llm_provider": "openai",
    "model": "openai/gpt-4.1-mini",
    "api_base": "https://api.openai.com/v1",
    "endTime": NOW.timestamp(),
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "metadata": {"user_api_key_hash": "d5", "user_api_key_team_alias": "platform"},
}


def told(path):
    """One record for that road."""
    return native(1) if path == EVENTS else LOGGED


def slugs():
    """The projects that hold usage."""
    return sorted(row.slug for row in Project.select().where(Project.id.in_(used())))


def used():
    return DailyUsage.select(DailyUsage.project_id)


@ON_ONE_DATABASE
@ROADS
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer tb_wrong"},
        {"Authorization": "Bearer \udcff\udcfe"},
        {"Authorization": "Basic YWRhOmFkYQ=="},
        {"X-API-Key": "tb_wrong"},
    ],
)
def test_without_a_live_key_nothing_is_taken(anonymous, path, headers):
    response = anonymous.post(path, json=told(path), headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization: Bearer" in response.get_json()["error"]["message"]
    assert not Event.select().exists()


@ROADS
def test_the_cookie_of_a_person_is_no_key(client, path):
    response = client.post(path, json=told(path), headers={"Sec-Fetch-Site": "same-origin"})

    assert response.status_code == 401
    assert not Event.select().exists()


@ROADS
@pytest.mark.parametrize("scopes", [("read",), ("embed", "read")])
def test_a_key_without_the_scope_ingest_may_not_send(anonymous, make_key, path, scopes):
    response = anonymous.post(path, json=told(path), headers=make_key(*scopes))

    assert response.status_code == 403
    assert response.get_json()["error"]["message"] == 'This key lacks the scope "ingest".'
    assert not Event.select().exists()


@ROADS
def test_a_revoked_key_is_no_key(anonymous, make_key, path):
    key = make_key("ingest")
    keys.revoke("key 1", NOW)

    assert anonymous.post(path, json=told(path), headers=key).status_code == 401


@ROADS
@pytest.mark.parametrize("form", ["Bearer {}", "bearer   {}", "Bearer%20{}"])
def test_a_key_is_known_however_senders_write_it(anonymous, make_key, path, form):
    token = make_key("ingest")["Authorization"].removeprefix("Bearer ")

    by_header = anonymous.post(path, json=told(path), headers={"Authorization": form.format(token)})
    by_name = anonymous.post(path, json=told(path), headers={"X-API-Key": token})

    assert account(by_header) == (200, 1, 0, 0)
    assert account(by_name) == (200, 0, 1, 0)


def test_a_bound_key_sends_to_its_project_and_no_other(anonymous, make_key):
    key = make_key("ingest", project="Check Out")
    mine, unsaid, other = native(1, project="check out!"), native(2), native(3, project="mobile")

    def send(*events):
        return anonymous.post(EVENTS, json=events, headers=key)

    response = send(mine, unsaid, other)
    assert account(response) == (200, 2, 0, 1)
    assert response.get_json()["errors"] == [
        {
            "index": 2,
            "id": "event-3",
            "field": "project",
            "message": 'must be "check-out" or left out: no other is taken here',
        }
    ]
    assert account(send(other, other)) == (403, 0, 0, 2)
    assert account(send(other, native(4, user=""))) == (422, 0, 0, 2)
    assert slugs() == ["check-out"]
    assert not Project.select().where(Project.slug == "mobile").exists()


def test_a_gateways_bound_key_knows_its_project_better_than_the_payload(anonymous, make_key):
    response = anonymous.post(LITELLM, json=LOGGED, headers=make_key("ingest", project="checkout"))

    assert account(response) == (200, 1, 0, 0)
    assert slugs() == ["checkout"]


@pytest.mark.parametrize(
    ("said", "counted"), [({}, ("vera", "cli")), ({"user": "max", "source": "ui"}, ("max", "ui"))]
)
def test_a_key_says_who_and_what_where_an_event_does_not(anonymous, make_key, said, counted):
    key = make_key("ingest", user="vera", source="cli")
    event = native(1)
    del event["user"]

    assert account(anonymous.post(EVENTS, json=event | said, headers=key)) == (200, 1, 0, 0)

    row = Event.select(Event, User).join(User).get()
    assert (row.user.username, row.source) == counted


def test_a_gateway_that_names_nobody_is_counted_all_the_same(anonymous, make_key):
    record = LOGGED | {"metadata": {}}

    anonymous.post(LITELLM, json=record, headers=make_key("ingest"))
    anonymous.post(LITELLM, json=record, headers=make_key("ingest", user="vera"))

    assert sorted(row.username for row in User) == ["unassigned", "vera"]


@pytest.mark.parametrize("form", ["json_array", "ndjson", "single"])
def test_the_gateway_may_send_an_array_lines_or_one(anonymous, make_key, form):
    key = make_key("ingest") | {"Content-Type": "application/json"}
    bodies = {
        "json_array": [json.dumps(SAMPLES)],
        "ndjson": ["\n".join(map(json.dumps, SAMPLES))],
        "single": [json.dumps(one) for one in SAMPLES],
    }[form]

    for accepted in (True, False):
        answers = [anonymous.post(LITELLM, data=body, headers=key) for body in bodies]
        assert {account(answer)[0] for answer in answers} == {200}
        taken = [answer.get_json()["accepted" if accepted else "duplicates"] for answer in answers]
        skipped = [answer.get_json().get("skipped", 0) for answer in answers]
        assert sum(taken) == Event.select().count() > 5
        assert sum(taken) + sum(skipped) == len(SAMPLES)
    assert rollups.verify() == []


@pytest.mark.parametrize("record", [7, {}, LOGGED | {"endTime": "soon"}, LOGGED | {"id": ""}])
def test_a_record_that_can_not_be_read_is_refused(anonymous, make_key, record):
    response = anonymous.post(LITELLM, json=[record], headers=make_key("ingest"))

    assert account(response) == (422, 0, 0, 1)
    assert not Event.select().exists()


def test_nothing_of_what_was_said_to_a_model_is_kept_of_a_gateways_records(
    client, make_key, caplog
):
    assert "SECRET" in json.dumps(SAMPLES)

    response = client.post(LITELLM, json=SAMPLES, headers=make_key("ingest"))

    assert "SECRET" not in response.text + caplog.text
    for table in models.TABLES:
        assert "SECRET" not in repr(list(table.select().tuples()))


BUSY = (OperationalError("locked"), InterfaceError("gone"), MaxConnectionsExceeded("none left"))


@ROADS
@pytest.mark.parametrize("error", BUSY, ids=lambda error: type(error).__name__)
def test_a_busy_database_asks_for_another_try_and_keeps_nothing(
    anonymous, make_key, monkeypatch, path, error
):
    key, store = make_key("ingest"), rollups.store

    def busy(gained):
        store(gained)
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(rollups, "store", busy)
        response = anonymous.post(path, json=told(path), headers=key)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.get_json()["error"]["message"].startswith("The database is busy")
    assert [table.select().count() for table in (Event, DailyUsage, User, Project)] == [0] * 4
    assert account(anonymous.post(path, json=told(path), headers=key)) == (200, 1, 0, 0)


@ROADS
def test_a_defect_in_the_middle_leaves_nothing_half_written(anonymous, make_key, monkeypatch, path):
    key = make_key("ingest")
    monkeypatch.setattr(rollups, "store", lambda gained: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        anonymous.post(path, json=told(path), headers=key)

    assert [table.select().count() for table in (Event, DailyUsage, User, Project)] == [0] * 4


def test_one_request_brings_a_limited_number_of_new_projects(anonymous, make_key):
    key = make_key("ingest")
    many = [native(number, project=f"p{number}") for number in range(103)]

    response = anonymous.post(EVENTS, json=many, headers=key)

    assert account(response) == (200, 100, 0, 3)
    assert response.get_json()["errors"][0]["message"] == (
        "is one of too many new projects in one request"
    )
    assert account(anonymous.post(EVENTS, json=many, headers=key)) == (200, 3, 100, 0)


@pytest.mark.parametrize(("bound", "named"), [("checkout", ""), ("", "Max Mustermann")])
def test_a_key_of_one_project_names_nobody_who_is_known_outside_of_it(
    anonymous, make_key, bound, named
):
    max_elsewhere = native(1, user="max", project="atlas")
    anonymous.post(EVENTS, json=max_elsewhere, headers=make_key("ingest"))
    accounts.create_user("vera", NOW, role="super_admin")
    key = make_key("ingest", project=bound)

    told = {"project": "checkout", "display_name": "Max Mustermann", "email": "max@evil.example"}
    for number, user in enumerate(["max", "vera", "otto", "ines"], 2):
        said = told if user != "ines" else {"project": "checkout"}
        anonymous.post(EVENTS, json=native(number, user=user) | said, headers=key)
    anonymous.post(EVENTS, json=native(6, user="ines") | told, headers=key)

    assert {user.username: user.display_name for user in User.select()} == {
        "max": named,
        "vera": named,
        "otto": "Max Mustermann",
        "ines": "Max Mustermann",
    }
