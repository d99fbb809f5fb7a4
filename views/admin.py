"""The admin area: where it begins, and its sections."""

from flask import Blueprint, redirect, url_for

from views.guards import require_admin

bp = Blueprint("admin", __name__, url_prefix="/admin")
SECTIONS = {
    "arrivals.show": "Arrivals",
    "identities.index": "Identities",
    "imports.show": "Import",
}


@bp.get("")
@require_admin
def home():
    """What has arrived is what admins look for first."""
    return redirect(url_for("arrivals.show"))
