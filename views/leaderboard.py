"""The leaderboard: the page, and the same table as a fragment."""

from flask import Blueprint, redirect, url_for

from usage import accounts, leaderboard
from usage.scope import Scope
from views.guards import require_session, scope, settings
from views.responses import respond

bp = Blueprint("leaderboard", __name__)


@bp.get("/")
def home():
    """The leaderboard is the front door."""
    return redirect(url_for("leaderboard.show"))


@bp.get("/leaderboard")
@require_session
def show():
    """The ranked table; a filter, sort or cost change swaps only the table."""
    return board("leaderboard.show", "Leaderboard")


def board(endpoint: str, title: str):
    """The ranked table under one of its two addresses."""
    asked = scope()
    return respond(
        "leaderboard",
        url_for(endpoint, **asked.to_args()),
        board=leaderboard.board(asked),
        any_usage=leaderboard.any_usage(),
        screen=endpoint,
        title=title,
        searchable=True,
        base_url=settings().base_url,
        **surroundings(asked),
    )


def surroundings(asked: Scope) -> dict:
    """What header, scope line and Filters panel show on every screen."""
    return {
        "scope": asked,
        "sources": leaderboard.calls_by_source(asked),
        "unassigned_project": leaderboard.any_usage(project_id=0),
        "sample": accounts.holds_sample_data(),
    }
