"""The admin area: where it begins, its sections, and what its pages have in common."""

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for

from usage.arguments import InvalidScope, whole_number
from views.asked import once
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
    """What every page of a section shows around its own."""
    return {
        "now": now(),
        "timezone": settings().reporting_timezone,
        "screen": screen,
        "sections": SECTIONS,
    }


def listing(screen: str, find: Callable, **context: object):
    """A searchable section, page by page: `find` tells the rows of one, and how many there are."""
    q, page = asked("q"), page_number()
    rows, found = find(q, page, PER_PAGE)
    pages = max(1, -(-found // PER_PAGE))
    shown = {"rows": rows, "found": found, "q": q, "page": page, "pages": pages}
    canonical = url_for(screen, q=q or None, page=page if page > 1 else None)
    return respond(screen.partition(".")[0], canonical, **shown, **context, **frame(screen))


def asked(name: str) -> str:
    """An argument of the address."""
    return once(name).strip()


def given(name: str) -> str:
    """A field of the form."""
    return request.form.get(name, "").strip()


def told(*choices: str) -> str:
    """Which of these the form's button does. Raises InvalidScope."""
    done = request.form.get("do", "")
    if done not in choices:
        *others, last = choices
        raise InvalidScope("do", f"must be {', '.join(others)}{' or ' * bool(others)}{last}")
    return done


def page_number() -> int:
    """Which page was asked for. Raises InvalidScope."""
    return whole_number("page", {"page": asked("page")}, 1, MOST_PAGES, 1)
