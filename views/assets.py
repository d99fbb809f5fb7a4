"""Styles and scripts, bundled into one file each, compressed once, cached for ever under a hash.

Files for portals keep their address, and are cached for ever only where it tells their version.
"""

import gzip
import hashlib
import re
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
EMBEDDED = ("base", "charts", "controls", "leaderboard", "analysis")
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FOR_EVER = "public, max-age=31536000, immutable"
STYLES = "tally-board.css"
# A script is used as it was on the last visit and asked for meanwhile: it knows its own styles,
# and takes those that an answer names. To ask with each page would be in the way of the rows.
# A page that links styles itself has to have the right ones.
WITHOUT_VERSION = {".css": "no-cache", ".js": "max-age=300, stale-while-revalidate=86400"}


def register(app: Flask) -> None:
    """Join the files of each bundle, and tell templates their addresses."""
    bundles = {name: _joined(patterns) for name, patterns in BUNDLES.items()}
    hashes = {name: _hash(text) for name, text in bundles.items()}
    app.extensions["bundles"] = {
        (hashes[name], name): _packed(text) for name, text in bundles.items()
    }
    embedded = _embedded()
    versions = {name: _hash(text) for name, text in embedded.items()}
    app.extensions["embedded"] = {
        name: (versions[name], _packed(text)) for name, text in embedded.items()
    }
    app.jinja_env.globals["asset"] = lambda name: url_for(
        "assets.bundle", version=hashes[name], name=name
    )
    app.jinja_env.globals["embedded"] = lambda name: url_for(
        "assets.embedded", name=name, v=versions[name]
    )


@bp.get("/assets/<version>/<name>")
def bundle(version: str, name: str):
    """One bundle; an address of an older release is gone."""
    found = current_app.extensions["bundles"].get((version, name))
    if not found:
        raise NotFound("There is no such file.")
    return _answer(name, found, {"Cache-Control": FOR_EVER})


@bp.get("/static/embed/<name>")
def embedded(name: str):
    """What the pages of portals load, wherever they come from."""
    found = current_app.extensions["embedded"].get(name)
    if not found:
        raise NotFound("There is no such file.")
    version, file = found
    named = request.args.get("v") == version
    cached = FOR_EVER if named else WITHOUT_VERSION[Path(name).suffix]
    headers = {"Cache-Control": cached, "Cross-Origin-Resource-Policy": "cross-origin"}
    response = _answer(name, file, headers)
    response.set_etag(version, weak=True)
    return response.make_conditional(request.environ)


def _answer(name: str, found: tuple[bytes, bytes], headers: dict[str, str]) -> Response:
    plain, compressed = found
    headers = headers | {"Vary": "Accept-Encoding"}
    kind = TYPES[Path(name).suffix]
    if request.accept_encodings["gzip"]:
        headers["Content-Encoding"] = "gzip"
        return Response(compressed, headers=headers, content_type=kind)
    return Response(plain, headers=headers, content_type=kind)


def _embedded() -> dict[str, bytes]:
    """What portals load, by name; scripts ask for the styles of their own version."""
    styles = _for_portals()
    address = f"{STYLES}?v={_hash(styles)}".encode()
    names = [file.name for file in (STATIC / "embed").glob("*.js")]
    scripts = {
        name: _joined((f"embed/{name}",)).replace(STYLES.encode(), address) for name in names
    }
    return scripts | {STYLES: styles}


def _for_portals() -> bytes:
    """The board's styles for a box in another page: they stay in it, and follow its width.

    Every token --tb-x takes the value of the page's --tally-x, if it has one. A page's rem may be
    small (62.5 % is a habit) or large: what is measured in it stays between 16 and 24 pixels.
    """
    tokens = (STATIC / "css/tokens.css").read_text().partition("@layer tokens {")[2]
    tokens = re.sub(r"--tb-([\w-]+): ([^;]+);", r"--tb-\1: var(--tally-\1, \2);", tokens)
    others = _joined(tuple(f"css/{name}.css" for name in EMBEDDED)).decode()
    board = f"@layer tokens {{{tokens}{others}".replace(":root", ".tb-embed")
    board = re.sub(r"@media (?=\([^()]*\bwidth\b)", "@container tally ", board)
    board = re.sub(r"([\d.]+)rem", r"clamp(\1 * 16px, \g<0>, \1 * 24px)", board)
    around = (STATIC / "embed" / "around.css").read_text()
    return f"{around}@layer tallyboard {{{board}}}".encode()


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:12]


def _packed(text: bytes) -> tuple[bytes, bytes]:
    return text, gzip.compress(text, 9, mtime=0)


def _joined(patterns: tuple[str, ...]) -> bytes:
    files = [file for pattern in patterns for file in sorted(STATIC.glob(pattern))]
    text = b"\n".join(file.read_bytes() for file in dict.fromkeys(files))
    # Readers of the files need indentation and comments, browsers don't.
    text = re.sub(rb"\n[ \t]+(?://.*\n\s*)*", b"\n", text)
    styles = files[0].suffix == ".css"
    return re.sub(rb"/\*.*?\*/\n?", b"", text, flags=re.DOTALL) if styles else text
