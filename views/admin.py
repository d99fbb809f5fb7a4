"""The admin area: where it begins, its sections, and what its pages have in common."""

from flask import Blueprint, redirect, request, url_for

from usage.scope import InvalidScope
from views.guards import now, require_admin, settings

bp = Blueprint("admin", __name__, url_prefix="/admin")
SECTIONS = {
    "arrivals.show": "Arrivals",
    "identities.index": "Identities",
    "imports.show": "Import",
    "people.index": "People",
    "projects.index": "Projects",
    "keys.index": "Keys",
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


def paged(screen: str, found: int, q: str, page: int) -> dict:
    """A page of a searchable section: what was asked, and how many pages there are."""
    return frame(screen) | {
        "found": found,
        "q": q,
        "page": page,
        "pages": max(1, -(-found // PER_PAGE)),
    }


def address(screen: str, q: str, page: int) -> str:
    """The canonical address of a page of a searchable section."""
    return url_for(screen, q=q or None, page=page if page > 1 else None)


def asked(name: str) -> str:
    """An argument of the address."""
    return request.args.get(name, "").strip()


def given(name: str) -> str:
    """A field of the form."""
    return request.form.get(name, "").strip()


def page_number() -> int:
    """Which page was asked for. Raises InvalidScope."""
    said = asked("page") or "1"
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:9]) <= MOST_PAGES):
        raise InvalidScope("page", f"must be a whole number from 1 to {MOST_PAGES:,}")
    return int(said)
