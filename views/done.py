"""What was just done, told once, in a sentence on the page after it."""

import hmac
from urllib.parse import quote, unquote

from flask import Flask, Response, current_app, g, redirect, request, url_for

from views import cookies
from views.responses import WHOLE_VIEW, redirect_to, target, wants_fragment

SECONDS = 60
# Names in it may be long: a browser keeps 4,096 bytes, and a letter may take twelve of them.
MOST = 300
SIGNED = 32
NOBODY = 0


def done(address: str, sentence: str) -> Response:
    """Lead to a page, which tells the viewer what was done."""
    return _tell(redirect(address, 303), sentence, _reader())


def at_the_door(answer: Response, sentence: str) -> Response:
    """Have the sign-in page, to which an answer leads, tell something."""
    return _tell(answer, sentence, NOBODY)


def signed_out(sentence: str) -> Response:
    """Lead to the sign-in page, which tells why one is there."""
    return at_the_door(redirect_to(url_for("account.sign_in_form")), sentence)


def told() -> str:
    """What this page has to tell, "" for nothing. In portals no cookie is read or set.

    A part of a page leaves it to the page, and a sentence for somebody else is not told.
    """
    is_page = not wants_fragment() or target() == WHOLE_VIEW
    if request.blueprint == "embed" or request.method != "GET" or not is_page:
        return ""
    kept = request.cookies.get(cookies.done_name(), "")
    sentence = unquote(kept[SIGNED:])
    return sentence if hmac.compare_digest(kept[:SIGNED], _signed(sentence, _reader())) else ""


def register(app: Flask) -> None:
    """Let templates tell it, and forget what a page has told."""
    app.add_template_global(told, "told")
    app.after_request(_forget)


def _tell(answer: Response, sentence: str, reader: int) -> Response:
    sentence = sentence[:MOST]
    text = _signed(sentence, reader) + quote(sentence)
    return cookies.put(answer, cookies.done_name(), text, SECONDS)


def _reader() -> int:
    return getattr(g.get("viewer"), "id", NOBODY)


def _signed(sentence: str, reader: int) -> str:
    secret = current_app.extensions["settings"].secret_key
    text = f"done {reader} {sentence}".encode(errors="surrogatepass")
    return hmac.new(secret.encode(), text, "sha256").hexdigest()[:SIGNED]


def _forget(response: Response) -> Response:
    is_page = response.mimetype == "text/html" and response.status_code == 200
    if is_page and told():
        cookies.drop(response, cookies.done_name())
    return response
