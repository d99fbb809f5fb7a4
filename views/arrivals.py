"""What has arrived, by key and format."""

from flask import Blueprint, url_for

from usage import arrivals
from views.admin import frame
from views.guards import now, require_admin
from views.responses import respond

bp = Blueprint("arrivals", __name__, url_prefix="/admin")


@bp.get("/arrivals")
@require_admin
def show():
    """Who sent what in the last 30 days, what was refused and why, and who is silent."""
    return respond(
        "arrivals",
        url_for("arrivals.show"),
        senders=arrivals.senders(now()),
        first_day=arrivals.first_day(now()),
        **frame("arrivals.show"),
    )
