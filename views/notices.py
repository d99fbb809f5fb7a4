"""Notices: what deserved attention, with links to the scopes."""

from flask import Blueprint, url_for

from usage import notices
from views.admin import PER_PAGE, page_number
from views.guards import horizon, now, require_session, settings, viewer
from views.responses import respond

bp = Blueprint("notices", __name__, url_prefix="/notices")


@bp.get("")
@require_session
def index():
    """The notices one may see, newest first, and by which rules they are made."""
    page = page_number()
    rows, found = notices.seen(viewer(), horizon(), page, PER_PAGE)
    return respond(
        "notices",
        url_for("notices.index", page=page if page > 1 else None),
        rows=rows,
        found=found,
        q="",
        page=page,
        pages=max(1, -(-found // PER_PAGE)),
        rule={"weekdays": notices.WEEKDAYS, "used": notices.USED, "times": notices.TIMES},
        floor=settings().unusual_day_usd,
        now=now(),
        timezone=settings().reporting_timezone,
        screen="notices.index",
    )
