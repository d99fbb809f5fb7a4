"""gunicorn.conf.py - bodies are read as they were sent, and who is busy says so."""

import runpy
import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.unreader import IterUnreader, SocketUnreader
from gunicorn.workers.gthread import ThreadWorker
from hypothesis import given
from hypothesis import strategies as some

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def conf(tmp_path_factory):
    """What the server is told, without what it does to this process."""
    interval = sys.getswitchinterval()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path_factory.mktemp("counts")))
        patch.setenv("SECRET_KEY", "a secret for tests only")
        found = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    sys.setswitchinterval(interval)
    return found


def pieces(body, size):
    return [body[start : start + size] for start in range(0, len(body), size)]


def chunked(body, size):
    chunks = [b"%x\r\n%s\r\n" % (len(one), one) for one in pieces(body, size)]
    return b"".join(chunks) + b"0\r\n\r\n"


@given(
    some.binary(max_size=3000),
    some.integers(1, 5000),
    some.lists(some.integers(-1, 4000)),
    some.data(),
)
def test_a_body_is_what_was_sent_however_it_came_and_is_read(conf, body, size, asked, data):
    if data.draw(some.booleans()):
        reader = LengthReader(IterUnreader(pieces(body, size)), len(body))
    else:
        reader = ChunkedReader(None, IterUnreader(pieces(chunked(body, size), size)))
    found, due = conf["Body"](reader), BytesIO(body)

    for one in asked:
        assert found.read(one) == due.read(one)
    assert found.read() == due.read()
    assert found.read(1) == b""


@pytest.mark.parametrize(
    ("connections", "idle", "method", "closes"),
    [
        (1, 0, "POST", False),
        (3, 2, "POST", False),
        # Two share a commit.
        (3, 1, "POST", False),
        (4, 1, "POST", True),
        (9, 0, "GET", False),
    ],
)
def test_senders_are_let_go_only_by_who_serves_more_than_two(
    conf, connections, idle, method, closes
):
    worker = SimpleNamespace(nr_conns=connections, keepalived_conns=[None] * idle, pending_conns=[])
    request = SimpleNamespace(
        method=method,
        body=SimpleNamespace(reader=None),
        unreader=SimpleNamespace(),
        should_close=lambda: False,
    )

    conf["pre_request"](worker, request)

    assert request.should_close() is closes


@pytest.mark.parametrize(
    ("processes", "connections", "idle", "pending", "waits"),
    [
        (2, 0, 0, 0, [0]),
        (2, 3, 2, 1, [0]),
        (2, 3, 1, 1, [0.001]),
        (2, 50, 3, 0, [0.004]),
        (1, 50, 3, 0, []),
    ],
)
def test_who_is_busy_leaves_new_connections_to_others_for_a_moment(
    conf, monkeypatch, processes, connections, idle, pending, waits
):
    done = []
    worker = object.__new__(conf["Worker"])
    worker.cfg, worker.nr_conns = SimpleNamespace(workers=processes), connections
    worker.keepalived_conns, worker.pending_conns = [None] * idle, [None] * pending
    monkeypatch.setattr(ThreadWorker, "accept", lambda _worker, one: done.append(one))
    monkeypatch.setitem(conf["Worker"].accept.__globals__, "sleep", done.append)

    worker.accept("a listener")

    assert done == [*map(pytest.approx, waits), "a listener"]


class Socket:
    """One end of a connection whose other end sent these pieces, and then does that."""

    def __init__(self, pieces, then):
        self.pieces, self.then, self.timeouts = list(pieces), then, []

    def settimeout(self, seconds):
        self.timeouts.append(seconds)

    def recv(self, size):
        if self.pieces:
            return self.pieces.pop(0)
        if self.then:
            raise self.then
        return b""


@pytest.mark.parametrize("then", [None, TimeoutError(), ConnectionResetError()])
def test_a_body_that_was_refused_unread_is_heard_out(conf, then):
    # urllib and others read no answer before they have sent everything.
    socket = Socket([b"x" * 1000] * 300, then)
    body = LengthReader(SocketUnreader(socket), 300_000 if not then else 400_000)
    request = SimpleNamespace(method="POST", unreader=body.unreader, body=conf["Body"](body))

    conf["post_request"](None, request, {}, None)

    assert not socket.pieces
    assert None not in socket.timeouts[:-1]
    assert socket.timeouts[-1] is None


def test_not_even_a_refused_body_is_heard_out_for_ever(conf):
    socket = Socket([b"x" * 4_000_000] * 50, None)
    body = LengthReader(SocketUnreader(socket), 10**12)
    request = SimpleNamespace(method="POST", unreader=body.unreader, body=conf["Body"](body))

    conf["post_request"](None, request, {}, None)

    assert socket.pieces


def test_nobody_waits_for_templates_to_be_compiled(conf, app):
    conf["compile_templates"](app.jinja_env)

    made = {name for _loader, name in app.jinja_env.cache}
    assert made == {*app.jinja_env.list_templates()}
