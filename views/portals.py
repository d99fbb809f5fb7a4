"""Who is asking from inside a portal: known by its process, proxy or token, never by a cookie."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps

from flask import Blueprint, Flask, Response, g, request, url_for
from flask.blueprints import BlueprintSetupState
from markupsafe import Markup
from werkzeug.exceptions import Forbidden, Unauthorized

from usage import grants, sign_in, tokens
from usage.accounts import Refused
from usage.horizon import Horizon, NotVisible, Permission, Projects
from usage.scope import InvalidScope
from views import guards, proxies
from views.responses import NEGOTIATED_ON

# WSGI key for what a portal permits that runs the board in its process; no client can set it.
PERMITTED = "tallyboard.permitted"
CORS = {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": ", ".join(("Authorization", *NEGOTIATED_ON)),
    "Access-Control-Max-Age": "7200",
}


def require_portal(view: Callable) -> Callable:
    """Only for a portal's reader; 401 for nobody and for an expired token."""

    @wraps(view)
    def guarded(*args, **kwargs):
        g.viewer = _reader()
        return view(*args, **kwargs)

    return guarded


def horizon() -> Horizon:
    """What the portal's reader may see."""
    return replace(guards.horizon(), embedded=True)


def permission(grant, subject: str, lock: dict[str, str]) -> Permission:
    """What a portal may show one of its readers now. Raises Forbidden."""
    if not grant:
        raise Forbidden("The portal has no such grant.")
    try:
        return grants.narrowed(grant, subject, lock, _plain())
    except (Refused, NotVisible, InvalidScope) as error:
        raise Forbidden(str(error)) from None


def blueprint(
    board: Flask, reader: Callable[[], tuple[str, str, dict[str, str]] | None]
) -> Blueprint:
    """The board inside another Flask app, to be registered under a prefix of its own.

    `reader` is asked with every request whom the portal's own sign-in lets in: the name of the
    grant, who reads, and what to lock for them; None for nobody. The portal's templates can send
    the board along with a page: {{ tallyboard() }}.
    """
    bp = Blueprint("tallyboard", __name__)

    @bp.get("/embed/<path:path>", defaults={"folder": "/embed/"})
    @bp.get("/static/embed/<path:path>", defaults={"folder": "/static/embed/"})
    def show(folder: str, path: str):
        permitted = reader()
        if not permitted:
            raise Forbidden("You may not see this board.")
        inside = folder + path
        prefix = request.script_root + request.path.removesuffix(inside)
        return _ask(board, request.environ, prefix, inside, permitted)

    def along(endpoint: str) -> Markup:
        permitted = reader()
        if not permitted:
            return Markup()
        inside = {"folder": "/embed/", "path": "leaderboard"}
        prefix = url_for(endpoint, **inside).removesuffix("".join(inside.values()))
        # Headers and query of the page's own request are not for the board.
        plain = {n: said for n, said in request.environ.items() if not n.startswith("HTTP_")}
        plain |= {"REQUEST_METHOD": "GET", "CONTENT_LENGTH": "0", "QUERY_STRING": "styles=linked"}
        answer = _ask(board, plain, prefix, "".join(inside.values()), permitted)
        return Markup(answer.get_data(as_text=True))

    @bp.record
    def offer(state: BlueprintSetupState) -> None:
        # A portal may register it under another name, or inside a blueprint of its own.
        endpoint = f"{state.name_prefix}.{state.name}.show".lstrip(".")
        state.app.add_template_global(partial(along, endpoint), "tallyboard")

    return bp


def let_in(response: Response) -> Response:
    """Let the pages of portals read the answer: exactly theirs, and without credentials."""
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if origin and grants.allows_origin(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            response.headers.update(CORS)
    return response


def _ask(board: Flask, environ: dict, prefix: str, inside: str, permitted: tuple) -> Response:
    told = {"SCRIPT_NAME": prefix, "PATH_INFO": inside, PERMITTED: permitted}
    # The portal knows its own prefix; a proxy's header does not apply.
    told |= {"HTTP_X_FORWARDED_PREFIX": ""}
    return Response.from_app(board, environ | told)


def _plain() -> Horizon:
    board = guards.settings()
    return Horizon(Projects(), False, board.reporting_timezone, board.rates, guards.now())


def _reader():
    if permitted := request.environ.get(PERMITTED):
        portal, *reader = permitted
        return permission(grants.live(portal), *reader)
    if token := guards.sent_key():
        return _holder(token)
    name = proxies.named_person(request, guards.settings())
    user = sign_in.vouched(name) if name else None
    if not user or user.disabled_at:
        raise Unauthorized("Send a live token as Authorization: Bearer <token>.")
    return user


def _holder(token: str) -> Permission:
    secret = guards.settings().secret_key
    claims = tokens.read(tokens.EMBED, token, secret, guards.now())
    grant = grants.live_by_id(claims["grant"]) if claims else None
    if not grant:
        raise Unauthorized("You may not see this board now: its token is not or no longer good.")
    # Browsers name the origin of every page that asks across origins.
    if request.headers.get("Origin", claims["origin"]) != claims["origin"]:
        raise Forbidden("This token is for the pages of another origin.")
    permitted = permission(grant, claims["subject"], claims["lock"])
    if claims["origin"] not in permitted.origins:
        raise Forbidden("This token is for an origin that the grant does not name.")
    return permitted
