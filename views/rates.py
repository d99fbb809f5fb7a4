"""Saving the rates on screen as the defaults of a project."""

from flask import Blueprint, url_for

from usage import projects
from usage.accounts import Refused
from usage.horizon import NotVisible
from usage.scope import Scope
from views.admin import form_field
from views.done import done
from views.guards import horizon, note, require_board

bp = Blueprint("rates", __name__)


@bp.post("/projects/<slug>/rates")
@require_board
def save(slug: str):
    """Make two rates the defaults of a project of one's own."""
    if slug not in {project.slug for project in horizon().projects}:
        raise NotVisible("There is no such project.")
    rates = form_field("prompt_cost"), form_field("completion_cost")
    if not all(rates):
        raise Refused("Both rates are needed.")
    projects.set_rates(projects.find(slug), *rates)
    note("project changed", slug, "rates: " + " and ".join(rate or "default" for rate in rates))
    shown = Scope.from_args({"project": slug}, horizon())
    address = url_for("leaderboard.show", **shown.to_args())
    return done(address, f"These rates are the defaults of {shown.project.name} now.")
