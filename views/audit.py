"""The audit: who did what, when and from where."""

from flask import Blueprint

from usage import audit
from views.admin import PER_PAGE, address, asked, page_number, paged
from views.guards import require_admin
from views.responses import respond

bp = Blueprint("audit", __name__, url_prefix="/admin/audit")


@bp.get("")
@require_admin
def index():
    """All that was done, newest first."""
    q, page = asked("q"), page_number()
    rows, found = audit.entries(q, page, PER_PAGE)
    return respond(
        "audit",
        address("audit.index", q, page),
        rows=rows,
        **paged("audit.index", found, q, page),
    )
