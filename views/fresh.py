"""Conditional answers: a tag of all that decides an answer, and 304 for whoever has that one.

Whoever asks for it without having it gets the very one that was rendered before.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from flask import Flask, Response, current_app, g, make_response, request

from usage import changes, facts, prices
from usage.pricing import BASES, LIST
from usage.scope import Scope
from views.format import ago
from views.responses import is_polled, negotiated

POLLED = "polled"
ROOT = Path(__file__).parents[1]
MOST_BYTES = 8 * 1024 * 1024
Label = tuple[str, str]
"""An answer's tag, and how who asks lets it be compressed."""


class Shelf:
    """Rendered answers, up to MOST_BYTES in all; what nobody asks for goes first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answers: OrderedDict[Label, tuple[bytes, list]] = OrderedDict()
        self._bytes = 0
        self._turns: WeakValueDictionary[Label, Lock] = WeakValueDictionary()

    def turn(self, label: Label) -> Lock:
        """What lets one at a time make the answer of that label: whoever comes next finds it."""
        with self._lock:
            return self._turns.setdefault(label, Lock())

    def find(self, label: Label) -> Response | None:
        """The answer of that label, as a new one."""
        with self._lock:
            if label not in self._answers:
                return None
            self._answers.move_to_end(label)
            body, headers = self._answers[label]
        return Response(body, headers=headers)

    def put(self, label: Label, response: Response) -> None:
        """Keep an answer as it is."""
        body, headers = response.get_data(), list(response.headers)
        with self._lock:
            before, _ = self._answers.pop(label, (b"", []))
            self._answers[label] = body, headers
            self._bytes += len(body) - len(before)
            while self._bytes > MOST_BYTES:
                _, (oldest, _) = self._answers.popitem(last=False)
                self._bytes -= len(oldest)


def register(app: Flask) -> None:
    """Tell releases apart: what looked like that before may look otherwise after an update."""
    told = hashlib.sha256()
    for file in sorted(ROOT.glob("templates/**/*.html")) + sorted(ROOT.glob("[uv]*/**/*.py")):
        told.update(file.read_bytes())
    app.extensions["release"] = told.hexdigest()
    app.extensions["shelf"] = Shelf()
    app.before_request(_leave_out_unwelcome_codings)


def _leave_out_unwelcome_codings() -> None:
    # Flask-Compress packs an answer with the only coding that is named, though it be with q=0.
    if "q=0" in request.headers.get("Accept-Encoding", "").replace(" ", ""):
        welcome = [f"{name};q={q}" for name, q in request.accept_encodings if q > 0]
        request.environ["HTTP_ACCEPT_ENCODING"] = ", ".join(welcome)


def tags(asked: Scope, *also: object) -> tuple[str, str]:
    """What decides the answer to this request for a scope, hashed; and to the next live one.

    For this viewer alone; `also` is whatever else the answer tells. Taken before the numbers are
    read: if they change in between, the tags are the older ones.
    """
    content = facts.content(asked)
    # Of few people not even that somebody was at work is told.
    latest = changes.latest() if content.numbers else None
    now = asked.horizon.now
    told = (
        # Nobody shall try out what numbers would give such a tag.
        current_app.extensions["settings"].secret_key,
        current_app.extensions["release"],
        request.script_root + request.path,
        (type(g.viewer).__name__, g.viewer.id, g.get("role"), bool(g.get("session"))),
        # Its text is without the moment that it is asked in, and the projects.
        asked,
        asked.horizon.projects.digest,
        prices.version() if asked.basis == LIST else None,
        # Which models have no cost may change though nobody's numbers do.
        latest if asked.basis != BASES[0] else None,
        # Another board, restored from a backup, may call its people by other numbers.
        changes.latest().epoch,
        content,
        # Before there is any event, a board tells how to send one that happens now.
        ago(content.newest, now) if content.newest else f"{now:%F %R}",
        # Added columns tell of other days too, and how long ago each person was there.
        asked.columns and (latest, f"{now:%F %R}"),
        also,
    )
    same = hashlib.sha256(repr(told).encode(errors="surrogatepass"))
    forms = [POLLED if is_polled() else negotiated(), POLLED]
    return tuple(_with(same, form).hexdigest()[:32] for form in forms)


def is_known(tag: str) -> bool:
    """True when whoever asks has that answer already, however it was compressed."""
    had = request.if_none_match
    return had.star_tag or tag in {one.partition(":")[0] for one in had.as_set(include_weak=True)}


def unchanged(tag: str) -> Response:
    """The answer to whoever has it already."""
    return marked(make_response("", 304), tag)


def rendered(tag: str, asked: Scope, render: Callable[[], Response]) -> Response:
    """The answer of that tag as it was rendered before, else as it is now.

    What was read after a change goes to its asker alone: its tag is an older one.
    """
    shelf: Shelf = current_app.extensions["shelf"]
    label = tag, request.headers.get("Accept-Encoding", "")
    with shelf.turn(label):
        if known := shelf.find(label):
            return known
        # To compress it for each who asks would take a quarter of the time of each answer.
        response = current_app.extensions["compress"].after_request(marked(render(), tag))
        if tags(asked)[0] == tag:
            shelf.put(label, response)
    return response


def marked(response: Response, tag: str) -> Response:
    """An answer with its tag."""
    response.set_etag(tag)
    return response


def _with(same, form: str):
    told = same.copy()
    told.update(form.encode())
    return told
