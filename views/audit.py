"""The audit: who did what, when and from where."""

from flask import Blueprint

from usage import audit
from views.admin import listing
from views.guards import require_admin

bp = Blueprint("audit", __name__, url_prefix="/admin/audit")


@bp.get("")
@require_admin
def index():
    """All that was done, newest first."""
    return listing("audit.index", audit.entries)
