"""Prices: the list that list costs are told by, prices of one's own, and models without any."""

from flask import Blueprint, url_for

from usage import prices
from usage.pricing import LIST
from usage.scope import Scope
from usage.uncosted import uncosted
from views.admin import chosen_action, form_field, listing
from views.arguments import argument
from views.done import done
from views.guards import horizon, note, require_admin

bp = Blueprint("prices", __name__, url_prefix="/admin/prices")


@bp.get("")
@require_admin
def index():
    """All prices, own ones first; models that lack one; and a form to set one."""
    return listing(
        "prices.index",
        prices.page,
        listed=prices.listed(),
        missing=uncosted(Scope.from_args({"cost": LIST}, horizon())),
        given={name: argument(name) for name in ("provider", "model")},
        conditions=prices.conditions,
    )


@bp.post("")
@require_admin
def change():
    """Set a price of the board's own, or take one back; what is recorded keeps its cost."""
    name = form_field("provider"), form_field("model")
    when = prices.read_day(form_field("start")), prices.read_above(form_field("above"))
    called = " ".join(filter(None, name))
    match chosen_action("set", "remove"):
        case "set":
            rates = {rate: form_field(rate) for rate in prices.RATES}
            note("price set", called, prices.set_price(*name, rates, *when))
            sentence = f"The price of {called} is set."
        case "remove":
            prices.remove(*name, *when)
            note("price removed", called)
            sentence = f"The board's own price of {called} is removed."
    return done(url_for("prices.index"), sentence)
