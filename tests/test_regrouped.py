"""POST /v1/… - the same records in other bodies, encodings and orders come to the same calls."""

import gzip
import json
import zlib
from base64 import b64encode
from io import BytesIO
from itertools import permutations
from random import Random

import pytest
from conftest import CAPTURES, ON_ONE_DATABASE, ROOT
from test_telemetry import FIELDS, JSON, SETS, captured, in_the_other_encoding, with_ids

import models
from usage import changes
from usage.rollups import verify

LEVELS = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
}
SAMPLES = {"claude_code": "logs", "codex": "logs", "gemini": "logs spans"}
SAMPLES |= {"qwen": "logs spans", "genai_logs": "", "genai_traces": ""}


def sample(name):
    """The records of one of our own samples, with the metrics that come beside such."""
    document = json.loads((ROOT / "tests" / "data" / f"{name}.json").read_text())
    for road in SAMPLES[name].split() or [""]:
        told = document[road] if road else document
        yield from records("traces" if "resourceSpans" in told else "logs", told)
    yield from metrics()


def metrics():
    """The same tokens as a counter that begins anew and as one that goes on growing."""
    for name, temporality in (("claude_code.token.usage", 1), ("gen_ai.client.token.usage", 2)):
        for total in (1000, 2500):
            points = [{"asInt": str(total), "attributes": [], "timeUnixNano": str(total)}]
            told = {"dataPoints": points, "aggregationTemporality": temporality}
            scope = {"scope": {}, "metrics": [{"name": name, "sum": told}]}
            yield "metrics", {"resource": {}, "scopeMetrics": [scope]}


def capture(name):
    """The records of all bodies of a captured set."""
    for signal, body, content_type, headers in captured(name):
        if content_type != JSON:
            request = signal, body, content_type, headers
            _signal, body, _type, headers = in_the_other_encoding(*request)
        if headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        yield from records(signal, json.loads(body))


def records(signal, document):
    """Each record by itself, in the group and the scope that it came in."""
    groups, scopes, items = LEVELS[signal]
    for group in document.get(groups, []):
        for scope in group.get(scopes, []):
            for item in scope.get(items, []):
                yield signal, group | {scopes: [scope | {items: [item]}]}


def bodies(random, told, most):
    """The records in any order, up to so many of a signal in a body."""
    told = random.sample(told, len(told))
    found = []
    for signal, (groups, _, _) in LEVELS.items():
        those = [group for kind, group in told if kind == signal]
        while those:
            count = random.randint(1, most)
            found.append((signal, {groups: those[:count]}))
            those = those[count:]
    return random.sample(found, len(found))


def whole(told):
    """A body for each signal."""
    signals = {signal: [group for kind, group in told if kind == signal] for signal in LEVELS}
    return [(signal, {LEVELS[signal][0]: groups}) for signal, groups in signals.items() if groups]


def one_by_one(random, told):
    """A body for each record."""
    return bodies(random, told, 1)


def after_a_refusal(random, told):
    """Half of the bodies were taken; the sender puts all of it together anew, and sends it."""
    sent = bodies(random, told, 1 + len(told) // 9)
    return sent[: len(sent) // 2] + bodies(random, told, 1 + len(told) // 5)


@pytest.fixture
def send(send_signal):
    """Posts a body to a signal's address, where all of it is taken."""

    def post(*about, **headers):
        response = send_signal(*about, **headers)
        assert (response.status_code, response.data) == (200, b"{}")

    return post


@pytest.fixture
def totals(anonymous, make_key):
    """What the leaderboard says: the whole, and the calls of each person."""

    def ask():
        assert verify() == []
        board = anonymous.get("/api/v1/leaderboard", headers=make_key("read")).get_json()
        whole = board["totals"]
        names = (*FIELDS, "failed_calls", "unknown_calls")
        people = {one["username"]: one["calls"] for one in board["standings"]}
        return {name: whole.get(name, 0) for name in names}, people

    return ask


def start_over():
    with changes.noted():
        rollups = models.DailyUsage, models.WeeklyUsage
        for table in (models.Event, models.CallId, models.TraceName, *rollups):
            table.delete().execute()
        changes.touch_everything()


@ON_ONE_DATABASE
@pytest.mark.parametrize("form", [one_by_one, after_a_refusal])
@pytest.mark.parametrize("name", SAMPLES)
def test_records_in_other_bodies_come_to_what_they_were_as_sent(send, totals, name, form):
    told = list(sample(name))
    for body in whole(told):
        send(*body)
    due = totals()
    start_over()

    for body in form(Random(name), told):
        send(*body)

    assert due[0]["calls"]
    assert totals() == due


@ON_ONE_DATABASE
@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not here")
@pytest.mark.parametrize("name", SETS)
def test_captured_records_in_other_bodies_arrive_as_they_were_answered(send, totals, name):
    for body in after_a_refusal(Random(name), list(capture(name))):
        send(*body)

    due = json.loads((CAPTURES / name / "expected.json").read_text())["totals"]
    people = {}
    for key, row in due.items():
        if key != "ALL":
            person = key.split(" | ")[0]
            people[person] = people.get(person, 0) + row["calls"]
    whole, found = totals()
    assert {ours: whole[ours] for ours in FIELDS} == {o: due["ALL"][t] for o, t in FIELDS.items()}
    assert {person: calls for person, calls in found.items() if calls} == people


def told(signal, scope, name, parent="", **said):
    """A span or a log of one call of Anthropic's, with these attributes, in one trace."""
    attributes = [
        {"key": key, "value": {"intValue" if type(value) is int else "stringValue": value}}
        for key, value in said.items()
    ]
    moment = {"endTimeUnixNano": "1795342724000000000", "timeUnixNano": "1795342724000000000"}
    ids = {"traceId": "c" * 32, "spanId": f"{len(name):016x}", "parentSpanId": parent}
    item = moment | ids | {"name": name, "eventName": name, "attributes": attributes}
    groups, scopes, items = LEVELS[signal]
    person = {"key": "enduser.id", "value": {"stringValue": "vera"}}
    grouped = {"resource": {"attributes": [person]}}
    return signal, {groups: [grouped | {scopes: [{"scope": {"name": scope}, items: [item]}]}]}


SAID = {
    "gen_ai.operation.name": "chat",
    "gen_ai.response.id": "msg_1",
    "gen_ai.usage.input_tokens": 4764,
    "gen_ai.usage.output_tokens": 157,
    "gen_ai.usage.cache_read.input_tokens": 4010,
}
OWN = {
    "input_tokens": 53,
    "output_tokens": 157,
    "cache_read_tokens": 4010,
    "cache_creation_tokens": 701,
}
ROADS = [
    told("traces", "opentelemetry.instrumentation.anthropic", "anthropic.chat", "a" * 16, **SAID),
    told(
        "traces",
        "com.anthropic.sdk.python",
        "anthropic.messages.create",
        "a" * 16,
        **SAID | {"anthropic.request.id": "req_1", "gen_ai.usage.cache_write.input_tokens": 701},
    ),
    told("logs", "com.anthropic.claude_code.events", "api_request", request_id="req_1", **OWN),
    told(
        "traces",
        "com.anthropic.claude_code.tracing",
        "claude_code.llm_request",
        **OWN | {"gen_ai.response.id": "req_1"},
    ),
]


@ON_ONE_DATABASE
def test_a_call_that_an_instrumentation_its_library_and_its_client_tell_counts_once(send, totals):
    for order in permutations(ROADS):
        start_over()
        for body in order * 2:
            send(*body)

        whole, people = totals()
        assert people == {"vera": 1}
        assert [whole[name] for name in FIELDS] == [1, 4764, 157, 4010, 701, 0]


def in_numbers(document):
    """64-bit numbers as JSON numbers, and as such with a point, where OTLP has texts."""
    if isinstance(document, list):
        return [in_numbers(one) for one in document]
    if not isinstance(document, dict):
        return document
    document = {name: in_numbers(value) for name, value in document.items()}
    if "intValue" in document:
        document["intValue"] = float(document["intValue"])
    return document


def in_base64(document):
    """Ids as protobuf's own JSON has them."""
    return with_ids(document, lambda id: b64encode(bytes.fromhex(id)).decode())


def in_capitals(document):
    """Ids in the other spelling of hex."""
    return with_ids(document, str.upper)


@ON_ONE_DATABASE
@pytest.mark.parametrize("form", [in_numbers, in_base64, in_capitals])
def test_the_same_spans_written_in_another_way_are_the_same_calls(send, totals, form):
    spans = json.loads((ROOT / "tests" / "data" / "genai_traces.json").read_text())
    logs = json.loads((ROOT / "tests" / "data" / "genai_logs.json").read_text())
    send("traces", spans)
    send("logs", logs)
    due = totals()

    send("traces", form(spans))
    send("logs", form(logs))
    assert totals() == due
    start_over()
    send("traces", form(spans))
    send("logs", form(logs))
    assert totals() == due


def plain(body):
    """The body as it is."""
    return body, {}


def gzipped(body):
    """The body in several pieces of gzip, one after the other."""
    pieces = (body[start : start + 4000] for start in range(0, len(body), 4000))
    return b"".join(map(gzip.compress, pieces)), {"Content-Encoding": "gzip"}


def deflated(body):
    """The body as OpenTelemetry's SDKs pack it when they are asked for deflate."""
    return zlib.compress(body), {"Content-Encoding": "deflate"}


@ON_ONE_DATABASE
@pytest.mark.parametrize("form", [plain, gzipped, deflated])
def test_a_body_in_chunks_has_no_length_and_counts_all_the_same(app, make_key, totals, form):
    body = (ROOT / "tests" / "data" / "genai_traces.json").read_bytes()
    packed, headers = form(body)

    response = app.test_client().post(
        "/v1/traces",
        input_stream=BytesIO(packed),
        headers=make_key("ingest") | {"Transfer-Encoding": "chunked"} | headers,
        content_type="application/json; charset=utf-8",
        # So says a server that knows where the last chunk ended.
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )

    assert (response.status_code, response.data) == (200, b"{}")
    assert totals()[0]["calls"] == 6
