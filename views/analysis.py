"""One user: the View Details fragment and its full page; the user list."""

from flask import Blueprint, url_for

from usage.analysis import Analysis, Part, analysis
from usage.charts import donut, grouped_bars
from usage.scope import Scope
from usage.timeline import daily
from views.arguments import requested_scope
from views.format import source
from views.guards import at_one_moment, require_board, require_session
from views.leaderboard import board, surroundings
from views.responses import respond

bp = Blueprint("analysis", __name__)
SOURCES = ("ui", "cli", "ide", "api", "")


@bp.get("/users")
@require_board
def index():
    """The ranked list of people."""
    return board("analysis.index", "User Analysis")


@bp.get("/users/<username:username>")
@require_session
@at_one_moment
def show(username: str):
    """One person's usage in the scope."""
    scope = requested_scope()
    person = analysis(scope, username)
    username = person.standing.username
    # Who sees only themselves sees no sum of others either.
    users = person.names if scope.horizon.only_self else ()
    return respond(
        "analysis",
        url_for("analysis.show", username=username, **scope.to_args()),
        person=person,
        charts=charts(scope, person),
        screen="analysis.show",
        username=username,
        **surroundings(scope, users),
    )


def charts(scope: Scope, person: Analysis) -> dict:
    """The drawings of a person's breakdowns, by what they are divided by."""
    tokens = person.standing
    split = [("Prompt", tokens.prompt_tokens), ("Completion", tokens.completion_tokens)]
    calls = {part.key: part.counts.calls for part in person.by_source}
    # All five in one order, so that a source keeps its hue, whatever its share.
    sources = [(source(key), calls.get(key, 0)) for key in SOURCES]
    return {
        "source": donut(sources),
        "provider": grouped_bars(_tokens(person.by_provider)),
        "tokens": donut(split, ["prompt", "completion"]),
        "test_type": grouped_bars(_tokens(person.by_test_type)),
        "days": daily(person.days(scope.window), scope.today),
    }


def _tokens(parts: list[Part]) -> list[tuple[str, int, int]]:
    return [
        (part.key or "Unassigned", part.counts.prompt_tokens, part.counts.completion_tokens)
        for part in parts
    ]
