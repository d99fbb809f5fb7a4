"""Webhooks: where notices are posted to."""

from flask import Blueprint, url_for

from usage import projects, webhooks
from views.admin import chosen_action, form_field, frame
from views.done import done
from views.guards import note, now, require_admin, settings
from views.responses import respond

bp = Blueprint("webhooks", __name__, url_prefix="/admin/webhooks")


@bp.get("")
@require_admin
def index():
    """All webhooks with what became of their posts, and a form to add one."""
    return _page()


@bp.post("")
@require_admin
def change():
    """Add a webhook, whose secret the page after it shows once, or remove one."""
    match chosen_action("add", "remove"):
        case "add":
            url, project = form_field("url"), form_field("project")
            about = settings().webhook_hosts, settings().secret_key, now()
            secret = webhooks.add(url, project, *about)
            note("webhook added", webhooks.host(url), f"project {project}" if project else "")
            return _page(secret)
        case "remove":
            said = form_field("id")[:9]
            number = int(said) if said.isascii() and said.isdigit() else 0
            host = webhooks.remove(number)
            note("webhook removed", host)
    return done(url_for("webhooks.index"), f"The webhook at {host} is removed.")


def _page(secret: str = ""):
    return respond(
        "webhooks",
        "",
        rows=webhooks.everyone(),
        projects=projects.everyone(),
        secret=secret,
        **frame("webhooks.index"),
    )
