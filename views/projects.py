"""Projects: their zones, default rates, and how people are named in them."""

from flask import Blueprint, redirect, request, url_for

from usage import directory, naming, projects, rezoning
from usage.accounts import Refused
from usage.horizon import NotVisible
from views.admin import chosen_action, form_field, frame
from views.done import done
from views.guards import note, now, require_admin, settings
from views.responses import respond, wants_fragment

bp = Blueprint("projects", __name__, url_prefix="/admin/projects")
POLICIES = {
    naming.NAMED: "Everyone by name",
    naming.OWN: "Only their own row",
    naming.PSEUDONYMS: "Pseudonyms",
    naming.HIDDEN: "Hidden when there are few",
}


@bp.get("")
@require_admin
def index():
    """All projects, and a form to make one."""
    return respond(
        "projects",
        url_for("projects.index"),
        rows=projects.everyone(),
        admins=directory.admins(),
        policies=POLICIES,
        **frame("projects.index"),
    )


@bp.post("")
@require_admin
def create():
    """Make a project ahead of its first usage."""
    zone = form_field("timezone") or settings().reporting_timezone
    made = projects.create(form_field("name"), zone, now())
    note("project created", made.slug, made.timezone)
    return done(url_for("projects.show", slug=made.slug), f"The project {made.name} is made.")


@bp.get("/<slug>")
@require_admin
def show(slug: str):
    """One project with a form for each of its settings."""
    return _one(slug)


@bp.post("/<slug>")
@require_admin
def change(slug: str):
    """Set the zone, the default rates, or how people are named."""
    project, sentence = _project(slug), "Nothing changed."
    match chosen_action("zone", "rates", "identity"):
        case "zone":
            if rezoning.begin(project, form_field("timezone")):
                note("zone changed", slug, f"{project.timezone} to {form_field('timezone')}")
                sentence = f"Days are told in {form_field('timezone')}; earlier ones follow."
        case "rates":
            rates = form_field("prompt_cost"), form_field("completion_cost")
            projects.set_rates(project, *rates)
            note("project changed", slug, "rates: " + " and ".join(r or "default" for r in rates))
            sentence = "The default rates are saved."
        case "identity":
            policy = form_field("identity"), _least_users(), "binds_all" in request.form
            projects.set_identity(project, *policy)
            note("identity policy changed", slug, projects.policy_words(*policy))
            sentence = "How people are named is saved."
    return done(url_for("projects.show", slug=slug), sentence)


@bp.post("/<slug>/days")
@require_admin
def advance(slug: str):
    """Bring the days of the next people into the project's zone."""
    rezoning.advance(_project(slug))
    return _one(slug) if wants_fragment() else redirect(url_for("projects.show", slug=slug), 303)


def _one(slug: str):
    project = _project(slug)
    return respond(
        "projects/one",
        "",
        project=project,
        admins=directory.admins().get(project.id, []),
        policies=POLICIES,
        rates=settings().rates,
        progress=rezoning.progress(project),
        **frame("projects.index"),
    )


def _project(slug: str):
    try:
        return projects.find(slug)
    except Refused as error:
        raise NotVisible(str(error)) from None


def _least_users() -> int:
    said = form_field("least_users") or "0"
    if not (said.isascii() and said.isdigit()) or len(said) > 9:
        wrong = "The least number of people must be a whole number from 2 to 1000."
        raise Refused(wrong, "least_users")
    return int(said)
