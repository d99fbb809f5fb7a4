"""Saved views: the menu beside the scope, and the page to keep them in order."""

from flask import Blueprint, request, url_for

from usage import saved_views
from usage.scope import Scope
from views.admin import chosen_action, form_field
from views.arguments import argument, requested_scope
from views.done import done
from views.forms import about
from views.front import address_of
from views.guards import horizon, note, now, require_session, viewer
from views.responses import respond

bp = Blueprint("saved_views", __name__, url_prefix="/views")


@bp.get("")
@require_session
def index():
    """One's views with what is shared, and a form to save the scope one comes from."""
    mine = saved_views.offered(viewer(), horizon())
    shown, at, username = _come_from()
    return respond(
        "saved_views",
        "",
        views=mine,
        addresses={view.id: address_of(view) for view in mine if view.scope},
        may_change=saved_views.may_change,
        shown=shown,
        at=at,
        username=username,
        screen="saved_views.index",
    )


@bp.post("")
@require_session
def save():
    """Keep a scope under a name, and go there."""
    kept = Scope.from_args(request.form, horizon())
    shared, screen = "shared" in request.form, form_field("screen")
    person = request.form.get("username", "")
    made = saved_views.save(viewer(), kept, screen, person, form_field("name"), shared, now())
    if shared:
        note("view shared", made.name, f"project {kept.project.slug}")
    view = saved_views.find(viewer(), horizon(), made.id)
    if "default" in request.form:
        saved_views.set_default(viewer(), view)
    return done(address_of(view), f"Saved as {made.name}.")


@bp.post("/<int:id>")
@require_session
def change(id: int):
    """Rename or delete a view, or start with it or with the usual page."""
    view = saved_views.find(viewer(), horizon(), id)
    match chosen_action("rename", "delete", "start", "usual"):
        case "rename":
            with about(field := f"name-{id}", instead_of="name"):
                name = saved_views.rename(viewer(), view, form_field(field))
            _note(view, "view renamed", f"to {name}")
            sentence = f"{view.name} is called {name} now."
        case "delete":
            saved_views.delete(viewer(), view)
            _note(view, "view deleted")
            sentence = f"{view.name} is deleted."
        case "start":
            saved_views.set_default(viewer(), view)
            sentence = f"{view.name} is your start page now."
        case "usual":
            saved_views.set_default(viewer(), None)
            sentence = "You start with the usual page now."
    return done(url_for("saved_views.index"), sentence)


def _come_from():
    """The scope to save, its page and person; a refused form has them in its fields."""
    if request.method == "POST":
        at = form_field("screen")
        scope = Scope.from_args(request.form, horizon()) if at else None
        return scope, at, request.form.get("username", "")
    at = argument("screen")
    return requested_scope() if at else None, at, argument("username")


def _note(view, action: str, detail: str = "") -> None:
    # What is one's own alone is nobody's business.
    if view.shared_with:
        note(action, view.name, detail)
