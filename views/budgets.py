"""Budgets: what projects and people may cost a month, and how far they are."""

from flask import Blueprint, request, url_for

from usage import budgets
from usage.pricing import BASES
from views.admin import chosen_action, form_field
from views.done import done
from views.format import money
from views.forms import about
from views.guards import horizon, note, now, require_session, viewer
from views.responses import respond

bp = Blueprint("budgets", __name__, url_prefix="/budgets")
BASIS_WORDS = dict(zip(BASES, ("default rates", "price list", "what senders report"), strict=True))


@bp.get("")
@require_session
def index():
    """The budgets one may see with their pace, and a form to set one."""
    mine = horizon()
    return respond(
        "budgets",
        "",
        paces=budgets.visible_to(viewer(), mine),
        horizon=mine,
        may_set=budgets.may_set,
        thresholds=budgets.THRESHOLDS,
        bases=BASIS_WORDS,
        first_days=budgets.FIRST_DAYS,
        screen="budgets.index",
    )


@bp.post("")
@require_session
def change():
    """Set the budget of a project or a person, or remove one."""
    mine = horizon()
    match chosen_action("set", "remove"):
        case "set":
            slug, username = form_field("project"), form_field("user")
            with about("user" if username else "project"):
                subject = budgets.subject(mine, slug, username)
            notices = request.form.getlist("thresholds")
            basis = form_field("basis") or BASES[0]
            with about("amount"):
                amount = budgets.set_budget(subject, form_field("amount"), basis, notices, now())
            note("budget set", slug or username, f"{money(amount)} a month")
            sentence = f"The budget is set to {money(amount)} a month."
        case "remove":
            note("budget removed", budgets.remove(viewer(), mine, _id()))
            sentence = "The budget is removed."
    return done(url_for("budgets.index"), sentence)


def _id() -> int:
    said = form_field("id")[:9]
    return int(said) if said.isascii() and said.isdigit() else 0
