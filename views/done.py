"""What was just done, told once, in a sentence on the page after it."""

from urllib.parse import quote, unquote

from flask import Flask, Response, redirect, request

from views import cookies

SECONDS = 60
# Names in it may be long; a browser keeps 4,096 bytes, and a letter may take nine of them.
MOST = 400


def done(address: str, sentence: str) -> Response:
    """Lead to a page, which tells what was done."""
    return tell(redirect(address, 303), sentence)


def tell(response: Response, sentence: str) -> Response:
    """Have the page that comes after this answer tell something."""
    return cookies.put(response, cookies.done_name(), quote(sentence[:MOST]), SECONDS)


def told() -> str:
    """What this page has to tell, "" for nothing. In portals no cookie is read or set."""
    if request.blueprint == "embed":
        return ""
    return unquote(request.cookies.get(cookies.done_name(), ""))


def register(app: Flask) -> None:
    """Let templates tell it, and forget what a page has told."""
    app.add_template_global(told, "told")
    app.after_request(_forget)


def _forget(response: Response) -> Response:
    is_page = response.mimetype == "text/html" and response.status_code == 200
    if is_page and told():
        cookies.drop(response, cookies.done_name())
    return response
