"""Sign in with an OpenID Connect provider: there, and back."""

import hmac
import secrets

from flask import Blueprint, redirect, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from usage import oidc
from usage.accounts import Refused
from usage.horizon import NotVisible
from usage.oidc import Unavailable
from views import cookies
from views.account import signed_in, turned_away
from views.guards import note, now, settings

bp = Blueprint("oidc", __name__)
bp.record_once(lambda state: oidc.check_installed(state.app.extensions["settings"]))
MINUTES = 10


@bp.get("/sign-in/oidc")
def begin():
    """Send the browser to the provider, with a note of what was asked."""
    _require_provider()
    asked = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    try:
        address = oidc.authorization_address(settings(), _callback(), **asked)
    except Refused as error:
        return _refused(error)
    response = redirect(address)
    return cookies.put(response, _cookie(), _signer().dumps(asked), MINUTES * 60)


@bp.get("/sign-in/oidc/callback")
def callback():
    """Where the provider sends the browser back to, with a code that tells who it is."""
    _require_provider()
    try:
        asked = _asked()
        code = request.args.get("code", "")
        told = oidc.claims(settings(), _callback(), code, asked["nonce"], asked["verifier"], now())
        user = oidc.person_of(told, settings(), now())
        changed = oidc.follow_groups(user, told, settings())
    except Refused as error:
        return _refused(error)
    if changed:
        note("role changed", subject=user.username, detail=changed, actor=user.username)
    return cookies.drop(signed_in(user, "single sign-on"), _cookie())


def _asked() -> dict:
    """What this browser was sent away with. Raises Refused."""
    try:
        asked = _signer().loads(request.cookies.get(_cookie(), ""), max_age=MINUTES * 60)
    except BadData:
        raise Refused("This sign-in took too long, or began in another browser.") from None
    sent = request.args.get("state", "")
    if not hmac.compare_digest(sent.encode(errors="replace"), asked["state"].encode()):
        raise Refused("This sign-in was not begun here; try again.")
    if not request.args.get("code"):
        raise Refused("Single sign-on was refused or given up.")
    return asked


def _refused(error: Refused):
    note("sign-in refused", detail=str(error))
    # Even a provider that is down is no failure of ours: the board works, and a password does.
    status = 424 if isinstance(error, Unavailable) else 403
    return cookies.drop(turned_away(str(error), status), _cookie())


def _require_provider() -> None:
    if not settings().oidc_issuer:
        raise NotVisible("There is no such page.")


def _callback() -> str:
    """The address that the provider knows; not the one that a request claims to have come to."""
    return settings().base_url + url_for("oidc.callback")


def _cookie() -> str:
    return f"{cookies.session_name()}-oidc"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_key, salt="oidc sign-in")
