"""Grants: what portals may show of the board in their own pages."""

from flask import Blueprint, request, url_for

from usage import accounts, grants
from usage.horizon import COLUMNS
from usage.scope import SOURCES, InvalidScope
from views.admin import chosen_action, form_field, frame
from views.done import done
from views.guards import horizon, note, now, require_board, settings, viewer
from views.responses import respond

bp = Blueprint("grants", __name__, url_prefix="/grants")
WORDS = dict(
    zip(COLUMNS, ("API Calls", "Prompt Token", "Completion Token", "Approx. Cost"), strict=True)
)
IDENTITIES = {
    "named": "As each project does",
    "pseudonyms": "Pseudonyms",
    "own": "Only the reader's own row",
}


@bp.get("")
@require_board
def index():
    """The grants that one could have made, and a form to make one."""
    mine = horizon()
    admin = accounts.role_of(viewer()) == accounts.SUPER_ADMIN
    around = {"now": now(), "timezone": settings().reporting_timezone, "screen": "grants.index"}
    return respond(
        "grants",
        "",
        rows=[(one, grants.in_words(one)) for one in grants.visible(mine)],
        horizon=mine,
        columns=WORDS,
        identities=IDENTITIES,
        sources=SOURCES,
        **(frame("grants.index") if admin else around),
    )


@bp.post("")
@require_board
def change():
    """Make a grant, or revoke one and every token of it."""
    match chosen_action("create", "revoke"):
        case "create":
            made = _create()
            note("grant created", made.portal, grants.in_words(made))
            sentence = f"The grant of {made.portal} is made."
        case "revoke":
            grants.revoke(form_field("portal"), horizon())
            note("grant revoked", form_field("portal"))
            sentence = f"The grant of {form_field('portal')} is revoked."
    return done(url_for("grants.index"), sentence)


def _create():
    mine = horizon()
    ids = {project.slug: project.id for project in mine.projects}
    asked = request.form.getlist("projects")
    if unknown := [slug for slug in asked if slug not in ids]:
        raise InvalidScope("projects", f'has no "{unknown[0][:100]}"')
    return grants.create(
        form_field("portal"),
        form_field("origins").split(),
        [ids[slug] for slug in asked],
        {name: value for name in ("source", "days") if (value := form_field(name))},
        request.form.getlist("columns"),
        form_field("identity"),
        "details" in request.form,
        mine,
        viewer().username,
    )
