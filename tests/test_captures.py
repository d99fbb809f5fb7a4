"""POST /ingest/litellm - traffic that real gateways sent arrives at what the models answered."""

import json
from random import Random

import pytest
from conftest import CAPTURES

SETS = sorted(folder.name for folder in CAPTURES.glob("litellm-*"))
NAMES = {
    "calls": "calls",
    "prompt_tokens": "input_total",
    "completion_tokens": "output_total",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
}


class Capture:
    """One captured set: its requests, and the usage that the model server really answered."""

    def __init__(self, name):
        self.folder = CAPTURES / name
        if not self.folder.is_dir():
            pytest.skip("the captures are not part of the repository")
        self.totals = self.read("expected.json")["totals"]

    def read(self, name):
        return json.loads((self.folder / name).read_bytes())

    def requests(self):
        """Pairs of content type and body, as they arrived and were taken."""
        for path in sorted(self.folder.glob("*.headers.json")):
            sent = self.read(path.name)
            if sent["answered_status"] == 200:
                body = path.name.replace(".headers.json", ".body.bin")
                yield dict(sent["headers"])["content-type"], (self.folder / body).read_bytes()

    def records(self):
        """The records of all bodies."""
        return [record for _, body in self.requests() for record in json.loads(body)]


def as_sent(capture):
    return list(capture.requests())


def one_by_one(capture):
    """LiteLLM's log format "single"."""
    return [("application/json", json.dumps(record)) for record in capture.records()]


def as_lines(capture):
    """LiteLLM's log format "ndjson", which it declares to be JSON."""
    records = capture.records()
    Random(3).shuffle(records)
    bodies = ["\n".join(map(json.dumps, records[start::3])) for start in range(3)]
    return [("application/json", body) for body in bodies]


def as_texts(capture):
    """The payload of generic_api_use_v1, where every value is str() of an object."""
    texts = [{name: str(value) for name, value in one.items()} for one in capture.records()]
    return [("application/json", json.dumps(texts[start::2])) for start in range(2)]


@pytest.fixture
def board(app, make_key):
    """Sends to the board and asks it, as programs do."""
    client, ingest, read = app.test_client(), make_key("ingest"), make_key("read")

    class Board:
        def send(self, content_type, body):
            headers = ingest | {"Content-Type": content_type}
            response = client.post("/ingest/litellm", data=body, headers=headers)
            assert response.status_code == 200, response.text
            return response.json

        def ask(self, path):
            return client.get(f"/api/v1/{path}", headers=read).json

    return Board()


def counts(answer):
    """The counters of the API under the names of the captures."""
    return {theirs: answer[ours] for ours, theirs in NAMES.items()}


def expected(totals):
    """The counters of the captures that the board has as well."""
    return {key: {name: row[name] for name in NAMES.values()} for key, row in totals.items()}


@pytest.mark.parametrize("form", [as_sent, one_by_one, as_lines, as_texts])
@pytest.mark.parametrize("name", SETS)
def test_captured_traffic_shuffled_and_repeated_arrives_at_what_was_answered(board, name, form):
    capture = Capture(name)
    bodies = form(capture) * 2
    Random(name).shuffle(bodies)

    accounts = [board.send(*request) for request in bodies]

    whole = board.ask("leaderboard")
    found = {"ALL": counts(whole["totals"])}
    for standing in whole["standings"]:
        person = board.ask(f"users/{standing['username']}")
        assert person["standing"] == standing
        for part in person["by_model"]:
            if part["calls"]:
                found[f"{standing['username']} | {part['model']}"] = counts(part)
    assert found == expected(capture.totals)
    totals = whole["totals"]
    kept = totals["calls"] + totals["failed_calls"] + totals.get("unknown_calls", 0)
    assert sum(account["accepted"] for account in accounts) == kept
    assert sum(account["rejected"] for account in accounts) == 0
    assert sum(account["received"] for account in accounts) == 2 * len(capture.records())


def test_every_captured_call_is_told_apart_from_a_failure_and_from_unknown_usage(board):
    capture = Capture("litellm-sdk-json_array")

    for request in capture.requests():
        board.send(*request)

    calls = capture.read("expected.json")["calls"]
    unsent = [call for call in calls if not call["usage_was_sent"]]
    totals = board.ask("leaderboard")["totals"]
    assert totals["calls"] == len(calls) - len(unsent)
    assert totals["unknown_calls"] == len(unsent)
    # Two failures were answered to one call: LiteLLM tried twice and logged it once.
    assert totals["failed_calls"] == 1
