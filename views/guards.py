"""Who is asking: session or key; the decorators that close every route by default."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps

from flask import Flask, Response, current_app, g, request, url_for
from werkzeug.exceptions import Forbidden, Unauthorized

from usage import accounts
from usage.scope import ARGUMENTS, Horizon, InvalidScope, NotVisible, Scope
from usage.settings import Settings
from views.responses import redirect_to

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_SITE = ("same-origin", "none")


def register(app: Flask) -> None:
    """Refuse unsafe requests that another site made a browser send."""
    app.before_request(_refuse_forged)


def settings() -> Settings:
    """The settings of this application."""
    return current_app.extensions["settings"]


def now() -> datetime:
    """The present moment; nothing below the views reads the clock."""
    return datetime.now(UTC)


def require_session(view: Callable) -> Callable:
    """Only for a signed-in person; anyone else is shown the way in."""

    @wraps(view)
    def guarded(*args, **kwargs):
        token = request.cookies.get(cookie_name(), "")
        user = accounts.session_user(token, settings().secret_key, now()) if token else None
        if not user:
            return redirect_to(url_for("account.sign_in"))
        g.viewer, g.administers = user, accounts.administers(user)
        return view(*args, **kwargs)

    return guarded


def require_admin(view: Callable) -> Callable:
    """Only for whoever administers the whole board; for others there is no such page."""

    @wraps(view)
    @require_session
    def guarded(*args, **kwargs):
        if not g.administers:
            raise NotVisible("There is no such page.")
        return view(*args, **kwargs)

    return guarded


def require_key(scope: str) -> Callable:
    """Only with a key of that scope: 401 without a live key, 403 when its scopes lack this one."""

    def decorator(view: Callable) -> Callable:
        @wraps(view)
        def guarded(*args, **kwargs):
            key = accounts.find_key(_sent_key())
            if not key:
                raise Unauthorized("Send a live key as Authorization: Bearer <key>.")
            if scope not in key.scopes.split():
                raise Forbidden(f'This key lacks the scope "{scope}".')
            g.viewer = g.key = key
            return view(*args, **kwargs)

        return guarded

    return decorator


def horizon() -> Horizon:
    """What whoever is asking may see."""
    return accounts.horizon(g.viewer, settings().rates, settings().reporting_timezone, now())


def scope() -> Scope:
    """The scope that the request asks for, within what its sender may see."""
    return Scope.from_args(request.args, horizon())


def strict_scope() -> Scope:
    """As scope(), for programs: an argument that isn't known would be silently ignored."""
    for name in request.args:
        if name not in ARGUMENTS:
            raise InvalidScope(name[:100], f"is not known; use {', '.join(ARGUMENTS)}")
    return scope()


def cookie_name() -> str:
    """On https the browser itself refuses the cookie to any other host."""
    return "__Host-tallyboard" if _secure() else "tallyboard"


def start_session(response: Response, token: str) -> Response:
    """Give the browser its session."""
    response.set_cookie(
        cookie_name(),
        token,
        max_age=timedelta(days=settings().session_days),
        secure=_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


def end_session(response: Response) -> Response:
    """Sign the browser out, in the database as well."""
    token = request.cookies.get(cookie_name(), "")
    accounts.end_session(token, settings().secret_key)
    response.delete_cookie(cookie_name(), secure=_secure(), httponly=True, samesite="Lax")
    return response


def _secure() -> bool:
    return request.is_secure or settings().public_url.startswith("https://")


def _sent_key() -> str:
    header = request.headers.get("Authorization", "").strip()
    # Some senders leave the %20 of their environment variable as it is.
    scheme, _, token = header.replace("%20", " ", 1).partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.headers.get("X-API-Key", "").strip()


def _refuse_forged() -> None:
    # A key is nothing that a browser sends by itself, and without a cookie there is no one to harm.
    if request.method in SAFE_METHODS or _sent_key() or not request.cookies.get(cookie_name()):
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin", "")
    # Browsers leave Sec-Fetch-Site out on plain http hosts other than localhost.
    own = site in OWN_SITE if site else origin.partition("://")[2] == request.host
    if not own:
        raise Forbidden("This request came from another site.")
