"""Names that senders used: whose they are, mapped with a preview and an undo."""

from flask import Blueprint, redirect, request, url_for

from usage import accounts, people, unmapped
from usage.scope import InvalidScope
from views.admin import SECTIONS
from views.guards import now, require_admin, settings
from views.responses import respond

bp = Blueprint("identities", __name__, url_prefix="/admin/identities")
PER_PAGE = 50
MOST_PAGES = 1_000_000


@bp.get("")
@require_admin
def index():
    """Unmapped names with their usage, and the names that were mapped."""
    q, page = _said("q"), _page_number()
    rows, found = unmapped.identities(q, page, PER_PAGE)
    merged = people.merged()
    return respond(
        "identities",
        _address("index", q=q, page=str(page) if page > 1 else ""),
        rows=rows,
        found=found,
        q=q,
        page=page,
        pages=max(1, -(-found // PER_PAGE)),
        merged=merged,
        done=next((one for one in merged if one.name == _said("done")), None),
        **_frame(),
    )


@bp.get("/<username:name>/person")
@require_admin
def choose(name: str):
    """Whose name that is: people to choose from, and what would change with one of them."""
    q, into = _said("q"), _said("into")
    found = unmapped.search(q) if q else []
    return respond(
        "identities/choice",
        _address("choose", name=name, q=q, into=into),
        identity=people.side(name),
        people=[one for one in found if one.username != name],
        preview=people.preview(name, into) if into else None,
        q=q,
        **_frame(),
    )


@bp.post("/<username:name>/person")
@require_admin
def decide(name: str):
    """Merge the name into a person, part it again, or call it a person of its own."""
    into = request.form.get("into", "").strip()
    match request.form.get("do"):
        case "merge":
            people.merge(name, into, now())
        case "part":
            people.part(name)
        case "confirm":
            people.confirm(name)
        case "create":
            display_name = request.form.get("display_name", "").strip()
            into = accounts.create_user(into, now(), display_name=display_name).username
            return redirect(url_for("identities.choose", name=name, into=into), 303)
        case _:
            raise InvalidScope("do", "must be merge, part, confirm or create")
    return redirect(url_for("identities.index", done=name), 303)


def _frame() -> dict:
    return {
        "now": now(),
        "timezone": settings().reporting_timezone,
        "screen": "identities.index",
        "sections": SECTIONS,
    }


def _said(name: str) -> str:
    return request.args.get(name, "").strip()


def _address(view: str, **args: str) -> str:
    return url_for(f"identities.{view}", **{name: value for name, value in args.items() if value})


def _page_number() -> int:
    said = _said("page") or "1"
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:9]) <= MOST_PAGES):
        raise InvalidScope("page", f"must be a whole number from 1 to {MOST_PAGES:,}")
    return int(said)
