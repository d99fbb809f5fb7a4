"""respond(), error handlers and security headers. The only file that names an HX- header."""

import re
from urllib.parse import unquote

from flask import Flask, Response, current_app, g, make_response, redirect, render_template, request
from flask_htmx import HTMX
from werkzeug.exceptions import HTTPException

from usage.accounts import Refused
from usage.horizon import NotVisible
from usage.ingest import otlp_messages
from usage.scope import InvalidScope
from views import filters, forms, id_prefix

htmx = HTMX()
NEGOTIATED_ON = (
    "HX-Request",
    "HX-Boosted",
    "HX-History-Restore-Request",
    "HX-Target",
    "HX-Trigger",
    "HX-Source",
    "Filters-Kept",
)
WHOLE_VIEW = "main"
# The id of the region that a live table refreshes every few seconds.
LIVE = "region"
# The targets of the board's own links.
PLACES = (WHOLE_VIEW, LIVE)
MACHINES = ("/api/", "/ingest/", "/metrics", "/healthz", "/readyz")
EMBEDS = "/embed/"
# google.rpc.Code: what OTLP's senders read in a refusal.
RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 3, 415: 3, 422: 3, 500: 13, 503: 14}
SENTENCES = {
    404: "There is no page at this address.",
    500: "Something went wrong on the server, which has noted it in its log.",
}
# How SQLite tells that a table or column isn't there; PostgreSQL has codes, in any language.
NO_SUCH = re.compile(r"\bno such (table|column)\b|\bhas no column\b")
UNDEFINED_TABLE, UNDEFINED_COLUMN, UNIQUE = "42P01", "42703", "23505"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def register(app: Flask) -> None:
    """Register the error handlers and the security headers."""
    htmx.init_app(app)
    app.register_error_handler(InvalidScope, _invalid)
    app.register_error_handler(NotVisible, _not_found)
    app.register_error_handler(Refused, _undone)
    app.register_error_handler(HTTPException, _refused)
    app.after_request(_protect)


def wants_fragment() -> bool:
    """True if htmx swaps a part of the page. A history restore needs the whole page.

    So does a link boosted by a page around the board: the board's own name their target.
    """
    if not htmx or htmx.history_restore_request:
        return False
    return not htmx.boosted or _id(htmx.target) in PLACES


def trigger() -> str:
    """The id of the element that asked, when htmx did."""
    return _id(htmx.trigger or request.headers.get("HX-Source")) if wants_fragment() else ""


def target() -> str:
    """The id of the element that the answer goes to, when htmx asked."""
    return _id(htmx.target) if wants_fragment() else ""


def brought_filters() -> frozenset[str]:
    """The filters that the answer brings along, because it changes them."""
    return filters.brought(trigger(), "Filters-Kept" in request.headers)


def is_polled() -> bool:
    """True if a live table refreshes itself."""
    return trigger() == LIVE == target()


def negotiated() -> str:
    """What the request's headers decide about the answer, as text for an ETag."""
    return repr((wants_fragment(), trigger(), target(), "Filters-Kept" in request.headers))


def respond(name: str, address: str, status: int = 200, **context: object) -> Response:
    """Render a screen: its page.html, or for htmx its _view.html or _update.html.

    The page includes the view and the view includes the region that an update replaces.
    `address` is the canonical URL of what is shown, "" to leave the browser's as it is.
    """
    parts = ["page.html"]
    if wants_fragment():
        # A screen without a region of its own is always swapped whole.
        part = "_live.html" if is_polled() else "_update.html"
        parts = ["_view.html"] if target() == WHOLE_VIEW else [part, "_view.html"]
    page = render_template(
        [f"{name}/{part}" for part in parts],
        fragment=wants_fragment(),
        trigger=trigger(),
        brought=brought_filters(),
        **context,
    )
    response = make_response(page, status)
    if wants_fragment() and address and not is_polled():
        rewrite = trigger() in (*filters.TYPED, "last-days")
        header = "HX-Replace-Url" if rewrite else "HX-Push-Url"
        response.headers[header] = address
    return response


def redirect_to(address: str) -> Response:
    """Redirect the browser; htmx would put the page that it leads to in the fragment's place."""
    if wants_fragment():
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address)


def refuse(status: int, message: str, field: str | None = None, title: str = "") -> Response:
    """An error in one sentence: as JSON for programs, a notice for htmx, else a page."""
    if request.path.startswith("/v1/"):
        kind, code = request.mimetype, RPC_CODES.get(status, RPC_CODES[500])
        body = otlp_messages.failure(kind, code, message)
        kind = kind if kind in otlp_messages.PROTOBUF else "application/json"
        return Response(body, status, content_type=kind)
    if _is_for_programs():
        return make_response({"error": {"field": field, "message": message}}, status)
    context = {"message": message, "field": field, "trigger": trigger(), "title": title}
    if request.path.startswith(EMBEDS):
        context |= {"prefix": id_prefix.prefix(), "known": id_prefix.is_known()}
        page = render_template("embed/_refusal.html", **context)
        return make_response(page, status, {"HX-Reswap": "none"} if id_prefix.is_known() else {})
    context |= {"fragment": wants_fragment(), "whole": target() == WHOLE_VIEW}
    context |= {"screen": ""} if "viewer" in g else {}
    if not wants_fragment():
        page = forms.again(status, message, field)
        return make_response(page or render_template("errors/page.html", **context), status)
    page = render_template("errors/_notice.html", **context)
    # The last good table stays; the notice is swapped out of band.
    return make_response(page, status, {"HX-Reswap": "none"})


def _is_for_programs() -> bool:
    if request.blueprint != "exports":
        return request.path.startswith(MACHINES)
    signed = {"Authorization", "X-API-Key"} & set(request.headers.keys())
    return request.view_args["form"] == "json" or bool(signed)


def unavailable(error: Exception) -> Response:
    """The database is busy, full or away, as the log says; nothing was written, so ask again."""
    if NO_SUCH.search(str(error)):
        return unmigrated(error)
    current_app.logger.warning("The database could not answer: %s", error)
    return _later("The database is busy; try again in a moment.")


def unmigrated(error: Exception) -> Response:
    """Tables are missing or older than the code: senders try again until someone migrates."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    if code not in (UNDEFINED_TABLE, UNDEFINED_COLUMN) and not NO_SUCH.search(str(error)):
        raise error
    message = "The database's tables are missing or out of date: run flask --app app migrate."
    current_app.logger.error("%s %s", message, error)
    return _later(message)


def taken(error: Exception) -> Response:
    """Somebody made the same at the same moment: only the table's key could tell."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    unique = code == UNIQUE or "UNIQUE constraint failed" in str(error)
    # For programs no such conflict is possible: it would be a bug.
    if not unique or request.path.startswith((*MACHINES, "/v1/")):
        raise error
    return refuse(409, "Somebody made that at the same moment: look at what is there now.")


def unstorable(error: Exception) -> Response:
    """A value that the database can't hold: sending it again would change nothing."""
    current_app.logger.error("The database refused a value: %s", error)
    return refuse(422, "A value is too large for the database, or is no text that it can hold.")


def _id(told: str | None) -> str:
    # htmx 2 sends an id, htmx 4 a tag and perhaps an id after it: input#q.
    tag, separator, id = (told or "").partition("#")
    id = unquote(id) if separator else tag
    return id_prefix.without_prefix(id)


def _later(message: str) -> Response:
    response = refuse(503, message, title="One moment")
    response.headers["Retry-After"] = "1"
    return response


def _invalid(error: InvalidScope) -> Response:
    return refuse(422, error.message, error.field, "That can't be shown")


def _undone(error: Refused) -> Response:
    return refuse(422, str(error), forms.known(error.field), "That can't be done")


def _not_found(error: NotVisible) -> Response:
    # The sentence names what isn't there; a program reads the argument's name beside it.
    return refuse(404, str(error), error.field if _is_for_programs() else None, "Not found")


def _refused(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()
    usual = error.description == type(error).description and SENTENCES.get(error.code)
    response = refuse(error.code, usual or error.description or error.name, title=error.name)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after", "www-authenticate"):
            response.headers[name] = value
    if error.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _protect(response: Response) -> Response:
    headers = HEADERS
    if current_app.extensions["settings"].public_url.startswith("https://"):
        headers = HEADERS | {"Strict-Transport-Security": "max-age=31536000"}
    if request.path.startswith(EMBEDS):
        # An hx-push-url that a portal's page hands down is about what else is in it.
        headers = headers | {"HX-Push-Url": "false"}
    has = set(response.headers.keys(lower=True))
    response.headers.extend(one for one in headers.items() if one[0].lower() not in has)
    if response.mimetype == "text/html":
        response.vary.update(NEGOTIATED_ON)
    return response
