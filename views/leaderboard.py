"""The leaderboard: the page, and the same table as a fragment."""

from collections.abc import Collection

from flask import Blueprint, Response, redirect, url_for

from usage import columns, facts, prices
from usage.pricing import LIST
from usage.scope import Scope
from views import fresh
from views.arguments import requested_scope
from views.front import front_page
from views.guards import at_one_moment, require_board, require_session, settings, viewer
from views.responses import respond

bp = Blueprint("leaderboard", __name__)


@bp.get("/")
@require_session
def home():
    """The front door leads to the view of one's choice, else to the leaderboard or one's usage."""
    return redirect(front_page(viewer()))


@bp.get("/leaderboard")
@require_board
def show():
    """The ranked table; a filter, sort or cost change swaps only the table."""
    return board("leaderboard.show", "Leaderboard")


@at_one_moment
def board(endpoint: str, title: str):
    """The ranked table under one of its two addresses."""
    scope = requested_scope()
    tag, live_tag = fresh.etags(scope)
    if fresh.client_has(tag):
        return fresh.not_modified(tag)

    def render() -> Response:
        shown, added = columns.with_columns(scope)
        return respond(
            "leaderboard",
            url_for(endpoint, **scope.to_args()),
            board=shown,
            added=added,
            live_tag=live_tag,
            screen=endpoint,
            title=title,
            searchable=True,
            base_url=settings().base_url,
            **surroundings(scope),
        )

    return fresh.rendered_once(tag, scope, render)


def surroundings(scope: Scope, users: Collection[int] = ()) -> dict:
    """What header, scope line and Filters panel show on every screen, of some users or of all."""
    return {
        "scope": scope,
        "sources": facts.calls_by_source(scope, users),
        "price_list": prices.listed() if scope.basis == LIST else None,
        **facts.facts()._asdict(),
    }
