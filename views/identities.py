"""Names that senders used: whose they are, mapped with a preview and an undo."""

from flask import Blueprint, redirect, request, url_for

from usage import accounts, merging, unmapped
from views.admin import chosen_action, frame, listing
from views.arguments import argument
from views.done import done
from views.guards import note, now, require_admin
from views.responses import respond

bp = Blueprint("identities", __name__, url_prefix="/admin/identities")


@bp.get("")
@require_admin
def index():
    """Unmapped names with their usage, and the names that were mapped."""
    merged = merging.merged()
    done = next((one for one in merged if one.name == argument("done")), None)
    return listing("identities.index", unmapped.identities, merged=merged, done=done)


@bp.get("/<username:name>/person")
@require_admin
def choose(name: str):
    """Whose name that is: people to choose from, and what would change with one of them."""
    q, into = argument("q"), argument("into")
    found = unmapped.search(q) if q else []
    return respond(
        "identities/choice",
        url_for("identities.choose", name=name, q=q or None, into=into or None),
        identity=merging.side(name),
        people=[one for one in found if one.username != name],
        preview=merging.preview(name, into) if into else None,
        q=q,
        **frame("identities.index"),
    )


@bp.post("/<username:name>/person")
@require_admin
def decide(name: str):
    """Merge the name into a person, part it again, or call it a person of its own."""
    into = request.form.get("into", "").strip()
    match chosen_action("merge", "part", "confirm", "create"):
        case "merge":
            merging.merge(name, into, now())
            note("identity merged", name, f"into {into}")
        case "part":
            merging.part(name)
            note("identity parted", name)
            return done(url_for("identities.index"), f"{name} counts for itself again.")
        case "confirm":
            merging.confirm(name)
            return done(url_for("identities.index"), f"{name} is a person from now on.")
        case "create":
            display_name = request.form.get("display_name", "").strip()
            username = request.form.get("username", "").strip()
            into = accounts.create_user(username, now(), display_name=display_name).username
            note("user created", into)
            return redirect(url_for("identities.choose", name=name, into=into), 303)
    return redirect(url_for("identities.index", done=name), 303)
