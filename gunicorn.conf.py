"""How the server runs: the address and size come from the settings."""

import gc
import os
import shutil
import sys
from io import BytesIO
from tempfile import mkdtemp
from time import monotonic, sleep

import gunicorn.http.body
from gunicorn.workers.gthread import ThreadWorker

from usage.settings import Settings

PIECE = 64 * 1024
# New objects between two garbage collections: Python's default of 700 is ten events' worth.
GARBAGE = 20_000
# With more requests in hand a process sends senders on to others; two batches share a commit.
ENOUGH = 2
# Before a busy process takes a new connection it waits so many seconds for each request that it has
# in hand, up to so many of them.
HEAD_START, MOST_COUNTED = 0.001, 4
# How many bytes of a refused body are still read, and for how many seconds.
MOST_UNREAD, PATIENCE = 128 * 1024 * 1024, 5

# Each process keeps its Prometheus counters in files of this folder; any of them can add them up.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
made = "" if os.environ.get(SHARED) else mkdtemp(prefix="tallyboard-")
os.environ[SHARED] = made or os.environ[SHARED]

# It reads the variable when it is imported.
from prometheus_client.multiprocess import mark_process_dead  # noqa: E402

settings = Settings.from_env()
wsgi_app = "app:create_app()"
bind = f"{settings.host}:{settings.port}"
workers = settings.web_workers
threads = settings.web_threads
# Slow clients and long exports occupy a thread, and are no reason to kill a worker.
timeout = 120
keepalive = 15
# After each statement the storing thread waits for its turn behind a thread that parses the next
# batch. With Python's 5 ms it would wait twice as long as SQLite works, and all others behind it.
sys.setswitchinterval(0.001)
# Workers touch a file here with each request to show that they are alive: keep it off the disk.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
control_socket_disable = True
# A client could send X_Forwarded_User, which WSGI can't tell from X-Forwarded-User.
header_map = "drop"
forwarder_headers = ""


class Worker(ThreadWorker):
    """Threads; a new connection is left to processes with less to do.

    It wakes all processes, and a busy one may win although another is idle: senders who keep their
    connections would then wait for one process, beside an idle processor.
    """

    def accept(self, listener):
        """Take a new connection, unless another process has taken it meanwhile.

        The loop that waits here also serves connections that are kept: so it is a moment at most.
        """
        if self.cfg.workers > 1:
            sleep(HEAD_START * min(in_hand(self), MOST_COUNTED))
        super().accept(listener)


worker_class = Worker


def in_hand(worker):
    """How many requests the worker has in hand."""
    return worker.nr_conns - len(worker.keepalived_conns) - len(worker.pending_conns)


def post_worker_init(worker):
    """Compile the templates, and leave all objects made so far out of garbage collections.

    Collections are rare from then on: a batch has many objects, but hardly any in cycles.
    """
    compile_templates(worker.wsgi.jinja_env)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def compile_templates(environment):
    """Compile all templates, so that the first request doesn't wait half a second for them."""
    for name in environment.list_templates():
        environment.get_template(name)


class Body(gunicorn.http.body.Body):
    """Reads as much at once as there is: 1 KiB at a time would take half the time of a batch."""

    def read(self, size=None):
        size = self.getsize(size)
        while (missing := size - self.buf.tell()) > 0:
            piece = self.reader.read(min(missing, PIECE))
            if not piece:
                break
            self.buf.write(piece)
        held, self.buf = self.buf.getvalue(), BytesIO()
        self.buf.write(held[size:])
        return held[:size]


def pre_request(worker, req):
    """Read bodies in large pieces, and close a sender's connection while this worker is busy.

    A connection that is kept alive stays with its worker, even if the other workers are idle.
    """
    req.body, req.unreader.mxchunk = Body(req.body.reader), PIECE
    if in_hand(worker) > ENOUGH and req.method == "POST":
        req.should_close = lambda: True


def post_request(worker, req, environ, resp):
    """Read the rest of a refused body: many senders read no answer before they have sent all."""
    if req.method in ("GET", "HEAD"):
        return
    sock, ends, left = req.unreader.sock, monotonic() + PATIENCE, MOST_UNREAD
    try:
        while left > 0 and (patience := ends - monotonic()) > 0:
            sock.settimeout(patience)
            piece = req.body.read(PIECE)
            if not piece:
                break
            left -= len(piece)
    except OSError:
        # The sender has gone, or sends no more.
        pass
    finally:
        sock.settimeout(None)


def child_exit(server, worker):
    """Drop the gauges of a process that ended."""
    mark_process_dead(worker.pid)


def on_exit(server):
    """Remove the counters: the next start counts from 0."""
    if made and not server.reexec_pid:
        shutil.rmtree(made, ignore_errors=True)
