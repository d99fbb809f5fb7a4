"""GET /admin/arrivals - what has arrived by key and format, and what was lost on the way."""

from datetime import timedelta

import pytest
import time_machine
from conftest import NOW, ON_ONE_DATABASE, native
from reading import persons

from models import Arrival, Key, Reason
from usage import arrivals, keys

EVENTS, LITELLM = "/api/v1/events", "/ingest/litellm"
WRONG = native(9, prompt_tokens=-1)


@pytest.fixture
def send_as(anonymous, app):
    """Sends as the key of that name, which is made with the first request."""
    tokens = {}

    def send(name, path, body, **options):
        if name not in tokens:
            tokens[name] = keys.create(name, ["ingest"], NOW)
        headers = {"Authorization": f"Bearer {tokens[name]}"}
        if isinstance(body, bytes):
            return anonymous.post(path, data=body, headers=headers, **options)
        return anonymous.post(path, json=body, headers=headers)

    return send


def told(name, format="native"):
    """What is known of that key and format: its counters, without those that are 0."""
    (sender,) = (one for one in arrivals.senders(NOW) if (one.key, one.format) == (name, format))
    return {counter: count for counter, count in sender.counts.items() if count}


def test_each_key_and_format_has_an_account_of_its_own(send_as):
    send_as("gateway", EVENTS, [native(1), native(2), WRONG])
    send_as("gateway", EVENTS, [native(1), native(3)])
    send_as("laptop", EVENTS, [native(3)])
    send_as("gateway", LITELLM, {"id": "hit", "cache_hit": True})

    assert told("gateway") == {"received": 5, "accepted": 3, "duplicates": 1, "rejected": 1}
    assert told("laptop") == {"received": 1, "duplicates": 1}
    assert told("gateway", "litellm") == {"received": 1, "skipped": 1}


def test_calls_of_unknown_usage_are_told(send_as):
    call = {
        "id": "stream",
        "status": "success",
        "custom_llm_provider": "openai",
        "api_base": "https://api.openai.com",
        "endTime": NOW.timestamp(),
    }

    send_as("gateway", LITELLM, [call])
    send_as("gateway", LITELLM, [call])

    assert told("gateway", "litellm")["unknown_usage"] == 1


@pytest.mark.parametrize(
    ("path", "format", "body", "type", "reason"),
    [
        (EVENTS, "native", b"{", "application/json", "The body is not valid JSON"),
        (EVENTS, "native", b"x", "text/plain", "Send application/json"),
        ("/v1/traces", "otlp", b"\xff", "application/x-protobuf", "not the protobuf"),
        (EVENTS, "native", b" " * (8 * 2**20 + 1), "application/json", "too large"),
    ],
)
def test_a_body_that_could_not_be_read_is_told_with_its_reason(
    send_as, path, format, body, type, reason
):
    assert send_as("gateway", path, body, content_type=type).status_code in (400, 413, 415)

    assert told("gateway", format) == {"unreadable": 1}
    assert reason in Reason.get().reason


def test_reasons_are_counted_with_the_latest_example(send_as):
    send_as("gateway", EVENTS, [WRONG, native(10, prompt_tokens=-5), native(11)])
    send_as("gateway", EVENTS, [native(12, prompt_tokens=-5), {"tme": 1}])

    (sender,) = arrivals.senders(NOW)
    assert [(cause.refused, cause.reason, cause.example) for cause in sender.causes] == [
        (3, "prompt_tokens: must be a whole number, 0 or more", "event-12"),
        (1, "tme: is not a field of an event", "record 1"),
    ]


def test_ever_new_mistakes_do_not_fill_the_page(send_as):
    for batch in range(3):
        send_as("gateway", EVENTS, [{f"made-up-{batch}-{number}": 1} for number in range(50)])

    (sender,) = arrivals.senders(NOW)
    assert len(sender.causes) == arrivals.MOST_REASONS + 1
    assert sender.causes[0].reason == arrivals.OTHER
    assert sum(cause.refused for cause in sender.causes) == sender.refused == 150


def test_hostile_ids_and_reasons_are_kept_as_plain_text(send_as, client):
    hostile = {"id": "<script>\x00\x1b[31m", "<img src=x onerror=alert(1)>\x00": 1}

    assert send_as("gateway", EVENTS, [hostile]).status_code == 422

    text = client.get("/admin/arrivals").text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<img src=x" not in text
    assert "\x1b" not in text


def test_what_was_not_kept_is_not_noted(run, tmp_path):
    file = tmp_path / "usage.csv"
    file.write_text("id,time,user,prompt_tokens,completion_tokens\na,2026-11-22,vera,1,1\n")
    arrived = Arrival.select()

    run("import", file, "--dry-run")
    assert not arrived.exists()
    run("import", file)

    assert [(row.key_id, row.received) for row in arrived] == [(arrivals.FILES, 1)]


def test_days_without_a_word_show_as_silence(send_as, client):
    with time_machine.travel(NOW - timedelta(days=3), tick=False):
        send_as("gateway", EVENTS, [native(1, time="2026-11-19T10:00:00Z"), native(2)])
    send_as("gateway", EVENTS, [native(3)])

    (sender,) = arrivals.senders(NOW)
    assert sender.days[-5:] == [0, 2, 0, 0, 1]
    assert "2 of 30 days had records, at most 2" in client.get("/admin/arrivals").text


def test_what_is_older_than_30_days_is_no_longer_told(send_as):
    with time_machine.travel(NOW - timedelta(days=30), tick=False):
        send_as("gateway", EVENTS, [native(1, time="2026-10-01T10:00:00Z"), WRONG])

    (sender,) = arrivals.senders(NOW)
    assert (sender.key, sender.last_time, sender.counts) == ("gateway", None, {})


def test_the_latest_comes_first_and_silent_keys_last(send_as, client, run):
    for name in ("silent", "revoked unused"):
        keys.create(name, ["ingest"], NOW)
    keys.create("reader", ["read"], NOW)
    keys.revoke("revoked unused", NOW)
    with time_machine.travel(NOW - timedelta(hours=2), tick=False):
        send_as("early", EVENTS, [native(1)])
    send_as("late", EVENTS, [native(2)])

    assert persons(client.get("/admin/arrivals")) == ["late", "early", "silent"]


def test_an_empty_board_leads_to_where_keys_are_made(client):
    assert 'href="/admin/keys">Make a key</a>' in client.get("/admin/arrivals").text


@ON_ONE_DATABASE
def test_a_revoked_key_that_sent_is_still_told(send_as, client):
    send_as("gateway", EVENTS, [native(1)])
    keys.revoke("gateway", NOW)

    assert "native, revoked" in client.get("/admin/arrivals").text
    assert Key.select().count() == 1
