"""usage/ingest/gemini.py, gemini_chats.py - calls of Gemini CLI, on both roads."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_claude_code import (
    JSON_BODY,
    LINES,
    SCALAR,
    VALUE,
    but,
    damaged,
    decoded,
    expected,
    once,
    read_or_refuse,
    sent,
    totals,
)

from usage.ingest import claude_transcripts, codex_rollouts, gemini, gemini_chats
from usage.ingest.event import InvalidEvent
from usage.ingest.otlp import Record, decode

SAMPLE = json.loads((Path(__file__).parent / "data" / "gemini.json").read_text())
LOGS, SPANS = decoded(SAMPLE["logs"]), decoded(SAMPLE["spans"], "traces")
RESPONSE, FAILURE = LOGS["gemini_cli.api_response"], LOGS["gemini_cli.api_error"]
CHAT = SAMPLE["chat"]
HEADER, MESSAGE, EARLY, ANSWER, UPDATE, OTHER, REPEATED, REWIND = CHAT
SESSION = "fd95fbba-885d-4d1a-b004-51d399cc6623"


def one(record):
    (event,) = gemini.read(record)
    return event


def chat(*lines, path="acme-webapp/chats/session-2026-11-22T10-12-fd95fbba.jsonl"):
    """The events of these lines, read as one file."""
    read = gemini_chats.reader(path)
    return [event for line in lines for event in read(line)]


def test_an_api_response_log_is_one_call_with_its_thoughts():
    event = one(RESPONSE)

    assert event.id == f"gemini:{SESSION}:{SESSION}:2026-11-22T10:12:03.415Z:10113"
    assert event.time == datetime(2026, 11, 22, 10, 12, 3, 415000, tzinfo=UTC)
    assert (event.user, event.email) == ("alice@example.com", "alice@example.com")
    assert (event.project, event.source) == ("acme-webapp", "cli")
    assert (event.provider, event.model) == ("google", "gemini-2.5-pro")
    assert (event.prompt_tokens, event.completion_tokens) == (8719, 1317 + 77)
    assert event.reasoning_tokens == 77
    assert event.total_tokens == 10113


def test_cached_tokens_are_in_the_prompt_and_those_of_tools_are_not():
    event = one(but(RESPONSE, cached_content_token_count=2048, tool_token_count=12))

    assert (event.prompt_tokens, event.cache_read_tokens) == (8719 + 12, 2048)


def test_an_api_error_log_is_a_failed_call_without_tokens():
    event = one(FAILURE)

    assert event.failed
    assert event.total_tokens == 0
    assert event.model == "gemini-2.5-pro"
    assert event.id.endswith(":2026-11-22T10:12:12.752Z:error")


def test_the_span_of_a_call_and_its_second_log_yield_nothing():
    others = [*SPANS.values(), *(log for log in LOGS.values() if log not in (RESPONSE, FAILURE))]

    assert len(others) == 3
    for record in others:
        assert gemini.claims(record)
        assert list(gemini.read(record)) == []


def test_gemini_cli_is_known_by_scope_service_or_event():
    unknown = Record("logs", "", {}, {})

    assert gemini.claims(unknown._replace(scope="gemini-cli"))
    assert gemini.claims(unknown._replace(resource={"service.name": "gemini-cli"}))
    assert gemini.claims(unknown._replace(name="gemini_cli.api_response"))
    assert not gemini.claims(unknown)
    assert not gemini.claims(unknown._replace(name="gen_ai.client.inference.operation.details"))


def test_calls_of_one_prompt_stay_apart():
    later = but(RESPONSE, event__timestamp="2026-11-22T10:12:04.415Z")

    assert one(RESPONSE).id != one(later).id
    assert one(RESPONSE).id != one(but(RESPONSE, total_token_count=10114)).id


def test_a_response_without_any_count_has_unknown_usage():
    none = dict.fromkeys(gemini.COUNTS)

    assert not one(but(RESPONSE, **none)).usage_known


@pytest.mark.parametrize("count", [-1, 1.5, "many", True])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(InvalidEvent, match="thoughts_token_count"):
        one(but(RESPONSE, thoughts_token_count=count))


def test_a_log_without_a_time_is_refused():
    with pytest.raises(InvalidEvent, match="time"):
        one(but(RESPONSE, time=None))


def test_an_answer_in_a_chat_is_one_call():
    (event,) = chat(HEADER, MESSAGE, EARLY, ANSWER)

    assert event.id == f"gemini-chat:{ANSWER['id']}"
    assert event.time == datetime(2026, 11, 22, 10, 12, 3, 420000, tzinfo=UTC)
    assert (event.user, event.project, event.source) == ("", "acme-webapp", "cli")
    assert (event.provider, event.model) == ("google", "gemini-2.5-pro")
    assert (event.prompt_tokens, event.completion_tokens) == (8719, 1317 + 77)
    assert event.replaces


def test_an_answer_in_a_chat_is_the_call_of_its_log():
    said = {"input": 8719, "output": 1317, "thoughts": 77, "cached_content": 0, "tool": 0}
    counts = {f"{name}_token_count": count for name, count in said.items()}
    log = one(but(RESPONSE, session__id=SESSION, total_token_count=10113, **counts))

    assert chat(HEADER, ANSWER)[0].alike == log.alike != ""
    assert chat(HEADER, ANSWER)[0].teller != log.teller
    assert chat(ANSWER)[0].alike == ""


def test_cached_tokens_of_a_chat_are_in_the_prompt_and_those_of_tools_are_not():
    (event,) = chat(OTHER)

    assert (event.prompt_tokens, event.cache_read_tokens) == (8805 + 12, 2048)
    assert event.total_tokens == OTHER["tokens"]["total"]


def test_a_chat_counts_each_answer_once_however_often_it_is_repeated():
    events = chat(*CHAT, ANSWER)

    assert len(events) == 5
    assert len(once(("", event) for event in events)) == 2


def test_answers_that_only_an_update_holds_are_counted():
    assert [event.model for event in chat(REPEATED)] == ["gemini-2.5-pro", "gemini-2.5-flash"]


def test_an_answer_taken_back_was_used_all_the_same():
    assert len(chat(OTHER, REWIND)) == 1


def test_an_answer_without_an_id_or_tokens_is_no_call():
    assert chat(EARLY, ANSWER | {"id": None}, ANSWER | {"type": "user"}) == []


@pytest.mark.parametrize(
    ("path", "project"),
    [
        (".gemini/tmp/shop/chats/session-a.jsonl", "shop"),
        ("shop\\chats\\parent\\agent.jsonl", "shop"),
        (f"{'ab' * 32}/chats/session-a.jsonl", ""),
        ("chats/session-a.jsonl", ""),
        ("session-a.jsonl", ""),
        ("", ""),
    ],
)
def test_the_project_of_a_chat_is_the_folder_around_all_chats(path, project):
    assert chat(ANSWER, path=path)[0].project == project


@pytest.mark.parametrize("said", ["", "yesterday", None])
def test_an_answer_without_a_time_is_refused(said):
    with pytest.raises(InvalidEvent, match="timestamp"):
        chat(ANSWER | {"timestamp": said})


def test_a_count_in_a_chat_that_is_none_is_refused():
    bad = deepcopy(ANSWER)
    bad["tokens"]["thoughts"] = "many"

    with pytest.raises(InvalidEvent, match="thoughts"):
        chat(bad)


def test_a_chat_is_told_from_the_files_of_others():
    for line in (HEADER, EARLY, ANSWER, UPDATE, REPEATED):
        assert gemini_chats.recognises(line)
    for line in CHAT:
        assert not claude_transcripts.recognises(line)
        assert not codex_rollouts.recognises(line)
    for line in (None, [], "text", {}, {"id": "a", "time": "2026-11-22"}, {"sessionId": "a"}):
        assert not gemini_chats.recognises(line)


def test_no_prompt_gets_into_an_event():
    records = list(decode(json.dumps(SAMPLE["logs"]).encode(), JSON_BODY, "logs"))
    events = [event for record in records for event in gemini.read(record)]

    assert "SECRET" in json.dumps(SAMPLE["logs"])
    assert "SECRET" in json.dumps(CHAT)
    assert "SECRET" not in repr(events + chat(*CHAT))


@settings(max_examples=200, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from([*RESPONSE.attributes]), SCALAR | VALUE))
def test_any_attributes_are_read_or_refused(attributes):
    for record in (RESPONSE, FAILURE):
        changed = record._replace(attributes=record.attributes | attributes)
        read_or_refuse(gemini.read, changed)
        assert gemini.claims(changed)


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(damaged(CHAT), max_size=3), LINES, st.text())
def test_any_lines_of_a_chat_are_read_or_refused(samples, values, path):
    read_or_refuse(gemini_chats.reader(path), *samples, *values)
    for line in [*samples, *values]:
        assert gemini_chats.recognises(line) in (True, False)


def test_captured_logs_in_any_order_and_repeated_give_the_totals_of_the_model_server():
    records = list(sent("gemini-cli", gemini.claims))

    for some in (records, records[::-1] * 2):
        events = [event for record in some for event in gemini.read(record)]
        assert totals((event.user, event) for event in events) == expected("gemini-cli")
    assert len({event.id for event in events if event.failed}) == 1
