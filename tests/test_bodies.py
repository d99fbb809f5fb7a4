"""What arrives at POST /api/v1/events before it is an event: types, encodings, bombs, limits."""

import gzip
import json
import time
import tracemalloc
import zlib
from io import BytesIO

import pytest
from conftest import ON_ONE_DATABASE, account, native

from models import Event
from usage.ingest import json_text

pytestmark = ON_ONE_DATABASE
PATH, LITELLM = "/api/v1/events", "/ingest/litellm"
JSON, LINES = "application/json", "application/x-ndjson"
MEBIBYTE = 1024 * 1024


@pytest.fixture
def post(anonymous, make_key):
    """Sends bytes as they are; returns the answer."""
    key = make_key("ingest")

    def send(body, content_type=JSON, encoding=None, path=PATH):
        headers = key | {"Content-Type": content_type}
        if encoding:
            headers["Content-Encoding"] = encoding
        return anonymous.post(path, data=body, headers=headers)

    return send


def refused(response):
    """The status of a refusal in the form of the API."""
    error = response.get_json()["error"]
    assert list(error) == ["field", "message"]
    assert error["field"] is None
    assert error["message"].endswith(".")
    return response.status_code


def packed(*events):
    return gzip.compress(json.dumps(events).encode())


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_gzip_is_welcome(post, encoding):
    assert account(post(packed(native(1)), encoding=encoding)) == (200, 1, 0, 0)


def test_gzip_in_several_members_is_one_body(post):
    lines = [json.dumps(native(number)).encode() + b"\n" for number in range(3)]

    body = b"".join(map(gzip.compress, lines))

    assert account(post(body, LINES, "gzip")) == (200, 3, 0, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \r\n ",
        b"nonsense",
        b'{"id": "1"',
        b'"text"',
        b"7",
        b"null",
        b"[1, 2",
        b"\x00\x01\x02",
        b"\xff\xfe{\x00}\x00",
        b'{"id": "\\ud800"}',
        b'{"id": "\xff"}',
        b"[NaN]",
        b"[Infinity]",
        b'{"events": {}}',
        b'{"events": null}',
        b'{"events": [], "more": 1}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 900_000,
        b"1" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_without_events_is_a_400(post, body):
    assert refused(post(body)) == 400


def test_a_body_of_empty_objects_is_too_large_however_small(post):
    assert refused(post(b"[" + b"{}," * 1_000_000 + b"{}]")) == 413


@pytest.mark.parametrize("body", [b"nonsense\nmore", b"\n\n", b"{", b"[" * 10_000])
def test_lines_without_any_json_are_a_400(post, body):
    assert refused(post(body, LINES)) == 400


@pytest.mark.parametrize(
    "body",
    [
        packed(native(1))[:-9],
        packed(native(1))[:20],
        packed(native(1)) + b"more",
        packed(native(1))[:-8] + bytes(8),
        json.dumps(native(1)).encode(),
        zlib.compress(json.dumps(native(1)).encode()),
        b"",
    ],
    ids=["cut off", "cut short", "with a tail", "wrong checksum", "plain", "zlib", "empty"],
)
def test_broken_gzip_is_a_400(post, body):
    assert refused(post(body, encoding="gzip")) == 400


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_an_unspoken_content_type_is_a_415(post, content_type):
    assert refused(post(json.dumps(native(1)), content_type)) == 415


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_an_unspoken_encoding_is_a_415(post, encoding):
    assert refused(post(packed(native(1)), encoding=encoding)) == 415


@pytest.mark.parametrize(("size", "status"), [(8 * MEBIBYTE, 200), (8 * MEBIBYTE + 1, 413)])
def test_a_body_that_does_not_tell_its_length_is_taken_whole_or_not_at_all(
    anonymous, make_key, size, status
):
    first, last = (json.dumps(native(number)).encode() for number in (1, 2))
    body = first + b"\n" + last.rjust(size - len(first) - 1)

    response = anonymous.post(
        PATH,
        input_stream=BytesIO(body),
        content_type=LINES,
        headers=make_key("ingest") | {"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )

    assert response.status_code == status, response.text
    assert Event.select().count() == (2 if status == 200 else 0)


@pytest.mark.parametrize(
    ("size", "status"), [(8 * MEBIBYTE - 1, 200), (8 * MEBIBYTE, 200), (8 * MEBIBYTE + 1, 413)]
)
@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_eight_mebibytes_are_the_most_plain_or_packed(post, size, status, encoding):
    body = json.dumps(native(1)).encode().ljust(size)

    response = post(gzip.compress(body, 1) if encoding else body, encoding=encoding)

    assert response.status_code == status
    assert status == 200 or refused(response) == 413


@pytest.mark.parametrize("content_type", [JSON, LINES])
def test_twenty_thousand_events_are_the_most(post, content_type):
    few, many = (["{}"] * count for count in (20_000, 20_001))

    def body(records):
        return "\n".join(records) if content_type == LINES else f"[{','.join(records)}]"

    assert post(body(few), content_type).status_code == 422
    assert refused(post(body(many), content_type)) == 413


@pytest.fixture
def little_at_once(monkeypatch):
    """What may be parsed at once is soon too much, as it is with a gateway's conversations."""
    monkeypatch.setattr(json_text, "MOST_TOKENS", 60)


@pytest.mark.usefixtures("little_at_once")
@pytest.mark.parametrize(
    ("shape", "content_type"),
    [("[%s]", JSON), ('{"events": [%s]}', JSON), ("%s", JSON), ("%s", LINES)],
)
def test_a_long_body_is_taken_one_event_after_the_other(post, shape, content_type):
    events = [json.dumps(native(number)) for number in range(30)]

    body = shape % (",\n" if "[" in shape else "\n").join(events)

    assert account(post(body, content_type)) == (200, 30, 0, 0)


@pytest.mark.usefixtures("little_at_once")
@pytest.mark.parametrize(
    ("last", "status"),
    [
        ('{"id": 1]', 400),
        ('{"id": nonsense}', 400),
        ('{"id": 1}, 5', 400),
        ('{"id": 1}] x', 400),
        ("[" * 300 + "]" * 300, 413),
        ("[" * 300, 400),
        (json.dumps(dict.fromkeys("abcdefghijklmnopqrstuvwxyz", 1)), 413),
    ],
)
def test_nothing_of_a_long_body_is_kept_when_its_end_is_unreadable(post, last, status):
    events = ",".join(json.dumps(native(number)) for number in range(30))

    assert refused(post(f"[{events},{last}]")) == status
    assert not Event.select().exists()


@pytest.mark.usefixtures("little_at_once")
@pytest.mark.parametrize("content_type", [JSON, LINES])
def test_a_line_may_not_be_too_much_at_once_either(post, content_type):
    lines = [json.dumps(native(1)), json.dumps([0] * 100)]

    assert refused(post("\n".join(lines), content_type)) == 413
    assert not Event.select().exists()


def most_memory(function):
    """The answer, and the most bytes of memory that it took."""
    tracemalloc.start()
    try:
        return function(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def seconds_of(function):
    """The answer, and the seconds of work that it took."""
    start = time.process_time()
    return function(), time.process_time() - start


@pytest.mark.parametrize("path", [PATH, LITELLM])
def test_a_gzip_bomb_is_refused_without_unpacking_it(post, path):
    packer = zlib.compressobj(1, wbits=31)
    # What would be 100 MiB.
    bomb = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(100)) + packer.flush()

    response, memory = most_memory(lambda: post(bomb, encoding="gzip", path=path))

    assert refused(response) == 413
    assert memory < 64 * MEBIBYTE


def test_a_million_attributes_are_refused_at_once(post):
    body = b"{" + b",".join(b'"%x":1' % number for number in range(1_000_000)) + b"}"

    response, seconds = seconds_of(lambda: post(body))

    assert refused(response) == 413
    assert seconds < 0.5


def test_an_event_of_many_attributes_is_refused_without_naming_each(post):
    body = b"{" + b",".join(b'"%x":1' % number for number in range(30_000)) + b"}"

    response, memory = most_memory(lambda: post(body))

    assert account(response) == (422, 0, 0, 1)
    assert memory < 32 * len(body)


def test_many_tiny_gzip_members_take_no_longer_than_their_bytes(post):
    body = gzip.compress(b"", mtime=0) * 120_000

    response, seconds = seconds_of(lambda: post(body, encoding="gzip"))

    assert response.status_code in (400, 413)
    assert seconds < 1


@pytest.mark.parametrize("path", [PATH, LITELLM])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_only_post_is_taken(anonymous, make_key, path, method):
    response = anonymous.open(path, method=method, headers=make_key("ingest"))

    assert refused(response) == 405
    assert "POST" in response.headers["Allow"]
