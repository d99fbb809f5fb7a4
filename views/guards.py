"""Who is asking, by session or key, and the decorators that let them in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request, url_for
from werkzeug.exceptions import Forbidden, Unauthorized

from usage import accounts, audit, keys, looks, sign_in
from usage.horizon import Horizon, NotVisible
from usage.settings import Settings
from usage.sign_in import Browser
from views import cookies, done, proxies
from views.responses import redirect_to

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_SITE = ("same-origin", "none")
# Addresses that take only a key, which browsers don't send by themselves.
MACHINES = ("/api/", "/ingest/", "/v1/")


def register(app: Flask) -> None:
    """Refuse unsafe requests that another site made a browser send."""
    app.before_request(_refuse_forged)


def settings() -> Settings:
    """The settings of this application."""
    return current_app.extensions["settings"]


def at_one_moment(view: Callable) -> Callable:
    """The state of the board and its projects are asked for once, with who is asking."""

    @wraps(view)
    def consistent(*args, **kwargs):
        who = g.get("session") or g.get("key")
        with looks.reused(who and who.look):
            return view(*args, **kwargs)

    return consistent


def now() -> datetime:
    """The present moment; nothing below the views reads the clock."""
    return datetime.now(UTC)


def require_session(view: Callable) -> Callable:
    """Only for a signed-in person; anyone else is sent to the sign-in page."""

    @wraps(view)
    def guarded(*args, **kwargs):
        g.session, user = _recognised()
        if not user:
            return _to_the_door()
        g.viewer, g.role = user, accounts.role_of(user)
        try:
            return view(*args, **kwargs)
        except NotVisible as error:
            note("refused", request.path, str(error))
            raise

    return guarded


def require_board(view: Callable) -> Callable:
    """Only for admins of the board or of projects; for a member there is no such page."""

    @wraps(view)
    @require_session
    def guarded(*args, **kwargs):
        if g.role == accounts.MEMBER:
            raise NotVisible("There is no such page.")
        return view(*args, **kwargs)

    return guarded


def require_admin(view: Callable) -> Callable:
    """Only for super admins; for others there is no such page."""

    @wraps(view)
    @require_session
    def guarded(*args, **kwargs):
        if g.role != accounts.SUPER_ADMIN:
            raise NotVisible("There is no such page.")
        return view(*args, **kwargs)

    return guarded


def require_key(scope: str) -> Callable:
    """Only with a key of that scope: 401 without a live key, 403 when its scopes lack this one."""

    def decorator(view: Callable) -> Callable:
        @wraps(view)
        def guarded(*args, **kwargs):
            key = keys.find(sent_key(), with_look=scope == "read")
            if not key:
                raise Unauthorized("Send a live key as Authorization: Bearer <key>.")
            if scope not in key.scopes.split():
                raise Forbidden(f'This key lacks the scope "{scope}".')
            g.viewer = g.key = key
            return view(*args, **kwargs)

        return guarded

    return decorator


def or_key(guard: Callable) -> Callable:
    """Also for programs: without a session, a key with the scope "read" will do."""

    def decorator(view: Callable) -> Callable:
        for_people, for_programs = guard(view), require_key("read")(view)

        @wraps(view)
        def guarded(*args, **kwargs):
            by_key = sent_key() and not _recognised()[1]
            return (for_programs if by_key else for_people)(*args, **kwargs)

        return guarded

    return decorator


def horizon(viewer=None) -> Horizon:
    """What the viewer of this request may see, or another viewer."""
    who = viewer or g.viewer
    return accounts.horizon(who, settings().rates, settings().reporting_timezone, now())


def viewer():
    """The signed-in person."""
    return g.viewer


def session():
    """The session of the request; None if a proxy named the person."""
    return g.session


def browser() -> Browser:
    """Where the request comes from."""
    address = proxies.address_of(request, settings())
    return Browser(address, request.headers.get("User-Agent", ""))


def note(action: str, subject: str = "", detail: str = "", actor: str = "") -> None:
    """Add an entry to the audit; the actor is the signed-in person or the key, unless named."""
    if not actor and "role" in g:
        actor = g.viewer.username
    elif not actor and "key" in g:
        actor = f"key {g.key.name}"
    audit.note(action, now(), actor, subject, detail, browser().address)


def start_session(response: Response, user) -> Response:
    """Give the browser a session of that person; one that it had before ends."""
    sign_in.end_session(request.cookies.get(cookies.session_name(), ""), settings().secret_key)
    lifetime = timedelta(days=settings().session_days)
    token = sign_in.start_session(user, browser(), settings().secret_key, now(), lifetime)
    return cookies.put(response, cookies.session_name(), token, int(lifetime.total_seconds()))


def end_session(response: Response) -> Response:
    """Sign the browser out, in the database as well."""
    token = request.cookies.get(cookies.session_name(), "")
    sign_in.end_session(token, settings().secret_key)
    return cookies.drop(response, cookies.session_name())


def _to_the_door():
    answer = redirect_to(url_for("account.sign_in_form"))
    if cookies.session_name() in request.cookies:
        done.at_the_door(answer, "Your session has ended: sign in to go on.")
    return cookies.keep_page(answer)


def _recognised():
    """The session of the request and its person, both None for nobody."""
    name = proxies.named_person(request, settings())
    if name is not None:
        # If a proxy names a person, an older session of somebody else doesn't count.
        user = sign_in.vouched(name)
        return None, user if user and not user.disabled_at else None
    token = request.cookies.get(cookies.session_name(), "")
    session = sign_in.session(token, settings().secret_key, now()) if token else None
    return session, session.user if session else None


def sent_key() -> str:
    """The key or token that a program signed its request with."""
    header = request.headers.get("Authorization", "").strip()
    # Some senders leave the %20 of their environment variable as it is.
    scheme, _, token = header.replace("%20", " ", 1).partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.headers.get("X-API-Key", "").strip()


def _refuse_forged() -> None:
    # A key is nothing that a browser sends by itself.
    machine = request.path.startswith(MACHINES) or sent_key()
    if request.method in SAFE_METHODS or machine:
        return
    site = request.headers.get("Sec-Fetch-Site")
    # Browsers leave Sec-Fetch-Site out on plain http hosts other than localhost.
    own = site in OWN_SITE if site else _is_own(request.headers.get("Origin", ""))
    if not own:
        raise Forbidden("This request came from another site.")


def _is_own(origin: str) -> bool:
    host = origin.partition("://")[2]
    # A proxy may ask for another host than the browser did.
    return bool(host) and host in (request.host, urlsplit(settings().public_url).netloc)
