"""Sign in and out; one's own password and sessions."""

from flask import Blueprint, make_response, redirect, render_template, request, url_for

from usage import sign_in
from usage.accounts import Refused, find_person
from usage.sign_in import PASSWORD
from usage.throttle import TooManyAttempts
from views import cookies, guards
from views.done import done, signed_out
from views.front import front_page
from views.guards import browser, note, now, require_session, settings
from views.responses import refuse, respond

bp = Blueprint("account", __name__)
USED = "This link was used already, or is too old."


@bp.get("/sign-in")
def sign_in_form():
    """How to get in."""
    return _form()


@bp.post("/sign-in")
def with_password():
    """Sign in with a name or an e-mail address, and a password."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    secret = settings().secret_key
    try:
        user = sign_in.by_password(name, password, browser(), secret, now())
    except TooManyAttempts as error:
        # The attempts that led to it are in the audit; whoever goes on fills no tables.
        return _told(_form(str(error), name), error)
    except Refused as error:
        # What no one is called may be a password, typed a field too early.
        known = find_person(name)
        note("sign-in refused", subject=known.username if known else "", detail=str(error))
        return _told(_form(str(error), name), error)
    return signed_in(user, "password")


@bp.get("/sign-in/<token>")
def redeem(token: str):
    """Open a one-time link; whoever only looks whether it is there doesn't use it up."""
    if request.method == "HEAD":
        return ""
    user = sign_in.redeem_link(token, settings().secret_key, now())
    return signed_in(user, "link") if user else (_form(USED), 410)


@bp.get("/set-password/<token>")
def choose_password(token: str):
    """Where the holder of a link sets a password; looking at it doesn't use the link up."""
    user = sign_in.link_user(token, settings().secret_key, now(), PASSWORD)
    if not user:
        return _form(USED), 410
    return render_template("account/set_password.html", token=token, user=user)


@bp.post("/set-password/<token>")
def set_password(token: str):
    """Set the password, use the link up, and sign in."""
    secret, password = settings().secret_key, request.form.get("password", "")
    user = sign_in.link_user(token, secret, now(), PASSWORD)
    if not user:
        return _form(USED), 410
    sign_in.check_password(user, password)
    if not sign_in.redeem_link(token, secret, now(), PASSWORD):
        return _form(USED), 410
    sign_in.set_password(user, password)
    note("password set", actor=user.username)
    return signed_in(user, "password link")


@bp.post("/sign-out")
@require_session
def sign_out():
    """End this browser's session."""
    note("sign-out")
    return guards.end_session(signed_out("You are signed out."))


@bp.get("/account")
@require_session
def show():
    """Who one is here, one's password and where one is signed in."""
    return _account()


@bp.post("/account/password")
@require_session
def change_password():
    """Change one's own password, which signs all other browsers out."""
    user, current = guards.viewer(), request.form.get("current", "")
    try:
        if user.password_hash:
            # The same throttle as at the door: a session left open is no way to guess.
            _check_current(user, current)
        sign_in.set_password(user, request.form.get("password", ""))
    except TooManyAttempts as error:
        return _told(refuse(429, str(error), "current", "One moment"), error)
    note("password set")
    if not guards.session():
        return done(url_for("account.show"), "Your password is set.")
    answer = done(url_for("account.show"), "Your password is set; other browsers are signed out.")
    return guards.start_session(answer, user)


@bp.post("/account/sessions")
@require_session
def revoke():
    """End one of one's sessions, or all of them."""
    chosen = request.form.get("session", "")
    if chosen == "all":
        sign_in.end_all(guards.viewer())
    elif not sign_in.revoke_session(guards.viewer(), chosen):
        raise Refused("There is no such session of yours.")
    note("session revoked", detail="all" if chosen == "all" else "")
    if chosen == "all" and guards.session():
        return guards.end_session(signed_out("You are signed out everywhere."))
    sentence = "All sessions have ended." if chosen == "all" else "That session has ended."
    return done(url_for("account.show"), sentence)


def turned_away(problem: str, status: int):
    """The way in again, with one sentence that says why."""
    return make_response(_form(problem), status)


def signed_in(user, way: str):
    """Note that somebody came in, begin their session, and lead where they wanted to go."""
    note("sign-in", actor=user.username, detail=way)
    response = redirect(cookies.kept_page() or front_page(user))
    return cookies.drop_page(guards.start_session(response, user))


def _check_current(user, password: str) -> None:
    try:
        sign_in.by_password(user.username, password, browser(), settings().secret_key, now())
    except TooManyAttempts:
        raise
    except Refused:
        raise Refused("The current password is another one.", "current") from None


def _form(problem: str = "", name: str = "") -> str:
    oidc = settings().oidc_name if settings().oidc_issuer else ""
    return render_template("account/sign_in.html", problem=problem, name=name, oidc=oidc)


def _told(page, error: Refused):
    late = isinstance(error, TooManyAttempts)
    response = make_response(page, 429 if late else 422)
    if late:
        response.headers["Retry-After"] = str(error.seconds)
    return response


def _account():
    sessions = sign_in.sessions(guards.viewer(), now())
    return respond(
        "account",
        url_for("account.show"),
        user=guards.viewer(),
        sessions=sessions,
        current=guards.session(),
        now=now(),
        timezone=settings().reporting_timezone,
        screen="account.show",
    )
