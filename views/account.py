"""Sign in and out."""

from datetime import timedelta

from flask import Blueprint, redirect, render_template, request, url_for

from usage import accounts
from views.guards import end_session, now, require_session, settings, start_session

bp = Blueprint("account", __name__)


@bp.get("/sign-in")
def sign_in():
    """How to get in."""
    return render_template("account/sign_in.html", problem="")


@bp.get("/sign-in/<token>")
def redeem(token: str):
    """Open a one-time link; whoever only looks whether it is there doesn't use it up."""
    if request.method == "HEAD":
        return ""
    lifetime = timedelta(days=settings().session_days)
    session = accounts.redeem_link(token, settings().secret_key, now(), lifetime)
    if not session:
        problem = "This link was used already, or is more than an hour old."
        return render_template("account/sign_in.html", problem=problem), 410
    return start_session(redirect(url_for("leaderboard.show")), session)


@bp.post("/sign-out")
@require_session
def sign_out():
    """End this browser's session."""
    return end_session(redirect(url_for("account.sign_in")))
