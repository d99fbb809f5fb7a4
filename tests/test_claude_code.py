"""usage/ingest/claude_code.py, claude_transcripts.py - calls of Claude Code, on both roads."""

import json
from collections import Counter, defaultdict
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import CAPTURES
from hypothesis import given, settings
from hypothesis import strategies as st

from usage.ingest import claude_code, claude_transcripts, codex_rollouts, gemini_chats
from usage.ingest.event import InvalidEvent
from usage.ingest.otlp import Record, decode

DATA = Path(__file__).parent / "data"
SAMPLE = json.loads((DATA / "claude_code.json").read_text())
TRANSCRIPT = SAMPLE["transcript"]
PROMPT, ANSWER, PART, SAME_PART, ERROR = range(5)
JSON_BODY, EDGES = (
    "application/json",
    [float("nan"), 10**400, "\ud800", "\x00", "9" * 5000],
)
SCALAR = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(EDGES)
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
LINES = st.lists(VALUE, max_size=3)
COUNTED = {
    "prompt_tokens": "input_total",
    "completion_tokens": "output_total",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
}


def decoded(sample, signal="logs"):
    """The records of a sample, by name."""
    body = json.dumps(sample).encode()
    return {record.name: record for record in decode(body, JSON_BODY, signal)}


def but(record, name=None, time=..., **changes):
    """A record with other attributes; their names have "_" for ".", and None leaves one out."""
    attributes = record.attributes | {n.replace("__", "."): v for n, v in changes.items()}
    attributes = {name: value for name, value in attributes.items() if value is not None}
    time = record.time if time is ... else time
    return record._replace(attributes=attributes, name=name or record.name, time=time)


@st.composite
def damaged(draw, samples):
    """A sample with up to three values in it replaced by any."""
    sample = deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 3))):
        place = sample
        while True:
            key = draw(
                st.sampled_from(list(place) if isinstance(place, dict) else range(len(place)))
            )
            if not (isinstance(place[key], dict | list) and place[key]) or draw(st.booleans()):
                break
            place = place[key]
        place[key] = draw(VALUE)
    return sample


def read_or_refuse(read, *records):
    """Only InvalidEvent may come out of records that aren't understood."""
    for record in records:
        with suppress(InvalidEvent):
            list(read(record))


def sent(name, claims):
    """The records of a captured set's taken requests, all of them claimed by their adapter."""
    folder = CAPTURES / name
    if not folder.is_dir():
        pytest.skip("the captures are not part of the repository")
    for path in sorted(folder.glob("*.headers.json")):
        request = json.loads(path.read_bytes())
        headers = {name.lower(): value for name, value in request["headers"]}
        body = path.with_name(path.name.replace(".headers.json", ".body.bin")).read_bytes()
        signal = request["path"].rpartition("/")[2]
        if request["answered_status"] == 200:
            for record in decode(body, headers["content-type"], signal):
                assert claims(record)
                yield record


def imported(name, adapter, without=""):
    """Pairs of user and event of a captured set of files, less the lines with `without`.

    The top folder is the user's.
    """
    folder = CAPTURES / name
    if not folder.is_dir():
        pytest.skip("the captures are not part of the repository")
    for path in sorted(folder.rglob("*.jsonl")):
        where = path.relative_to(folder)
        read = adapter.reader(str(where))
        lines = path.read_text().strip().split("\n")
        lines = [line for line in lines if not without or without not in line]
        assert adapter.recognises(json.loads(lines[0]))
        for line in lines:
            for event in read(json.loads(line)):
                yield f"{where.parts[0]}@example.com", event


def once(pairs):
    """The calls among pairs of user and event: one per user and shared id, the largest."""
    calls, known = [], {}
    for user, event in pairs:
        ids = {(user, id) for id in (event.id, *event.also)}
        at = next((known[id] for id in ids if id in known), len(calls))
        if at == len(calls):
            calls.append((user, event))
        elif event.replaces and event.total_tokens > calls[at][1].total_tokens:
            calls[at] = (user, event)
        known |= dict.fromkeys(ids, at)
    return calls


def totals(pairs):
    """What expected.json holds as totals: per user and model, and in all."""
    found = defaultdict(Counter)
    for user, event in once(pairs):
        for key in ("ALL", f"{user} | {event.model}"):
            found[key]["calls"] += not event.failed
            found[key].update({theirs: getattr(event, ours) for ours, theirs in COUNTED.items()})
    return {key: dict(counts) for key, counts in found.items() if counts["calls"]}


def expected(name):
    """What the model server of a captured set really answered."""
    read = json.loads((CAPTURES / name / "expected.json").read_bytes())
    for counts in read["totals"].values():
        del counts["input_uncached"]
    return read["totals"]


LOGS = decoded(SAMPLE["logs"])
REQUEST, FAILURE = LOGS["api_request"], LOGS["api_error"]
SPAN = REQUEST._replace(signal="traces", name="claude_code.llm_request")


def one(record):
    (event,) = claude_code.read(record)
    return event


def lines(*numbers, path="acme/session.jsonl", **changes):
    """The events of these lines of the sample transcript, read as one file."""
    read = claude_transcripts.reader(path)
    return [event for n in numbers for event in read(TRANSCRIPT[n] | changes)]


def test_an_api_request_log_is_one_call_with_all_input_counted():
    event = one(REQUEST)

    assert event.id == "req_fake00001"
    assert (event.user, event.email) == ("alice@example.com", "alice@example.com")
    assert (event.project, event.source) == ("acme-webapp", "cli")
    assert (event.provider, event.model) == ("anthropic", "claude-sonnet-4-5")
    assert event.time == datetime(2026, 11, 22, 10, 8, 22, 464000, tzinfo=UTC)
    assert (event.prompt_tokens, event.completion_tokens) == (53 + 4010 + 701, 157)
    assert (event.cache_read_tokens, event.cache_write_tokens) == (4010, 701)
    assert event.cost_usd == Decimal("0.00634575")
    assert not event.failed
    assert event.usage_known
    assert event.replaces


def test_an_api_error_log_is_a_failed_call_without_tokens():
    event = one(FAILURE)

    assert event.failed
    assert event.id == "req_fake0006"
    assert event.total_tokens == 0
    assert event.cost_usd is None


def test_a_span_is_the_call_of_its_log():
    span = but(SPAN, request_id=None, gen_ai__response__id="req_fake00001")

    assert one(span) == one(REQUEST)


@pytest.mark.parametrize("span", [but(SPAN, success=False), SPAN._replace(failed=True)])
def test_a_failed_span_is_a_failed_call(span):
    assert one(span).failed
    assert one(span).total_tokens == 0


def test_other_records_of_claude_code_are_claimed_and_yield_nothing():
    for name in ("user_prompt", "assistant_response", "tool_result", "claude_code.tool", ""):
        record = REQUEST._replace(name=name)
        assert claude_code.claims(record)
        assert list(claude_code.read(record)) == []


def test_claude_code_is_known_by_scope_service_or_event():
    unknown = Record("logs", "", {}, {})

    assert not claude_code.claims(unknown)
    assert not claude_code.claims(unknown._replace(scope="com.anthropic.sdk.python"))
    assert claude_code.claims(unknown._replace(scope="com.anthropic.claude_code.events"))
    assert claude_code.claims(unknown._replace(name="claude_code.api_request"))
    assert claude_code.claims(unknown._replace(resource={"service.name": "claude-code"}))


def test_without_a_request_id_two_calls_stay_two_and_a_repeated_log_stays_one():
    bedrock = but(REQUEST, request_id=None)

    assert one(bedrock).id.startswith("claude-code:11111111-1111-4111-8111-111111111111:")
    assert one(bedrock).id == one(but(REQUEST, request_id=None)).id
    assert one(bedrock).id != one(but(bedrock, output_tokens=158)).id
    assert one(bedrock).id != one(but(bedrock, event__timestamp="2026-11-22T10:08:23Z")).id


def test_without_a_request_id_log_span_and_transcript_are_known_by_what_they_count():
    (answer,) = lines(ANSWER, requestId=None)
    span = but(SPAN, request_id=None)._replace(span_id="b" * 16)
    told = [one(but(REQUEST, request_id=None)), one(span), answer]

    assert {event.alike for event in told} == {answer.alike} != {""}
    assert len({event.id for event in told}) == len({event.teller for event in told}) == 3
    assert one(REQUEST).alike == lines(ANSWER)[0].alike == ""


def test_without_any_id_a_span_would_count_its_log_again():
    assert list(claude_code.read(but(SPAN, request_id=None))) == []


@pytest.mark.parametrize(
    ("entrypoint", "terminal", "source"),
    [
        ("cli", "xterm", "cli"),
        ("sdk-cli", "", "cli"),
        ("claude-vscode", "", "ide"),
        ("cli", "vscode", "ide"),
        ("cli", "cursor", "ide"),
        ("cli", "JetBrains-JediTerm", "ide"),
        ("claude-desktop", "", "ui"),
        (None, None, "cli"),
    ],
)
def test_an_editor_or_its_terminal_makes_it_ide(entrypoint, terminal, source):
    record = but(REQUEST, app__entrypoint=entrypoint, terminal__type=terminal)

    assert one(record).source == source


def test_who_and_what_for_are_unassigned_when_nobody_says():
    unsaid = {"enduser__id": None, "user__id": None, "project": None, "team__id": None}
    alone = but(REQUEST, **unsaid)._replace(resource={})

    assert (one(alone).user, one(alone).project, one(alone).test_type) == ("", "", "")


def test_the_kind_of_work_may_be_named_like_the_project():
    around = REQUEST._replace(resource=REQUEST.resource | {"test_type": "Unit Tests"})

    assert one(around).test_type == "Unit Tests"


def test_counts_may_be_digits_and_absent_ones_are_zero():
    event = one(but(REQUEST, input_tokens="53", cache_read_tokens=None))

    assert event.prompt_tokens == 53 + 701


def test_a_call_without_any_count_has_unknown_usage():
    none = dict.fromkeys(claude_code.COUNTS)

    assert not one(but(REQUEST, **none)).usage_known
    assert one(FAILURE).usage_known


@pytest.mark.parametrize("count", [-1, 1.5, "many", True])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(InvalidEvent, match="output_tokens"):
        one(but(REQUEST, output_tokens=count))


@pytest.mark.parametrize("dollars", [0, -1, "much", True, None, float("nan"), 10**9])
def test_a_cost_that_says_nothing_is_unknown(dollars):
    assert one(but(REQUEST, cost_usd=dollars, cost_usd_micros=None)).cost_usd is None


def test_a_cost_may_be_digits_or_be_told_in_millionths_alone():
    assert one(but(REQUEST, cost_usd="0.00634575")).cost_usd == Decimal("0.00634575")
    assert one(but(REQUEST, cost_usd=None, cost_usd_micros=6346)).cost_usd == Decimal("0.006346")


def test_a_log_without_a_time_is_refused():
    with pytest.raises(InvalidEvent, match="time"):
        one(but(REQUEST, time=None))


def test_an_answer_in_a_transcript_is_the_call_of_its_log():
    (event,) = lines(PROMPT, ANSWER)
    logged = one(REQUEST)

    assert (event.id, event.also) == (logged.id, ("msg_fake00001",))
    for name in (*COUNTED, "project", "source", "provider", "model"):
        assert getattr(event, name) == getattr(logged, name)
    assert event.user == ""
    assert event.replaces
    assert list(event.time.timetuple()[:5]) == [2026, 11, 22, 10, 8]


def test_each_part_of_an_answer_repeats_its_call():
    assert [event.id for event in lines(PART, SAME_PART)] == ["req_fake00002"] * 2
    assert len(once(("", event) for event in lines(PART, SAME_PART))) == 1


def test_an_answer_that_is_still_growing_is_replaced_by_the_whole():
    early = deepcopy(TRANSCRIPT[PART])
    early["message"]["usage"]["output_tokens"] = 1
    read = claude_transcripts.reader("")

    ((_, event),) = once(("", e) for line in (early, TRANSCRIPT[PART]) for e in read(line))

    assert event.completion_tokens == 164


def test_an_answer_replayed_by_a_sub_agent_is_known_by_its_message():
    replay = lines(ANSWER, requestId="req_of_the_agent", isSidechain=True)

    assert len(once(("", event) for event in lines(ANSWER) + replay)) == 1


def test_a_transcript_without_request_ids_goes_by_message_and_without_both_by_line():
    said = {"requestId": None, "sessionId": ""}
    (by_message,) = lines(ANSWER, **said)
    (by_line,) = lines(ANSWER, **said, message=TRANSCRIPT[ANSWER]["message"] | {"id": ""})

    assert (by_message.id, by_message.also) == ("msg_fake00001", ())
    assert (by_line.id, by_line.also) == (f"claude-code:{TRANSCRIPT[ANSWER]['uuid']}", ())


def test_errors_and_synthetic_answers_are_no_calls():
    synthetic = TRANSCRIPT[ANSWER]["message"] | {"model": "<synthetic>"}

    assert lines(ERROR) == []
    assert lines(ANSWER, isApiErrorMessage=True) == []
    assert lines(ANSWER, message=synthetic) == []


def test_the_project_of_a_transcript_is_the_folder_it_was_started_in():
    read = claude_transcripts.reader("")
    moved = TRANSCRIPT[ANSWER] | {"cwd": "/home/ada/work/acme-webapp/src/views"}

    assert [e.project for line in (TRANSCRIPT[PROMPT], moved) for e in read(line)] == [
        "acme-webapp"
    ]
    assert lines(ANSWER, cwd="C:\\Users\\ada\\shop")[0].project == "shop"
    assert lines(ANSWER, cwd="/" + "long" * 50)[0].project == ("long" * 50)[:100]
    assert lines(ANSWER, cwd=None)[0].project == ""


def test_the_extension_of_an_editor_makes_a_transcript_ide():
    assert lines(ANSWER, entrypoint="claude-vscode")[0].source == "ide"
    assert lines(ANSWER, entrypoint=None)[0].source == "cli"


def test_older_transcripts_say_what_a_call_cost():
    assert lines(ANSWER, costUSD=0.25)[0].cost_usd == Decimal("0.25")
    assert lines(ANSWER)[0].cost_usd is None


@pytest.mark.parametrize("said", ["", "yesterday", None, 7])
def test_an_answer_without_a_time_is_refused(said):
    with pytest.raises(InvalidEvent, match="timestamp"):
        lines(ANSWER, timestamp=said)


def test_a_time_without_a_zone_is_utc():
    assert lines(ANSWER, timestamp="2026-11-22T10:00:00")[0].time.hour == 10


def test_a_transcript_is_told_from_the_files_of_others():
    for line in [*TRANSCRIPT, {"type": "summary", "summary": "", "leafUuid": "f6"}]:
        assert claude_transcripts.recognises(line)
        assert not codex_rollouts.recognises(line)
        assert not gemini_chats.recognises(line)
    for line in (None, [], "text", {}, {"id": "a", "type": "message"}, {"sessionId": "a"}):
        assert not claude_transcripts.recognises(line)


def test_no_prompt_gets_into_an_event():
    logs = decode(json.dumps(SAMPLE["logs"]).encode(), JSON_BODY, "logs")

    events = [event for record in logs for event in claude_code.read(record)]

    assert "SECRET" in json.dumps(SAMPLE["logs"])
    assert "SECRET" in json.dumps(TRANSCRIPT)
    assert "SECRET" not in repr(events + lines(*range(5)))


@settings(max_examples=200, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from([*REQUEST.attributes, "success"]), SCALAR | VALUE))
def test_any_attributes_are_read_or_refused(attributes):
    for record in (REQUEST, FAILURE, SPAN):
        changed = record._replace(attributes=record.attributes | attributes)
        read_or_refuse(claude_code.read, changed)
        assert claude_code.claims(changed)


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(damaged(TRANSCRIPT), max_size=3), LINES)
def test_any_lines_of_a_transcript_are_read_or_refused(samples, values):
    read_or_refuse(claude_transcripts.reader("a/b.jsonl"), *samples, *values)
    for line in [*samples, *values]:
        assert claude_transcripts.recognises(line) in (True, False)


def test_captured_logs_in_any_order_and_repeated_give_the_totals_of_the_model_server():
    records = list(sent("claude-code", claude_code.claims))

    for some in (records, records[::-1] * 2):
        events = [event for record in some for event in claude_code.read(record)]
        assert totals((event.user, event) for event in events) == expected("claude-code")
    assert len({event.id for event in events if event.failed}) == 1


def test_captured_transcripts_give_the_same_totals_and_add_nothing_to_the_logs():
    files = list(imported("claude-code-transcripts", claude_transcripts))
    records = sent("claude-code", claude_code.claims)
    logs = [(event.user, event) for record in records for event in claude_code.read(record)]

    assert totals(files) == totals(logs + files) == totals(files + logs) == expected("claude-code")
    assert len(once(logs + files)) == len(once(logs))
