"""Conditional answers: a tag of all that decides an answer, and 304 for whoever has that one."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, Response, current_app, g, make_response, request

from usage import facts, prices
from usage.pricing import LIST
from usage.scope import Scope
from views.format import ago
from views.responses import NEGOTIATED_ON

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[1]


def register(app: Flask) -> None:
    """Tell releases apart: what looked like that before may look otherwise after an update."""
    told = hashlib.sha256()
    for file in sorted(ROOT.glob("templates/**/*.html")) + sorted(ROOT.glob("[uv]*/**/*.py")):
        told.update(file.read_bytes())
    app.extensions["release"] = told.hexdigest()


def tag(asked: Scope) -> str:
    """What decides the answer to this request for a scope, hashed; for this viewer alone.

    Taken before the numbers are read: if they change in between, the tag is the older one.
    """
    content = facts.content(asked)
    told = (
        current_app.extensions["release"],
        request.full_path,
        [request.headers.get(name) for name in NEGOTIATED_ON],
        (type(g.viewer).__name__, g.viewer.id, g.get("role"), bool(g.get("session"))),
        # But for the moment that they are asked in.
        replace(asked, horizon=replace(asked.horizon, now=EPOCH)),
        prices.version() if asked.basis == LIST else None,
        content,
        content.newest and ago(content.newest, asked.horizon.now),
    )
    return hashlib.sha256(repr(told).encode(errors="surrogatepass")).hexdigest()[:32]


def is_known(tag: str) -> bool:
    """True when whoever asks has that answer already, however it was compressed."""
    had = request.if_none_match.as_set(include_weak=True)
    return tag in {one.partition(":")[0] for one in had}


def unchanged(tag: str) -> Response:
    """The answer to whoever has it already."""
    return marked(make_response("", 304), tag)


def marked(response: Response, tag: str) -> Response:
    """An answer with its tag."""
    response.set_etag(tag)
    return response
