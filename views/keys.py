"""Keys that programs sign their requests with."""

from flask import Blueprint, request, url_for

from usage import keys, projects
from usage.ingest.event import SOURCES
from views.admin import chosen_action, form_field, frame
from views.done import done
from views.guards import note, now, require_admin
from views.responses import respond

bp = Blueprint("keys", __name__, url_prefix="/admin/keys")


@bp.get("")
@require_admin
def index():
    """All keys, and a form to make one."""
    return _page()


@bp.post("")
@require_admin
def change():
    """Make a key, which the page after it shows once, or revoke one."""
    name = form_field("name")
    match chosen_action("create", "revoke"):
        case "create":
            scopes = request.form.getlist("scopes")
            bound = form_field("project"), form_field("user"), form_field("source")
            token = keys.create(name, scopes, now(), *bound)
            detail = " ".join(sorted(set(scopes)))
            note("key created", name, f"{detail}, project {bound[0]}" if bound[0] else detail)
            return _page(name, token)
        case "revoke":
            keys.revoke(name, now())
            note("key revoked", name)
    return done(url_for("keys.index"), f"The key {name} is revoked.")


def _page(name: str = "", token: str = ""):
    return respond(
        "keys",
        "",
        rows=keys.everyone(),
        projects=projects.everyone(),
        sources=SOURCES,
        made=name,
        token=token,
        **frame("keys.index"),
    )
