"""An admin portal with a look of its own that shows the board in four ways. docs/embedding.md.

Run it with `make portal`, beside a board that runs with `make run`.
"""

import json
import os
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from flask import Flask, Response, abort, redirect, render_template, request, send_file, session
from werkzeug.serving import WSGIRequestHandler

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BOARD = os.environ.get("BOARD_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("BOARD_KEY", "")
PORT = int(os.environ.get("PORTAL_PORT", "8100"))
GRANT = "example-portal"
# Who signs in here, what they are to the board, and what is locked for them.
PEOPLE = {
    "Priya, head of engineering": ("priya.raghunathan", {}),
    "Mateusz, lead of Checkout": ("mateusz.wojcik", {"project": "checkout"}),
}
FORWARDED = ("Accept", "If-None-Match", "HX-Request", "HX-Target", "HX-Trigger", "HX-Source")
KEPT = ("Content-Type", "Cache-Control", "ETag", "HX-Push-Url", "HX-Reswap", "Vary")
POLICY = (
    f"default-src 'none'; script-src 'self' {BOARD}; style-src 'self' {BOARD}; "
    f"connect-src 'self' {BOARD}; frame-src {BOARD}; img-src data:; form-action 'self'; "
    "base-uri 'none'"
)

# Tokens by who they are for, with the moment they end.
tokens = {}
portal = Flask(__name__, static_url_path="/own")
portal.secret_key = os.urandom(32)
# Its own styles and scripts, in seconds.
portal.config["SEND_FILE_MAX_AGE_DEFAULT"] = 3600


@portal.before_request
def know_the_reader():
    """A portal has a sign-in of its own; this one takes people at their word."""
    session.setdefault("person", next(iter(PEOPLE)))


@portal.after_request
def be_strict(response):
    """No inline script, no inline style, nothing from elsewhere but the board."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    # A page may hold a token.
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@portal.get("/")
def home():
    """Where the portal begins."""
    return redirect("/proxied")


@portal.get("/<any(proxied, element, framed, blueprint):way>")
def show(way):
    """The board in one of the four ways; with ?htmx=no in a portal without htmx."""
    return render_template(
        f"{way}.html",
        way=way,
        board=BOARD,
        grant=GRANT,
        people=PEOPLE,
        htmx=request.args.get("htmx") != "no",
        boards=range(min(request.args.get("boards", 1, int), 4)),
        theme=request.args.get("theme", ""),
        token=token() if way in ("element", "framed") else None,
    )


@portal.post("/person")
def become():
    """Sign in as somebody else."""
    session["person"] = request.form["person"] if request.form["person"] in PEOPLE else abort(422)
    return redirect(request.referrer or "/")


@portal.get("/htmx.js")
def htmx():
    """The portal's own htmx."""
    return send_file(ROOT / "static/vendor/htmx-2.0.11.min.js")


# Way 1: the portal's server asks the board, and adds the token. nginx can do the same.
@portal.get("/embed/<path:path>")
@portal.get("/static/embed/<path:path>")
def forward(path):
    """The board at the portal's own address."""
    url = BOARD + request.full_path
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    if request.path.startswith("/embed/"):
        headers["Authorization"] = f"Bearer {token()['token']}"
    try:
        answer = urlopen(Request(url, headers=headers), timeout=10)
    except HTTPError as error:
        answer = error
    kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
    return Response(answer.read(), answer.status, kept)


@portal.errorhandler(URLError)
def say_so(error):
    """The board can't be reached, or has no token: htmx leaves what is shown."""
    return "The board can't be reached right now.", 502, {"HX-Reswap": "none"}


# Ways 2 and 3: the browser asks the board, with the token of the page and with later ones.
@portal.post("/board-token")
def hand_out():
    """A token for whoever is signed in here."""
    return token()


def token():
    """Five minutes of what the signed-in person may see, from the board; kept for half of them."""
    person = session["person"]
    kept, until = tokens.get(person, ({}, 0))
    left = int(until - time.time())
    if left < 150:
        kept = new_token(*PEOPLE[person])
        left = kept["expires_in"]
        tokens[person] = kept, time.time() + left
    return kept | {"expires_in": left}


def new_token(subject, lock):
    """A token for one of the board's people, with some arguments locked."""
    body = json.dumps({"grant": GRANT, "subject": subject, "lock": lock}).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with urlopen(Request(f"{BOARD}/api/v1/embed-tokens", body, headers), timeout=10) as answer:
        return json.load(answer)


# Way 4: the board runs inside the portal, on the same database.
def reader():
    """Whom the portal's sign-in lets see the board, and what of it."""
    subject, lock = PEOPLE[session["person"]]
    return GRANT, subject, lock


sys.path.append(str(ROOT))
from app import create_app  # noqa: E402
from views.portals import blueprint  # noqa: E402

portal.register_blueprint(blueprint(create_app(), reader), url_prefix="/inside")

if __name__ == "__main__":
    # Connections stay open, as with any real server.
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    portal.run(port=PORT, threaded=True)
