"""POST /ingest/litellm - which records of a gateway are one call, by their ids."""

import json
from pathlib import Path

import pytest

from models import Event
from usage.rollups import verify

PAYLOADS = json.loads((Path(__file__).parent / "data" / "litellm.json").read_text())
CHAT = PAYLOADS[0]
EMBEDDING = next(one for one in PAYLOADS if one["call_type"] == "aembedding")
REFUSED = next(one for one in PAYLOADS if one["status"] == "failure")
FAILED = EMBEDDING | {"id": "call-X", "status": "failure", "prompt_tokens": 0}
ANSWERED = EMBEDDING | {"id": "call-X", "prompt_tokens": 300}


@pytest.fixture
def post(anonymous, make_key):
    """Sends payloads as LiteLLM does; returns the answer."""
    key = make_key("ingest")
    return lambda *payloads: anonymous.post("/ingest/litellm", json=payloads, headers=key)


def counted():
    """The answered and the failed calls, and all prompt tokens."""
    calls = list(Event.select())
    failed = sum(call.failed for call in calls)
    return len(calls) - failed, failed, sum(call.prompt_tokens for call in calls)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_failure_and_the_success_that_shares_its_id_are_two_calls(post, order, together):
    records = [(FAILED, ANSWERED)[place] for place in order]

    for batch in [records] if together else [[one] for one in records]:
        for _again in range(2):
            assert post(*batch).status_code == 200

    assert counted() == (1, 1, 300)
    assert {call.event_id for call in Event.select()} >= {"call-X"}
    assert verify() == []


def test_a_failure_in_litellms_table_is_the_one_of_its_callback(post, app, tmp_path):
    row = REFUSED | {"request_id": REFUSED["id"], "spend": 0.0}
    del row["id"]
    (tmp_path / "rows.json").write_text(json.dumps([row]))

    post(REFUSED)
    app.test_cli_runner().invoke(args=["import", str(tmp_path / "rows.json")])

    assert counted() == (0, 1, 0)


def test_an_id_of_any_length_is_one_call_on_both_roads(post, send_signal):
    long = f"resp_{'x' * 700}"
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.response.id": long,
        "enduser.id": "alice@example.com",
    }
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in said.items()]
    attributes.append({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "9954"}})
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "endTimeUnixNano": "1795342724000000000"}
    spans = [span | {"name": "chat gpt-4.1-mini", "attributes": attributes}]

    first = post(CHAT | {"id": long}, CHAT | {"id": f"{long}y"})
    send_signal("traces", {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})

    assert (first.status_code, first.json["accepted"]) == (200, 2)
    assert counted() == (2, 0, 2 * 9954)
    assert post(CHAT | {"id": long}).json["duplicates"] == 1
