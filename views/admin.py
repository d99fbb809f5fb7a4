"""The admin area: its sections, and what their pages have in common."""

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for

from usage.arguments import InvalidScope, whole_number
from views.arguments import argument
from views.guards import now, require_admin, settings
from views.responses import respond

bp = Blueprint("admin", __name__, url_prefix="/admin")
SECTIONS = {
    "arrivals.show": "Arrivals",
    "identities.index": "Identities",
    "imports.show": "Import",
    "people.index": "People",
    "projects.index": "Projects",
    "prices.index": "Prices",
    "keys.index": "Keys",
    "grants.index": "Grants",
    "webhooks.index": "Webhooks",
    "audit.index": "Audit",
}
PER_PAGE = 50
MOST_PAGES = 1_000_000


@bp.get("")
@require_admin
def home():
    """What has arrived is what admins look for first."""
    return redirect(url_for("arrivals.show"))


def frame(screen: str) -> dict:
    """What every page of the admin area needs beside its own content."""
    return {
        "now": now(),
        "timezone": settings().reporting_timezone,
        "screen": screen,
        "sections": SECTIONS,
    }


def listing(screen: str, find: Callable, **context: object):
    """A searchable list: `find(q, page, per_page)` returns rows, and how many there are in all."""
    q, page = argument("q"), page_number()
    rows, found = find(q, page, PER_PAGE)
    pages = max(1, -(-found // PER_PAGE))
    shown = {"rows": rows, "found": found, "q": q, "page": page, "pages": pages}
    canonical = url_for(screen, q=q or None, page=page if page > 1 else None)
    return respond(screen.partition(".")[0], canonical, **shown, **context, **frame(screen))


def form_field(name: str) -> str:
    """A field of the form, "" if it is missing."""
    return request.form.get(name, "").strip()


def chosen_action(*choices: str) -> str:
    """Which of these actions the form's button asks for. Raises InvalidScope."""
    action = request.form.get("do", "")
    if action not in choices:
        *others, last = choices
        raise InvalidScope("do", f"must be {', '.join(others)}{' or ' * bool(others)}{last}")
    return action


def page_number() -> int:
    """Which page was asked for. Raises InvalidScope."""
    return whole_number("page", {"page": argument("page")}, 1, MOST_PAGES, 1)
