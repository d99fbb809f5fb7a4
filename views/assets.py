"""Styles and scripts: each kind one file, compressed once, cached for ever under its hash."""

import gzip
import hashlib
from pathlib import Path

from flask import Blueprint, Flask, current_app, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

bp = Blueprint("assets", __name__)
STATIC = Path(__file__).parents[1] / "static"
BUNDLES = {
    "board.css": ("css/tokens.css", "css/*.css"),
    "board.js": ("vendor/*.js", "js/*.js"),
}
TYPES = {"board.css": "text/css; charset=utf-8", "board.js": "text/javascript; charset=utf-8"}
FOR_EVER = "public, max-age=31536000, immutable"


def register(app: Flask) -> None:
    """Join the files of each bundle, and tell templates their addresses."""
    bundles = {name: _joined(patterns) for name, patterns in BUNDLES.items()}
    hashes = {name: hashlib.sha256(text).hexdigest()[:12] for name, text in bundles.items()}
    app.extensions["bundles"] = {
        (hashes[name], name): (text, gzip.compress(text, 9, mtime=0))
        for name, text in bundles.items()
    }
    app.jinja_env.globals["asset"] = lambda name: url_for(
        "assets.bundle", version=hashes[name], name=name
    )


@bp.get("/assets/<version>/<name>")
def bundle(version: str, name: str):
    """One bundle; an address of an older release is gone."""
    found = current_app.extensions["bundles"].get((version, name))
    if not found:
        raise NotFound("There is no such file.")
    plain, compressed = found
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if request.accept_encodings["gzip"]:
        headers["Content-Encoding"] = "gzip"
        return Response(compressed, headers=headers, content_type=TYPES[name])
    return Response(plain, headers=headers, content_type=TYPES[name])


def _joined(patterns: tuple[str, ...]) -> bytes:
    files = [file for pattern in patterns for file in sorted(STATIC.glob(pattern))]
    return b"\n".join(file.read_bytes() for file in dict.fromkeys(files))
