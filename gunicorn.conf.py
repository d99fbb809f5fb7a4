"""How the server runs: the address and size come from the settings."""

import gc
import os
import shutil
import sys
from io import BytesIO
from tempfile import mkdtemp
from time import monotonic

import gunicorn.http.body

from usage.settings import Settings

PIECE = 64 * 1024
# So many new objects are looked through at once; Python's 700 are those of ten events.
GARBAGE = 20_000
# A body that was refused unread is heard out, so much of it and for so many seconds.
MOST_UNREAD, PATIENCE = 128 * 1024 * 1024, 5

# What the processes count stands in files there, so that any of them can add it up.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
made = "" if os.environ.get(SHARED) else mkdtemp(prefix="tallyboard-")
os.environ[SHARED] = made or os.environ[SHARED]

# Where they are, it wants to know when it is imported.
from prometheus_client.multiprocess import mark_process_dead  # noqa: E402

settings = Settings.from_env()
wsgi_app = "app:create_app()"
bind = f"{settings.host}:{settings.port}"
workers = settings.web_workers
threads = settings.web_threads
worker_class = "gthread"
# Slow clients and long exports are the threads' business, not a reason to end a worker.
timeout = 120
keepalive = 15
# Whoever stores a batch comes back from each statement to a thread that reads the next one. With
# Python's 5 ms that waits twice as long as SQLite takes, and everyone else waits for it.
sys.setswitchinterval(0.001)
# Each request a worker shows that it is alive by touching a file there: no disk shall delay it.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
control_socket_disable = True
# X_Forwarded_User is not X-Forwarded-User, whoever sends it.
header_map = "drop"
forwarder_headers = ""


def post_worker_init(worker):
    """What was made by now stays: to look through it for garbage again and again takes time.

    Nor does a batch leave any: of its many objects nearly all are gone when the last one is.
    """
    make_templates(worker.wsgi.jinja_env)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def make_templates(environment):
    """Compile them all: the first who asks for a page would wait half a second for its own."""
    for name in environment.list_templates():
        environment.get_template(name)


class Body(gunicorn.http.body.Body):
    """Takes as much at once as there is: a KiB at a time is half the time of a large batch."""

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
    """Take bodies in large pieces, and let senders look for another worker when this one is busy.

    A connection that stays open stays with its worker, however idle the others are.
    """
    req.body, req.unreader.mxchunk = Body(req.body.reader), PIECE
    busy = worker.nr_conns - len(worker.keepalived_conns) - len(worker.pending_conns)
    if busy > 1 and req.method == "POST":
        req.should_close = lambda: True


def post_request(worker, req, environ, resp):
    """Hear out a body that was refused unread: many senders read no answer before they sent all."""
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
        # Whoever has gone, or says nothing more, needs no answer either.
        pass
    finally:
        sock.settimeout(None)


def child_exit(server, worker):
    """A process that ended keeps no scopes warm any more."""
    mark_process_dead(worker.pid)


def on_exit(server):
    """The next start counts from nothing."""
    if made and not server.reexec_pid:
        shutil.rmtree(made, ignore_errors=True)
