"""A process that sends a board thousands of hostile bodies, and tells what they did to it.

    python flood.py URL

The bodies are the same on every run. It prints one JSON object: what was answered to each kind
of body, by how many MiB its memory grew for one of them and for good, and what became of a good
body at the end.
"""

import gc
import gzip
import json
import re
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: E402
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (  # noqa: E402
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: E402
    ExportTraceServiceRequest,
)
from playhouse import migrations  # noqa: E402
from test_otlp import LOGS, TRACES, fill, varint  # noqa: E402

import models  # noqa: E402
from app import create_app  # noqa: E402
from usage import keys  # noqa: E402
from usage.rollups import verify  # noqa: E402
from usage.settings import Settings  # noqa: E402
from views.guards import now  # noqa: E402

JSON, PROTOBUF = "application/json", "application/x-protobuf"
SIGNALS = ("traces", "logs", "metrics")
MEBIBYTE = 1024 * 1024
DENSE = 2 * MEBIBYTE
EVENT = {
    "id": "1",
    "time": "2025-03-01T10:00:00Z",
    "user": "vera",
    "model": "gpt-4.1",
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "cost_usd": 0.5,
}
CALL = {
    "id": "chatcmpl-1",
    "status": "success",
    "model": "gpt-4.1",
    "custom_llm_provider": "openai",
    "api_base": "https://api.openai.com",
    "endTime": 1740830400.5,
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "metadata": {"user_api_key_user_id": "vera", "usage_object": {"cached_tokens": 3}},
    "request_tags": ["project:docs", "source:cli"],
}
POINT = {"attributes": [{"key": "type", "value": {"stringValue": "input"}}], "asInt": "53"}
TOKENS = {"dataPoints": [POINT], "aggregationTemporality": 2, "isMonotonic": True}
SCOPE = {"scope": {"name": "some"}, "metrics": [{"name": "token.usage", "sum": TOKENS}]}
METRICS = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [SCOPE]}]}
WRONG = (None, True, -1, 0, 7, 2**63, 10**40, 1e308, "", "x", "\0", "-5", "9" * 400, [], {}, [[]])


class Hostile(NamedTuple):
    """A body of one kind, where to it goes, and what it says it is."""

    kind: str
    path: str
    body: bytes
    content_type: str = PROTOBUF
    encoding: str = ""


class Samples:
    """What real senders send, in few records each."""

    def __init__(self):
        self.json = {"traces": few(TRACES, "scopeSpans", "spans")}
        self.json["logs"] = few(LOGS, "scopeLogs", "logRecords")
        self.json["metrics"] = METRICS
        requests = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
        requests["metrics"] = ExportMetricsServiceRequest
        self.protobuf = {
            name: fill(requests[name](), self.json[name]).SerializeToString() for name in requests
        }


def few(document: dict, scopes: str, items: str) -> dict:
    """The document with one record of each scope."""
    document = json.loads(json.dumps(document))
    for group in next(iter(document.values())):
        for scope in group[scopes]:
            del scope[items][1:]
    return document


def damaged(random: Random, count: int) -> Iterator[Hostile]:
    """Good bodies with something broken in them, of every kind in turn."""
    samples = Samples()
    for number in range(count):
        signal = random.choice(SIGNALS)
        body, document = samples.protobuf[signal], samples.json[signal]
        text = json.dumps(document).encode()
        path = f"/v1/{signal}"
        wrong = json.dumps(misfit(random, document)).encode()
        yield (
            Hostile("cut", path, body[: random.randrange(len(body))]),
            Hostile("flipped", path, flipped(random, body)),
            Hostile("for another address", f"/v1/{random.choice(SIGNALS)}", flipped(random, body)),
            Hostile("misfit", path, wrong, JSON),
            Hostile("cut JSON", path, text[: random.randrange(len(text))], JSON),
            Hostile("flipped JSON", path, flipped(random, text), JSON),
            Hostile(
                "cut gzip", path, gzip.compress(body)[: -random.randrange(1, 90)], encoding="gzip"
            ),
            Hostile("flipped gzip", path, flipped(random, gzip.compress(text)), JSON, "gzip"),
            Hostile("misnamed", path, *misnamed(random, body, text)),
            own(random),
        )[number % 10]


def own(random: Random) -> Hostile:
    """A broken body for our own API or LiteLLM's."""
    path, record = random.choice((("/api/v1/events", EVENT), ("/ingest/litellm", CALL)))
    text = json.dumps([misfit(random, record), record]).encode()
    if random.random() < 0.4:
        text = flipped(random, text)
    return Hostile("own", path, text, random.choice((JSON, "application/x-ndjson")))


def flipped(random: Random, body: bytes) -> bytes:
    """The body with some bytes changed."""
    changed = bytearray(body)
    for _ in range(random.choice((1, 1, 2, 20))):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def misfit(random: Random, document: dict) -> dict:
    """The document with one value, anywhere, replaced by what doesn't belong there."""
    place = document = json.loads(json.dumps(document))
    while True:
        key = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not place[key] or not isinstance(place[key], dict | list) or random.random() < 0.1:
            place[key] = random.choice(WRONG)
            return document
        place = place[key]


def misnamed(random: Random, body: bytes, text: bytes) -> tuple[bytes, str, str]:
    """A body under a wrong content type or encoding, or none at all."""
    kinds = (JSON, PROTOBUF, "", "text/plain", "application/grpc", "multipart/form-data", "a/" * 99)
    return (
        random.choice((body, text, b"", b"\0", b"[]", b"null")),
        random.choice(kinds),
        random.choice(("", "gzip", "br", "identity", "x-gzip", "gzip, gzip")),
    )


def inside(*fields: int, body: bytes) -> bytes:
    """The bytes as the field of a field of a field …"""
    for field in reversed(fields):
        body = varint(field << 3 | 2) + varint(len(body)) + body
    return body


def swarms() -> Iterator[Hostile]:
    """Bodies whose every byte or two would be an object in memory, or just are not refused."""
    span, value = (1, 2, 2), (1, 2, 2, 9, 2)
    for kind, fields, unit in (
        ("resources", (), b"\x0a\x00"),
        ("scopes", (1,), b"\x12\x00"),
        ("spans", (1, 2), b"\x12\x00"),
        ("attributes", span, b"\x4a\x02\x12\x00"),
        ("overlong", span, b"\xca\x00\x82\x80\x00\x12\x00"),
        ("names", (1, 1, 3), b"\x1a\x00"),
        ("arrays", (*value, 5), b"\x0a\x00"),
        ("long", (*value, 1), b"x"),
        ("unknown", (), b"\x78\x00"),
        ("groups", span, b"\x0b"),
    ):
        yield Hostile(kind, "/v1/traces", inside(*fields, body=unit * (DENSE // len(unit))))
    yield Hostile("buckets", "/v1/metrics", inside(1, 2, 2, 10, 1, 8, 2, body=b"\x01" * DENSE))
    nested = b""
    for _ in range(10_000):
        nested = inside(5, 1, body=nested)
    yield Hostile("depth", "/v1/traces", inside(*value, body=nested))
    for kind, part in {
        "numbers": b"0,",
        "strings": b'"",',
        "objects": b"{},",
        "named": b'{"a":0},',
        "towers": b"[[[[[[0]]]]]],",
    }.items():
        yield from json_swarms(kind, (part * (DENSE // len(part)))[:-1])
    fields = b",".join(b'"%07x":1' % number for number in range(180_000))
    for path in ("/api/v1/events", "/ingest/litellm", "/v1/logs"):
        yield Hostile("fields", path, b"{%s}" % fields, JSON)
        yield Hostile("depth", path, b"[" * 10_000 + b"]" * 10_000, JSON)
        yield Hostile("depth", path, b'{"a":' * 10_000, JSON)
    yield from bombs()
    # Just what is not refused, last of all: memory that was used stays with the process.
    towers = b"[[[[[[0]]]]]]," * 71_000
    yield Hostile("light", "/v1/logs", b'{"resourceLogs":[%s{}]}' % towers, JSON)
    yield Hostile("light", "/v1/traces", inside(1, 2, body=b"\x12\x00" * 150_000))


def json_swarms(kind: str, many: bytes) -> Iterator[Hostile]:
    """The elements in every place where an array may stand."""
    yield Hostile(kind, "/v1/traces", b'{"resourceSpans":[%s]}' % many, JSON)
    yield Hostile(kind, "/v1/metrics", b'{"resourceMetrics":[%s]}' % many, JSON)
    yield Hostile(kind, "/api/v1/events", b'{"events":[%s]}' % many, JSON)
    yield Hostile(kind, "/api/v1/events", b'{"id":[%s]}' % many, JSON)
    if kind in ("objects", "towers"):
        yield Hostile(kind, "/ingest/litellm", b"[%s]" % many, JSON)
    else:
        lines = many.replace(b",", b"\n")
        yield Hostile(kind, "/ingest/litellm", lines, "application/x-ndjson")


def bombs() -> Iterator[Hostile]:
    """A quarter of a gigabyte of nothing, packed."""
    packer = zlib.compressobj(1, wbits=31)
    nothing = b" " * MEBIBYTE
    bomb = b"".join(packer.compress(nothing) for _ in range(256)) + packer.flush()
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics", "/api/v1/events", "/ingest/litellm"):
        yield Hostile("bomb", path, bomb, JSON, "gzip")
    yield Hostile("bomb", "/v1/traces", bomb, PROTOBUF, "gzip")
    packer = zlib.compressobj(1)
    bomb = b"".join(packer.compress(nothing) for _ in range(256)) + packer.flush()
    yield Hostile("bomb", "/v1/logs", bomb, JSON, "deflate")


def memory(name: str) -> int:
    """MiB of this process's memory: VmRSS is what it has now, VmHWM the most that it had."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)[1]) // 1024


def forget_peak() -> None:
    """Let VmHWM begin anew, where the system allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main(url: str) -> None:
    """Send everything; print what came of it."""
    app = create_app(
        Settings.from_env({"SECRET_KEY": "a secret for tests only", "DATABASE_URL": url})
    )
    models.db.pragma("synchronous", 0, permanent=True)
    migrations.run(models.db, str(ROOT / "migrations"))
    key = {"Authorization": f"Bearer {keys.create('flood', ['ingest'], now())}"}
    client, random, answers = app.test_client(), Random(2026), defaultdict(Counter)

    def send(hostile: Hostile) -> int:
        headers = key | {"Content-Type": hostile.content_type}
        if hostile.encoding:
            headers["Content-Encoding"] = hostile.encoding
        return client.post(hostile.path, data=hostile.body, headers=headers).status_code

    for hostile in damaged(random, 100):
        send(hostile)
    gc.freeze()
    start, most = memory("VmRSS"), 0
    for hostile in damaged(random, 5000):
        answers[hostile.kind][send(hostile)] += 1
    for hostile in swarms():
        forget_peak()
        before, peak = memory("VmRSS"), memory("VmHWM")
        answers[hostile.kind][send(hostile)] += 1
        most = max(most, memory("VmHWM") - before if memory("VmHWM") > peak else 0)
        # The client's requests are cycles that hold the body: no server's are.
        gc.collect()
    grown = {"by one": most, "left": memory("VmRSS") - start}
    good = EVENT | {"id": "good", "user": "ada", "prompt_tokens": 123}
    last = send(Hostile("good", "/api/v1/events", json.dumps(good).encode(), JSON))
    kept = models.Event.select().where(models.Event.event_id == "good").count()
    told = {"answers": answers, "grown": grown, "good": [last, kept], "differing": len(verify())}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
