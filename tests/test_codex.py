"""usage/ingest/codex.py, codex_rollouts.py - calls of Codex, on both roads."""

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
    expected,
    imported,
    once,
    read_or_refuse,
    sent,
    totals,
)

from usage.ingest import claude_transcripts, codex, codex_rollouts, gemini_chats
from usage.ingest.event import InvalidEvent
from usage.ingest.otlp import Record, decode

SAMPLE = json.loads((Path(__file__).parent / "data" / "codex.json").read_text())
RECORDS = list(decode(json.dumps(SAMPLE["logs"]).encode(), JSON_BODY, "logs"))
PROMPT, ANSWERED, TWIN, USAGE, REFUSED = RECORDS
ROLLOUT = SAMPLE["rollout"]
HEADER, MESSAGE, CONTEXT, RECORD, TOTAL, NEXT_RECORD, NEXT_TOTAL = ROLLOUT
THREAD = "01a202bc-a597-72f2-b810-65e285eb9062"
PARENT = {"subagent": {"thread_spawn": {"parent_thread_id": "parent", "depth": 1}}}


def one(record):
    (event,) = codex.read(record)
    return event


def rollout(*lines, path="2026/11/22/rollout-x.jsonl"):
    """The events of these lines, read as one file."""
    read = codex_rollouts.reader(path)
    return [event for line in lines for event in read(line)]


def header(**changes):
    """The sample's first line, changed."""
    return HEADER | {"payload": HEADER["payload"] | changes}


def counts(prompt, completion=0):
    return dict.fromkeys(codex_rollouts.COUNTS, 0) | {
        "input_tokens": prompt,
        "output_tokens": completion,
    }


def count(at, total=None, last=None, **changes):
    """A token_count as older versions wrote it, `at` so many seconds after the file's start."""
    info = {"total_token_usage": total, "last_token_usage": last}
    payload = {"type": "token_count", "info": {k: v for k, v in info.items() if v is not None}}
    time = f"2026-11-22T10:{at // 60:02}:{at % 60:06.3f}Z"
    return {"timestamp": time, "type": "event_msg", "payload": payload} | changes


def start(**changes):
    return header(**changes) | {"timestamp": "2026-11-22T10:00:00.000Z"}


def test_the_log_with_counts_is_one_call():
    event = one(USAGE)

    time = "2026-11-22T10:10:46.699Z"
    assert event.id == f"codex:01a202bc-a21d-7523-a454-0757e47e7e8f:{time}:6264:1552"
    assert event.time == datetime(2026, 11, 22, 10, 10, 46, 699000, tzinfo=UTC)
    assert (event.user, event.email) == ("alice@example.com", "alice@example.com")
    assert (event.project, event.source) == ("acme-webapp", "cli")
    assert (event.provider, event.model) == ("openai", "gpt-5-codex")
    assert (event.prompt_tokens, event.completion_tokens) == (6264, 1552)
    assert (event.cache_read_tokens, event.cache_write_tokens) == (1024, 0)
    assert event.reasoning_tokens == 64
    assert not event.failed


def test_the_second_record_of_a_response_and_all_other_logs_yield_nothing():
    for record in (PROMPT, TWIN, ANSWERED, ANSWERED._replace(name="codex.tool_result")):
        assert codex.claims(record)
        assert list(codex.read(record)) == []


def test_counts_are_found_under_any_name_of_a_log():
    assert one(USAGE._replace(name="codex.websocket_event")) == one(USAGE)


def test_each_refused_attempt_is_a_failed_call():
    event, again = one(REFUSED), one(but(REFUSED, attempt=1))

    assert event.failed
    assert event.total_tokens == 0
    assert event.usage_known
    assert event.id != again.id


@pytest.mark.parametrize("status", [None, 200, 101, 302])
def test_an_attempt_that_nobody_refused_yields_nothing(status):
    assert list(codex.read(but(REFUSED, http__response__status_code=status))) == []


def said_by(service, scope="", signal="traces", name=""):
    return Record(signal, scope, {"service.name": service}, {}, name)


def test_codex_is_known_by_its_programs_scopes_and_events():
    for program in ("codex_exec", "codex_tui", "codex_cli_rs", "codex-cli", "Codex Desktop"):
        assert codex.claims(said_by(program, "any"))
    assert codex.claims(said_by("codex_new", "codex_new"))
    assert codex.claims(said_by("codex"))
    assert codex.claims(said_by("mine", "codex_otel.log_only", "logs"))
    assert codex.claims(said_by("mine", "", "logs", "codex.sse_event"))


@pytest.mark.parametrize("service", ["codex-search-api", "codex_search", "codex", "codexample", ""])
def test_what_only_has_a_name_like_codex_is_another_program(service):
    for scope in ("opentelemetry.instrumentation.openai_v2", "codex_search.models"):
        assert not codex.claims(said_by(service, scope))
        assert not codex.claims(said_by(service, scope, "logs", "gen_ai.choice"))
    assert not codex.claims(said_by("codex-search-api", "codex-search-api", name="codex.chat"))


@pytest.mark.parametrize(
    ("originator", "source"),
    [
        ("codex_exec", "cli"),
        ("codex_tui", "cli"),
        ("codex_cli_rs", "cli"),
        ("codex_vscode", "ide"),
        ("Codex Desktop", "ui"),
        (None, "cli"),
    ],
)
def test_the_originator_tells_the_source(originator, source):
    assert one(but(USAGE, originator=originator)).source == source


def test_a_call_of_no_tokens_has_unknown_usage():
    none = dict.fromkeys(codex.TOKENS.values(), 0)

    assert not one(but(USAGE, **none)).usage_known


@pytest.mark.parametrize("count", ["-1", "1.5", "many", True])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(InvalidEvent, match="output_token_count"):
        one(but(USAGE, output_token_count=count))


def test_a_log_without_a_time_is_refused():
    with pytest.raises(InvalidEvent, match="time"):
        one(but(USAGE, time=None))


def test_a_rollout_has_one_call_for_each_record_and_none_for_its_totals():
    first, second = rollout(*ROLLOUT)

    assert (first.id, second.id) == ("resp_fake00106", "resp_fake00107")
    assert (first.prompt_tokens, first.completion_tokens) == (6346, 1578)
    assert (first.cache_read_tokens, first.reasoning_tokens) == (1024, 64)
    assert (first.project, first.source, first.user) == ("acme-webapp", "cli", "")
    assert (first.provider, first.model) == ("openai", "gpt-5-codex")
    assert first.time == datetime(2026, 11, 22, 10, 10, 47, 594000, tzinfo=UTC)


def test_a_total_before_its_record_counts_the_call_once():
    events = rollout(HEADER, CONTEXT, TOTAL, RECORD, NEXT_TOTAL, NEXT_RECORD)

    assert [event.prompt_tokens for event in events] == [6346, 6387]


def test_a_response_in_a_rollout_is_the_call_of_its_log():
    used = RECORD["payload"]["usage"]
    names = ("input", "output", "cached", "cache_write", "reasoning")
    fields = [f"{name}_input" if name in ("cached", "cache_write") else name for name in names]
    fields[-1] = "reasoning_output"
    said = {f"{n}_token_count": used[f"{f}_tokens"] for n, f in zip(names, fields, strict=True)}
    log = one(but(USAGE, conversation__id=THREAD, **said))

    assert rollout(HEADER, RECORD)[0].alike == log.alike
    assert rollout(HEADER, TOTAL)[0].alike == log.alike
    assert rollout(header(id="another"), RECORD)[0].alike != log.alike
    assert rollout(HEADER, RECORD)[0].teller != log.teller
    assert one(but(USAGE, conversation__id=None)).alike == ""


def test_a_file_that_an_older_version_began_goes_on_with_records():
    events = rollout(HEADER, CONTEXT, TOTAL, NEXT_RECORD, NEXT_TOTAL)

    assert [event.id for event in events] == [f"codex-thread:{THREAD}:6346:1578", "resp_fake00107"]


def test_an_older_rollout_has_one_call_for_each_growth_of_its_total():
    first, second = rollout(HEADER, CONTEXT, TOTAL, TOTAL, NEXT_TOTAL, NEXT_TOTAL)

    assert first.id == f"codex-thread:{THREAD}:6346:1578"
    assert second.id == f"codex-thread:{THREAD}:12733:3169"
    assert (second.prompt_tokens, second.completion_tokens) == (6387, 1591)
    assert (second.cache_read_tokens, second.reasoning_tokens) == (0, 64)


def test_an_older_rollout_read_again_after_it_grew_has_the_same_ids():
    before, after = rollout(HEADER, TOTAL), rollout(HEADER, TOTAL, NEXT_TOTAL)

    assert after[0] == before[0]


def test_several_calls_between_two_totals_are_all_counted():
    lines = [count(5, counts(100, 10), counts(100, 10)), count(9, counts(400, 40), counts(200, 20))]

    assert [event.prompt_tokens for event in rollout(start(), *lines)] == [100, 300]


def test_a_total_that_began_anew_counts_what_was_used_last():
    lines = [count(5, counts(900), counts(900)), count(9, counts(50), counts(50))]

    assert [event.prompt_tokens for event in rollout(start(), *lines)] == [900, 50]


def test_without_a_total_what_was_used_last_is_added_up():
    events = rollout(start(), count(5, last=counts(10)), count(9, last=counts(20)))

    assert [event.prompt_tokens for event in events] == [10, 20]
    assert [event.id for event in events] == [
        f"codex-thread:{THREAD}:10:0",
        f"codex-thread:{THREAD}:30:0",
    ]


def test_a_limit_that_was_told_without_usage_is_no_call():
    assert rollout(start(), count(5), count(6) | {"payload": {"type": "token_count"}}) == []


def test_the_model_is_that_of_the_turn():
    other = CONTEXT | {"payload": {"model": "gpt-5"}}

    events = rollout(HEADER, CONTEXT, RECORD, other, NEXT_RECORD)

    assert [event.model for event in events] == ["gpt-5-codex", "gpt-5"]


@pytest.mark.parametrize(
    "parent",
    [{"source": PARENT}, {"forked_from_id": "parent"}, {"parent_thread_id": "parent"}],
)
@pytest.mark.parametrize(
    "written",
    [
        ("10:00:00.100", "10:00:00.100"),
        ("10:00:00.900", "10:00:01.500"),
        ("09:10:00.000", "10:00:00.100"),
    ],
)
def test_what_a_fork_copied_from_its_parent_is_not_counted_again(parent, written):
    copied = [
        count(0, counts(total), timestamp=f"2026-11-22T{time}Z")
        for total, time in zip((100, 300), written, strict=True)
    ]
    copied_header = header(id="parent", cwd="/elsewhere")
    own = count(70, counts(350), counts(50))

    (event,) = rollout(start(**parent), copied_header, *copied, own)

    assert (event.prompt_tokens, event.project) == (50, "acme-webapp")
    assert event.id == f"codex-thread:{THREAD}:350:0"


def test_a_fork_says_itself_where_its_own_lines_begin():
    meta = start(source=PARENT, subagent_history_start_ordinal=3)
    lines = [count(40, counts(100), ordinal=2), count(0, counts(150), counts(50), ordinal=3)]

    assert [event.prompt_tokens for event in rollout(meta, *lines)] == [50]


def test_a_fork_that_copied_nothing_begins_with_what_was_used_last():
    # The total that it took over belongs to its parent.
    lines = [count(3, counts(9000), counts(0)), count(9, counts(9040), counts(40))]

    assert [e.prompt_tokens for e in rollout(start(forked_from_id="parent"), *lines)] == [40]


def test_a_thread_without_a_header_is_named_by_its_file():
    (event,) = rollout(TOTAL, path="2026\\11\\rollout-a.jsonl")

    assert event.id == "codex-thread:rollout-a:6346:1578"
    assert (event.project, event.source, event.model) == ("", "cli", "")


def test_the_extension_of_an_editor_makes_a_rollout_ide():
    assert rollout(header(originator="codex_vscode"), RECORD)[0].source == "ide"
    assert rollout(header(originator=None, source="vscode"), RECORD)[0].source == "ide"


@pytest.mark.parametrize("said", ["", "yesterday", None])
def test_a_response_without_a_time_is_refused(said):
    with pytest.raises(InvalidEvent, match="timestamp"):
        rollout(RECORD | {"timestamp": said})


def test_a_count_in_a_rollout_that_is_none_is_refused():
    bad = deepcopy(RECORD)
    bad["payload"]["usage"]["output_tokens"] = "many"

    with pytest.raises(InvalidEvent, match="output_tokens"):
        rollout(bad)


def test_a_rollout_is_told_from_the_files_of_others():
    for line in ROLLOUT:
        assert codex_rollouts.recognises(line)
        assert not claude_transcripts.recognises(line)
        assert not gemini_chats.recognises(line)
    for line in (None, [], "text", {}, {"type": "session_meta"}, {"type": "x", "payload": {}}):
        assert not codex_rollouts.recognises(line)


def test_no_prompt_gets_into_an_event():
    events = [event for record in RECORDS for event in codex.read(record)]

    assert "SECRET" in json.dumps(SAMPLE["logs"])
    assert "SECRET" in json.dumps(ROLLOUT)
    assert "SECRET" not in repr(events + rollout(*ROLLOUT))


@settings(max_examples=200, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from([*USAGE.attributes, *codex.ATTEMPT]), SCALAR | VALUE))
def test_any_attributes_are_read_or_refused(attributes):
    for record in (USAGE, REFUSED):
        changed = record._replace(attributes=record.attributes | attributes)
        read_or_refuse(codex.read, changed)
        assert codex.claims(changed)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(damaged([*ROLLOUT, start(source=PARENT)]), max_size=6), LINES)
def test_any_lines_of_a_rollout_are_read_or_refused(samples, values):
    read_or_refuse(codex_rollouts.reader("a/b.jsonl"), *samples, *values)
    for line in [*samples, *values]:
        assert codex_rollouts.recognises(line) in (True, False)


def test_captured_logs_in_any_order_and_repeated_give_the_totals_of_the_model_server():
    records = list(sent("codex", codex.claims))

    for some in (records, records[::-1] * 2):
        events = [event for record in some for event in codex.read(record)]
        assert totals((event.user, event) for event in events) == expected("codex")
    # Five more attempts were refused, but Codex ended before it had sent their logs.
    assert len({event.id for event in events if event.failed}) == 8


@pytest.mark.parametrize("without", ["", "token_usage_record", "token_count"])
def test_captured_rollouts_give_the_totals_of_the_model_server(without):
    files = list(imported("codex-sessions", codex_rollouts, without))

    assert totals(files) == expected("codex")
    assert len(once(files)) == len(files) == 5
