"""The same table for portals: as a partial, in a frame, and the tokens that open it."""

from collections.abc import Callable
from dataclasses import replace
from unicodedata import category

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.exceptions import Forbidden

from usage import grants, leaderboard, tokens
from usage.accounts import Refused
from usage.analysis import analysis
from usage.horizon import NotVisible
from usage.scope import InvalidScope, Scope
from views import fresh, id_prefix, portals
from views.analysis import charts
from views.arguments import strict_scope
from views.guards import horizon, now, require_key, settings, viewer
from views.leaderboard import surroundings
from views.portals import require_portal
from views.responses import EMBEDS, POLICY, WHOLE_VIEW, brought_filters, target, trigger

bp = Blueprint("embed", __name__)
ASKED = ("grant", "subject", "origin", "lock")
# A page that has linked the board's styles says so: linked twice, they are worked out twice.
LINKED = "linked"
# What the inputs for costs are called, or begin with: they leave the table its pages.
RATES = ("prompt_cost", "completion_cost", "cost")
PLACES = {"leaderboard.show": "embed.board", "analysis.show": "embed.person"}


@bp.get("/embed/leaderboard")
@require_portal
def board():
    """The ranked table with the filters that are granted."""
    scope = _scope()
    if scope.horizon.only_self:
        raise NotVisible("There is no such page.")

    def render() -> str:
        shown = leaderboard.board(scope)
        return _rendered("leaderboard.show", scope, board=shown, searchable=True)

    return id_prefix.of_this_board(fresh.text_once(scope, render, _part(), _has_styles()))


@bp.get("/embed/users/<username:username>")
@require_portal
def person(username: str):
    """One person's usage, where details are granted."""
    scope = _scope()
    if target() == "region" and trigger().partition("-")[0] not in RATES:
        # Of other days or another source the table may not have that page.
        scope = replace(scope, page=1)
    found = analysis(scope, username)
    username = found.standing.username
    users = found.names if scope.horizon.only_self else ()
    drawn = charts(scope, found)
    context = {"person": found, "charts": drawn, "username": username, "users": users}
    return id_prefix.of_this_board(_rendered("analysis.show", scope, **context))


@bp.get("/embed/frame")
def frame():
    """A page for an iframe: empty until the portal hands it a token."""
    grant = grants.live(request.args.get("grant", ""))
    if not grant:
        raise NotVisible("There is no such grant.")
    response = Response(render_template("embed/frame.html", origins=grant.origins))
    ancestors = f"frame-ancestors {grant.origins}"
    response.headers["Content-Security-Policy"] = POLICY.replace(
        "frame-ancestors 'none'", ancestors
    )
    return response


@bp.post("/api/v1/embed-tokens")
@require_key("embed")
def make_token():
    """A token for one of a portal's readers, good for five minutes."""
    wanted = _token_request()
    grant = grants.live(wanted["grant"])
    if not grant or not grants.may_use(viewer(), grant):
        raise Forbidden("This key can't use a grant of that name.")
    origin = wanted["origin"] or grant.origins.split()[0]
    if origin not in grant.origins.split():
        raise InvalidScope("origin", "is not one of the grant's")
    try:
        grants.narrowed(grant, wanted["subject"], wanted["lock"], horizon())
    except Refused as error:
        raise Forbidden(str(error)) from None
    claims = wanted | {"grant": grant.id, "origin": origin}
    token = tokens.sign(tokens.EMBED, claims, settings().secret_key, now())
    return {"token": token, "expires_in": int(tokens.LIFETIME.total_seconds()), "origin": origin}


@bp.get("/embed/<path:_rest>")
def nowhere(_rest: str):
    """No such page: an answer that the pages of portals may read."""
    raise NotVisible("There is no such page.")


@bp.after_request
def _across_origins(response: Response):
    return portals.let_in(response) if request.path.startswith(EMBEDS) else response


def _scope() -> Scope:
    if "board" in request.args and not id_prefix.is_known():
        raise InvalidScope("board", "must be a letter and at most 15 more or digits")
    if request.args.get("styles", LINKED) != LINKED:
        raise InvalidScope("styles", f"must be {LINKED}, or be left out")
    return strict_scope("board", "styles", within=portals.horizon())


def _part() -> str:
    """All of the board where it is new, else what a link or a filter of it replaces."""
    parts = {WHOLE_VIEW: "view", "region": "update"}
    return parts.get(target() if id_prefix.is_known() else "", "whole")


def _has_styles() -> bool:
    """True if the page has linked the board's styles."""
    return "styles" in request.args


def _rendered(screen: str, scope: Scope, **context: object) -> str:
    """The part of any portal's board that is asked for: see id_prefix.of_this_board()."""
    users = context.pop("users", ())
    return render_template(
        "embed/_board.html",
        part=_part(),
        prefix=id_prefix.ANY,
        linked=_has_styles(),
        screen=screen,
        trigger=trigger(),
        brought=brought_filters(),
        url_for=_addresses(screen, scope),
        **surroundings(scope, users),
        **context,
    )


def _addresses(screen: str, scope: Scope) -> Callable[..., str]:
    """How templates address things inside a portal: its board keeps its place and its page."""
    kept = {"q": scope.q or None, "page": scope.page if scope.page > 1 else None}

    def address(endpoint: str, **args: str) -> str:
        inside = PLACES.get(endpoint)
        if not inside:
            return url_for(endpoint, **args)
        # A portal's history is its own: the way back to the same page of the table is a link.
        way_back = kept if screen != endpoint and inside == "embed.person" else {}
        return url_for(inside, board=id_prefix.ANY, **args, **way_back)

    return address


def _token_request() -> dict:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InvalidScope("body", "must be a JSON object")
    for name in body:
        if name not in ASKED:
            raise InvalidScope(name[:100], f"is not known; use {', '.join(ASKED)}")
    wanted = {name: body.get(name, "") for name in ASKED} | {"lock": body.get("lock", {})}
    for name, value in wanted.items():
        if not (isinstance(value, dict) if name == "lock" else _is_text(value)):
            raise InvalidScope(name, "must be an object" if name == "lock" else "must be a text")
    if not wanted["grant"]:
        raise InvalidScope("grant", "is needed: the name of the portal's grant")
    return wanted


def _is_text(value: object) -> bool:
    # JSON can hold half a character, which neither a token nor a database can.
    return isinstance(value, str) and not any(category(char) == "Cs" for char in value)
