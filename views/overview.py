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
from views.asked import scope
from views.format import address, source
from views.guards import at_one_moment, require_board, viewer
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
    asked = scope()
    paces = budgets.for_scope(viewer(), asked, PACES)
    # Other days than the scope's are told of too. Of few people not even that they change is.
    also = changes.latest(), asked.today, paces
    tag = "" if naming.least_users(asked) else fresh.tags(asked, *also)[0]
    if tag and fresh.is_known(tag):
        return fresh.unchanged(tag)
    found = whole.overview(asked)
    days = daily(found.days(asked.window), asked.today, found.blank)
    response = respond(
        "overview",
        url_for("overview.show", **asked.to_args()),
        overview=found,
        changes=_changes(found),
        least_calls=LEAST_CALLS,
        before=asked.before(),
        breakdowns=_breakdowns(asked, found),
        days=days,
        day_links=_day_links(asked, days),
        paces=paces,
        screen="overview.show",
        **surroundings(asked),
    )
    return fresh.marked(response, tag) if tag else response


def leaderboard_of(asked: Scope | None) -> str:
    """The address of the leaderboard in that scope."""
    return address(url_for("leaderboard.show"), asked.to_args()) if asked else ""


def label(asked: Scope, by: str, key: object) -> str:
    """What an entry of a breakdown is called."""
    if isinstance(key, Rest):
        return f"{key.count:,} of few people" if key.few else f"{key.count:,} more"
    if by == "project":
        return whole.project_of(asked, key).name
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


def _breakdowns(asked: Scope, found: Overview) -> list[dict]:
    """Per breakdown its title, and rows of label, counts and the leaderboard's address."""
    titles = TITLES if asked.horizon.sees_all and not asked.project else TITLES[1:]
    return [
        {
            "id": by,
            "title": title,
            "rows": [
                (label(asked, by, key), counts, leaderboard_of(whole.narrowed_to(asked, by, key)))
                for key, counts in whole.largest(getattr(found, f"by_{by}"), SHOWN)
            ],
        }
        for by, title in titles
    ]


def _day_links(asked: Scope, days: Daily) -> dict[str, str]:
    """Per label of the chart the leaderboard of these days."""
    return {
        column.label: leaderboard_of(whole.on_days(asked, column.first, column.last))
        for column in days.columns
        if not column.blank
    }
