"""Conditional requests: ETags, 304 for a browser that has the answer, and rendered answers kept.

An ETag hashes everything that decides an answer, so that 304 needs neither numbers nor templates.
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
from views import done
from views.format import ago
from views.responses import is_polled, negotiated

POLLED = "polled"
ROOT = Path(__file__).parents[1]
MOST_BYTES = 8 * 1024 * 1024
Label = tuple[str, str]
"""An answer's ETag, and the Accept-Encoding of the request."""


class RenderedAnswers:
    """Rendered answers, up to MOST_BYTES in all; the least recently used go first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answers: OrderedDict[Label, tuple[bytes, list]] = OrderedDict()
        self._bytes = 0
        self._locks: WeakValueDictionary[Label, Lock] = WeakValueDictionary()

    def lock_for(self, label: Label) -> Lock:
        """Held while an answer is rendered, so that nobody renders the same one meanwhile."""
        with self._lock:
            return self._locks.setdefault(label, Lock())

    def find(self, label: Label) -> Response | None:
        """A copy of the kept answer, or None."""
        with self._lock:
            if label not in self._answers:
                return None
            self._answers.move_to_end(label)
            body, headers = self._answers[label]
        return Response(body, headers=headers)

    def put(self, label: Label, response: Response) -> None:
        """Keep an answer."""
        body, headers = response.get_data(), list(response.headers)
        with self._lock:
            before, _ = self._answers.pop(label, (b"", []))
            self._answers[label] = body, headers
            self._bytes += len(body) - len(before)
            while self._bytes > MOST_BYTES:
                _, (oldest, _) = self._answers.popitem(last=False)
                self._bytes -= len(oldest)


def register(app: Flask) -> None:
    """Hash the code and templates: after an update the same numbers may look different."""
    release = hashlib.sha256()
    for file in sorted(ROOT.glob("templates/**/*.html")) + sorted(ROOT.glob("[uv]*/**/*.py")):
        release.update(file.read_bytes())
    app.extensions["release"] = release.hexdigest()
    app.extensions["rendered"] = RenderedAnswers()
    app.before_request(_drop_refused_encodings)


def _drop_refused_encodings() -> None:
    # Flask-Compress uses an encoding that is the only one named, even if it is refused by q=0.
    if "q=0" in request.headers.get("Accept-Encoding", "").replace(" ", ""):
        accepted = [f"{name};q={q}" for name, q in request.accept_encodings if q > 0]
        request.environ["HTTP_ACCEPT_ENCODING"] = ", ".join(accepted)


def etags(scope: Scope, *also: object) -> tuple[str, str]:
    """The ETags of the answer to this request, and of the answer to a live table's next one.

    They hold for this viewer alone; `also` is what else the answer depends on. Take them before
    the numbers are read: if these change in between, the tags are the older ones.
    """
    content = facts.content(scope)
    # Where few people are hidden, a tag must not even show that something changed.
    latest = changes.latest() if content.numbers else None
    now = scope.horizon.now
    basis = (
        # Secret, so that nobody can find numbers by trying which of them give a tag.
        current_app.extensions["settings"].secret_key,
        current_app.extensions["release"],
        request.script_root + request.path,
        # A portal's reader has no id, and is told by all that they may see.
        (type(g.viewer).__name__, getattr(g.viewer, "id", g.viewer)),
        (g.get("role"), bool(g.get("session"))),
        # Its repr leaves out the moment and the projects, which have a digest.
        scope,
        scope.horizon.projects.digest,
        prices.version() if scope.basis == LIST else None,
        # The list of models without a cost may change although nobody's numbers do.
        latest if scope.basis != BASES[0] else None,
        # In a board restored from a backup the same ids may be other people.
        changes.latest().epoch,
        content,
        # An empty board shows an example event with the present time.
        ago(content.newest, now) if content.newest else f"{now:%F %R}",
        # Added columns depend on other days too, and on how long ago each person was active.
        scope.columns and (latest, f"{now:%F %R}"),
        also,
    )
    same = hashlib.sha256(repr(basis).encode(errors="surrogatepass"))
    forms = [POLLED if is_polled() else negotiated() + done.told(), POLLED]
    return tuple(_with(same, form).hexdigest()[:32] for form in forms)


def client_has(tag: str) -> bool:
    """True if the browser has that answer already, compressed or not.

    What was done is told again if it is done again, in the same words.
    """
    if done.told():
        return False
    had = request.if_none_match
    return had.star_tag or tag in {one.partition(":")[0] for one in had.as_set(include_weak=True)}


def not_modified(tag: str) -> Response:
    """304, for a browser that has that answer."""
    return with_etag(make_response("", 304), tag)


def rendered_once(tag: str, scope: Scope, render: Callable[[], Response]) -> Response:
    """The kept answer of that tag, else a new one, which is kept.

    One that was rendered while numbers changed is not kept: it is newer than its tag.
    """

    def packed() -> Response:
        # Compressed once: that takes a quarter of the time of an answer.
        return current_app.extensions["compress"].after_request(with_etag(render(), tag))

    label = tag, request.headers.get("Accept-Encoding", "")
    return _once(label, packed, lambda: etags(scope)[0])


def text_once(scope: Scope, render: Callable[[], str], *also: object) -> str:
    """The same for a text of which each answer makes something else, and for which no tag is sent.

    `also` is what it depends on besides the scope and the request.
    """
    tag, _ = etags(scope, *also)
    kept = _once((tag, ""), lambda: Response(render()), lambda: etags(scope, *also)[0])
    return kept.get_data(as_text=True)


def with_etag(response: Response, tag: str) -> Response:
    """An answer with its ETag."""
    response.set_etag(tag)
    return response


def _once(label: Label, make: Callable[[], Response], tag_now: Callable[[], str]) -> Response:
    answers: RenderedAnswers = current_app.extensions["rendered"]
    with answers.lock_for(label):
        if known := answers.find(label):
            return known
        response = make()
        if tag_now() == label[0]:
            answers.put(label, response)
    return response


def _with(same, form: str):
    hashed = same.copy()
    hashed.update(form.encode())
    return hashed
