"""The scope as a whole: its page, and the same as a fragment."""

from dataclasses import replace

from flask import Blueprint, url_for

from usage import budgets, changes, naming
from usage import overview as whole
from usage.movement import LEAST_CALLS, Difference, change
from usage.overview import Overview, Rest
from usage.scope import Scope
from usage.timeline import Daily, daily
from views import fresh
from views.arguments import requested_scope
from views.format import address, source
from views.guards import at_one_moment, require_board, settings, viewer
from views.leaderboard import surroundings
from views.responses import respond

bp = Blueprint("overview", __name__)
SHOWN, PACES = 8, 3
TITLES = (
    ("project", "Projects"),
    ("source", "Sources"),
    ("provider", "Providers"),
    ("model", "Models"),
    ("test_type", "Test Types"),
)
NUMBERS = ("users", "calls", "prompt_tokens", "completion_tokens", "cost")


@bp.get("/overview")
@require_board
@at_one_moment
def show():
    """What everyone used together, and how that moved."""
    scope = requested_scope()
    paces = budgets.for_scope(viewer(), scope, PACES)
    # Other days than the scope's are told of too. Of few people not even that they change is.
    also = changes.latest(), scope.today, paces
    tag = "" if naming.least_users(scope) else fresh.etags(scope, *also)[0]
    if tag and fresh.client_has(tag):
        return fresh.not_modified(tag)
    found = whole.overview(scope)
    days = daily(found.days(scope.window), scope.today, found.blank)
    response = respond(
        "overview",
        url_for("overview.show", **scope.to_args()),
        overview=found,
        changes=_changes(found),
        least_calls=LEAST_CALLS,
        before=scope.before(),
        breakdowns=_breakdowns(scope, found),
        days=days,
        day_links=_day_links(scope, days),
        paces=paces,
        screen="overview.show",
        base_url=settings().base_url,
        **surroundings(scope),
    )
    return fresh.with_etag(response, tag) if tag else response


def leaderboard_of(scope: Scope | None) -> str:
    """The address of the leaderboard in that scope."""
    return address(url_for("leaderboard.show"), scope.to_args()) if scope else ""


def label(scope: Scope, by: str, key: object) -> str:
    """What an entry of a breakdown is called."""
    if isinstance(key, Rest):
        return f"{key.count:,} of few people" if key.few else f"{key.count:,} more"
    if by == "project":
        return whole.project_of(scope, key).name
    return source(key) if by == "source" else key or "Unassigned"


def _changes(found: Overview) -> dict[str, Difference]:
    """How far the totals moved, where something is known of the window before."""
    if not found.before:
        return {}
    now, before = found.totals, found.before
    pairs = {name: (getattr(now, name), getattr(before, name)) for name in NUMBERS}
    # What is unknown moves nowhere.
    moved = {n: change(*pair, before.calls) for n, pair in pairs.items() if None not in pair}
    # Of people there are few: a percentage of them says less than their number.
    return moved | {"users": replace(moved["users"], percent=None)}


def _breakdowns(scope: Scope, found: Overview) -> list[dict]:
    """Per breakdown its title, and rows of label, counts and the leaderboard's address."""
    titles = TITLES if scope.horizon.sees_all and not scope.project else TITLES[1:]
    return [
        {
            "id": by,
            "title": title,
            "rows": [
                (label(scope, by, key), counts, leaderboard_of(whole.narrowed_to(scope, by, key)))
                for key, counts in whole.largest(getattr(found, f"by_{by}"), SHOWN)
            ],
        }
        for by, title in titles
    ]


def _day_links(scope: Scope, days: Daily) -> dict[str, str]:
    """Per label of the chart the leaderboard of these days."""
    return {
        column.label: leaderboard_of(whole.on_days(scope, column.first, column.last))
        for column in days.columns
        if not column.blank
    }
