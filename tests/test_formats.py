"""flask import: files of every program are recognised and read."""

import json

import pytest
from conftest import CAPTURES, ROOT, native

from models import Event
from usage.ingest import files, formats
from usage.ingest.otlp import decode
from usage.rollups import verify

DATA = ROOT / "tests" / "data"
COUNTS = {
    "calls": "calls",
    "prompt_tokens": "input_total",
    "completion_tokens": "output_total",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
}
captured = pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not here")


@pytest.fixture
def run(app):
    """Runs flask import; returns its exit code and output."""

    def invoke(*args):
        result = app.test_cli_runner().invoke(args=["import", *map(str, args)])
        return result.exit_code, result.output

    return invoke


def totals(anonymous, make_key):
    answer = anonymous.get("/api/v1/leaderboard?days=3660", headers=make_key("read"))
    return {name: answer.get_json()["totals"][name] for name in COUNTS}


def due(name):
    answered = json.loads((CAPTURES / name / "expected.json").read_text())["totals"]["ALL"]
    return {ours: answered[theirs] for ours, theirs in COUNTS.items()}


@captured
@pytest.mark.parametrize(
    ("name", "same"), [("claude-code-transcripts", "claude-code"), ("codex-sessions", "codex")]
)
def test_session_files_arrive_as_they_were_answered(run, anonymous, make_key, name, same):
    people = [path for path in (CAPTURES / name).iterdir() if path.is_dir()]
    for person in people * 2:
        assert run(person, "--user", person.name)[0] == 0

    assert totals(anonymous, make_key) == due(same)
    assert verify() == []


@captured
def test_transcripts_after_the_same_telemetry_change_nothing(run, anonymous, make_key):
    key = make_key("ingest")
    for file in (CAPTURES / "claude-code").glob("*.headers.json"):
        told = json.loads(file.read_text())
        headers = {name.lower(): value for name, value in told["headers"]}
        anonymous.post(
            told["path"].replace("/c/claude-code", ""),
            data=file.with_name(file.name.replace("headers.json", "body.bin")).read_bytes(),
            headers=key | {"Content-Type": headers["content-type"]},
        )
    before = totals(anonymous, make_key)

    for name in ("alice", "bob"):
        run(CAPTURES / "claude-code-transcripts" / name, "--user", f"{name}@example.com")

    assert totals(anonymous, make_key) == before == due("claude-code")


@pytest.mark.parametrize("number_alone", [True, False])
def test_the_person_of_a_transcript_changes_none_that_its_telemetry_named(
    run, anonymous, make_key, tmp_path, number_alone
):
    sample, file = json.loads((DATA / "claude_code.json").read_text()), tmp_path / "session.jsonl"
    logs = json.dumps(sample["logs"])
    logs = logs.replace("enduser.id", "someone") if number_alone else logs
    headers = make_key("ingest") | {"Content-Type": "application/json"}
    anonymous.post("/v1/logs", data=logs, headers=headers)
    file.write_text("\n".join(map(json.dumps, sample["transcript"])))

    run(file, "--user", "ada")

    calls = Event.select().where(Event.event_id == "req_fake00001")
    assert [call.user.username for call in calls] == [
        "ada" if number_alone else "alice@example.com"
    ]
    assert verify() == []


def test_litellms_table_changes_nothing_of_what_its_callback_told(
    run, anonymous, make_key, tmp_path
):
    payload = json.loads((DATA / "litellm.json").read_text())[0]
    row, file = (
        json.loads((DATA / "exports.json").read_text())["spend_logs"],
        tmp_path / "rows.json",
    )
    anonymous.post("/ingest/litellm", json=payload, headers=make_key("ingest"))
    file.write_text(json.dumps([row, row | {"request_id": "chatcmpl-lost"}]))

    run(file)

    calls = {call.event_id: call.user.username for call in Event.select()}
    assert calls == {row["request_id"]: "alice@example.com", "chatcmpl-lost": "u-alice"}
    assert verify() == []


@pytest.mark.parametrize("sample", json.loads((DATA / "exports.json").read_text()).items())
def test_an_export_is_recognised_by_what_is_in_it(sample):
    name, content = sample
    for record in content if isinstance(content, list) else [content]:
        assert name.replace("_", "-").startswith(formats.recognise([record]))


def as_array(*records):
    return json.dumps(records)


def as_page(*records):
    return json.dumps({"data": records, "meta": {"cursor": None}}, indent=1)


def as_array_of_pages(*records):
    return json.dumps([{"data": [one], "meta": {}} for one in records])


def as_pages_line_by_line(*records):
    return "".join(json.dumps({"data": [one]}) + "\n" for one in records)


def as_lines(*records):
    return "".join(json.dumps(one) + "\n" for one in records)


@pytest.mark.parametrize(
    "form", [as_array, as_page, as_array_of_pages, as_pages_line_by_line, as_lines]
)
@pytest.mark.parametrize(
    ("name", "id_name"),
    [("spend_logs", "request_id"), ("langfuse", "id"), ("helicone", "request_id")],
)
def test_what_an_api_answers_is_recognised_and_read_as_it_was_saved(tmp_path, name, id_name, form):
    path = tmp_path / "saved.json"
    record = json.loads((DATA / "exports.json").read_text())[name] | {"sessionId": "s-1"}
    path.write_text(form(record, record | {id_name: "another"}))

    read_as, records = files.open_file(path, "auto", path.name, lambda count: None)

    assert read_as.name == name.replace("_", "-")
    assert len({event.id for _, one in records for event in read_as.read(one)}) == 2


def inside(value):
    """Every object in a sample, the outermost first."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from inside(inner)


def test_every_format_has_a_sample_and_is_told_of_in_the_documents():
    samples = [one for file in DATA.glob("*.json") for one in inside(json.loads(file.read_text()))]
    told = (ROOT / "README.md").read_text() + (ROOT / "docs" / "senders.md").read_text()

    assert {formats.recognise([one]) for one in [*samples, native(1)]} == {None, *formats.FILES}
    for name in formats.FILES:
        assert all(word in told.lower() for word in name.split("-")), name


def test_a_row_of_litellms_table_is_not_taken_for_what_its_callback_sends():
    row = json.loads((DATA / "exports.json").read_text())["spend_logs"]

    assert formats.recognise([row | {"litellm_call_id": "c", "session_id": "s"}]) == "spend-logs"


def test_every_client_of_opentelemetry_claims_records_of_a_sample():
    claimed = []
    for file in DATA.glob("*.json"):
        for one in inside(json.loads(file.read_text())):
            signal = "logs" if "resourceLogs" in one else "traces"
            for record in decode(json.dumps(one).encode(), "application/json", signal):
                claimed.append(next(c for c in formats.CLIENTS if c.claims(record)))

    assert set(claimed) == set(formats.CLIENTS)


def test_only_native_events_say_themselves_who_and_what_for():
    explicit = {name for name in (*formats.FILES, "otlp") if formats.of(name).explicit}

    assert explicit == {"native"}
    assert all(formats.of(name).name == name for name in (*formats.FILES, "otlp"))


def test_a_report_imported_again_replaces_and_never_adds(run, anonymous, make_key, tmp_path):
    bucket = {"start_time": 1795305600, "end_time": 1795392000, "object": "bucket"}
    report = tmp_path / "usage.json"
    for requests in (5, 5, 8):
        result = {
            "object": "organization.usage.completions.result",
            "input_tokens": 200 * requests,
            "output_tokens": 10 * requests,
            "num_model_requests": requests,
            "user_id": "user-vera",
            "model": "gpt-4.1",
        }
        page = {"object": "page", "data": [bucket | {"results": [result]}]}
        report.write_text(json.dumps(page))
        assert run(report)[0] == 0

    found = totals(anonymous, make_key)
    assert (found["calls"], found["prompt_tokens"]) == (8, 1600)


@pytest.mark.parametrize("calls_first", [True, False])
def test_a_report_never_counts_beside_calls_of_the_same_day(
    run, anonymous, make_key, make_usage, tmp_path, calls_first
):
    day = {"starting_at": "2026-11-22T00:00:00Z", "ending_at": "2026-11-23T00:00:00Z"}
    sums = {
        "account_id": "vera",
        "model": "claude-sonnet-4-5",
        "uncached_input_tokens": 700,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
        "output_tokens": 70,
    }
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"data": [day | {"results": [sums]}]}))

    if calls_first:
        make_usage("vera", model="claude-sonnet-4-5")
    run(report)
    if not calls_first:
        make_usage("vera", model="claude-sonnet-4-5")

    found = totals(anonymous, make_key)
    assert (found["calls"], found["prompt_tokens"]) == (1, 1000)
    assert Event.select().count() == 2
    assert verify() == []
