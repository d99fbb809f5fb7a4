"""People: who is on the board, what each may do, and how they get in."""

from flask import Blueprint, request, url_for

from usage import accounts, directory, projects, sign_in
from usage.accounts import PROJECT_ADMIN, Refused
from usage.horizon import NotVisible
from views.admin import chosen_action, form_field, frame, listing
from views.done import done
from views.guards import note, now, require_admin, session, settings
from views.responses import respond

bp = Blueprint("people", __name__, url_prefix="/admin/people")


@bp.get("")
@require_admin
def index():
    """Everyone with their role, and a form to invite somebody."""
    context = {"roles": directory.ROLES, "projects": projects.everyone()}
    return listing("people.index", directory.people, **context)


@bp.post("")
@require_admin
def invite():
    """Make a person; the page after it shows, once, the link to set their password with."""
    profile = {name: form_field(name) for name in ("display_name", "email")}
    user = directory.invite(form_field("username"), *_role(), now(), **profile)
    note("user created", user.username, _role_words())
    # Whoever loads it again gets their page, and goes back to everyone.
    return _one(user.username, _link(user), url_for("people.show", name=user.username))


@bp.get("/<username:name>")
@require_admin
def show(name: str):
    """One person: role, access, sessions."""
    return _one(name)


@bp.post("/<username:name>")
@require_admin
def change(name: str):
    """Give a role, disable, enable, make a link, or end sessions."""
    user = _person(name)
    match chosen_action("role", "disable", "enable", "link", "session"):
        case "role":
            accounts.set_role(name, *_role())
            note("role changed", name, _role_words())
            sentence = f"The role of {name} is set."
        case "disable":
            accounts.disable_user(name, now())
            note("user disabled", name)
            sentence = f"{name} is disabled."
        case "enable":
            accounts.enable_user(name)
            note("user enabled", name)
            sentence = f"{name} is enabled."
        case "link":
            link = _link(user)
            note("password link made", name)
            return _one(name, link)
        case "session":
            _end(user, form_field("session"))
            note("session revoked", name, "all" if form_field("session") == "all" else "")
            everywhere = " everywhere" if form_field("session") == "all" else " in that browser"
            sentence = f"{name} is signed out{everywhere}."
    return done(url_for("people.show", name=name), sentence)


def _one(name: str, link: str = "", address: str = ""):
    user = _person(name)
    return respond(
        "people/one",
        address,
        user=user,
        role=accounts.role_of(user),
        roles=directory.ROLES,
        runs={project.slug for project in accounts.projects_run_by(user)},
        projects=projects.everyone(),
        sessions=sign_in.sessions(user, now()),
        current=session(),
        link=link,
        **frame("people.index"),
    )


def _person(name: str):
    try:
        return accounts.person(name)
    except Refused as error:
        raise NotVisible(str(error)) from None


def _link(user) -> str:
    token = directory.password_link(user, settings().secret_key, now())
    return settings().base_url + url_for("account.choose_password", token=token)


def _role() -> tuple[str, list[str]]:
    role = form_field("role")
    # The boxes of other roles stay ticked when scripts don't hide them.
    return role, request.form.getlist("projects") if role == PROJECT_ADMIN else []


def _role_words() -> str:
    role, slugs = _role()
    return f"{directory.ROLES[role]}{' of ' if slugs else ''}{', '.join(sorted(slugs))}"


def _end(user, chosen: str) -> None:
    if chosen == "all":
        sign_in.end_all(user)
    elif not sign_in.revoke_session(user, chosen):
        raise Refused("There is no such session.")
