"""What a browser keeps for the board: its session, and for a while a page or what was done."""

import re
from urllib.parse import urlsplit

from flask import Response, current_app, request, url_for

# A path of this host, as it stands in a header: browsers take // and /\\ for another host.
PAGE = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")
PAGE_MINUTES = 30


def session_name() -> str:
    """The session cookie's name; the prefix makes browsers keep it to this host, on https."""
    return "__Host-tallyboard" if _secure() else "tallyboard"


def put(response: Response, name: str, value: str, seconds: int) -> Response:
    """Give the browser a cookie that scripts and other sites can't reach."""
    response.set_cookie(
        name, value, max_age=seconds, secure=_secure(), httponly=True, samesite="Lax"
    )
    return response


def drop(response: Response, name: str) -> Response:
    """Take a cookie away again."""
    response.delete_cookie(name, secure=_secure(), httponly=True, samesite="Lax")
    return response


def keep_page(response: Response) -> Response:
    """Let the browser remember the page that it asked for, to be led there after the sign-in.

    Of a form it is the page that it stands on: what it was to do is not done later.
    """
    page = _asked_for() if request.method == "GET" else _form_page()
    # Who signs requests with a key or a token is a program.
    is_program = "Authorization" in request.headers or "X-API-Key" in request.headers
    if is_program or not PAGE.fullmatch(page):
        return response
    return put(response, _page_name(), page, PAGE_MINUTES * 60)


def kept_page() -> str:
    """The page that the browser asked for before, "" for none."""
    page = request.cookies.get(_page_name(), "")
    return page if PAGE.fullmatch(page) else ""


def drop_page(response: Response) -> Response:
    """Forget that page, if there is one."""
    return drop(response, _page_name()) if _page_name() in request.cookies else response


def done_name() -> str:
    """The name of the cookie that says what was done: see views/done.py."""
    return f"{session_name()}-done"


def _asked_for() -> str:
    if request.blueprint == "exports" or request.path == "/":
        return ""
    query = request.query_string.decode("latin-1")
    return url_for(request.endpoint, **request.view_args) + (f"?{query}" if query else "")


def _form_page() -> str:
    at = urlsplit(request.referrer or "")
    if at.netloc != request.host:
        return ""
    return f"{at.path}?{at.query}" if at.query else at.path


def _page_name() -> str:
    return f"{session_name()}-page"


def _secure() -> bool:
    public_url = current_app.extensions["settings"].public_url
    return request.is_secure or public_url.startswith("https://")
