"""OpenID Connect: asking a provider who somebody is, and what that makes of them here."""

from collections.abc import Mapping
from datetime import datetime

from peewee import IntegrityError

from models import User, db
from usage import accounts, changes, projects, sign_in
from usage.accounts import MEMBER, PROJECT_ADMIN, SUPER_ADMIN, Refused
from usage.checks import is_private
from usage.ingest.event import InvalidEvent, plain_text
from usage.settings import InvalidSetting, Settings

try:
    import requests
    from authlib.common.errors import AuthlibBaseError
    from authlib.integrations.requests_client import OAuth2Session
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet
except ImportError:
    requests = None

# Never "none", and never one whose key is a secret: the provider's public key is no secret.
ALGORITHMS = ("RS256", "ES256")
TIMEOUT = 5
LEEWAY = 60
# What reading an answer raises that isn't what it should be.
NONSENSE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
LONGEST_NAME = 200
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Unavailable(Refused):
    """The provider is down, or answers what no provider should."""

    def __init__(self):
        super().__init__("Single sign-on can't be reached, or gave no usable answer.")


def check_installed(settings: Settings) -> None:
    """Raises InvalidSetting when a provider is set, and the packages to ask it are missing."""
    if settings.oidc_issuer and not requests:
        raise InvalidSetting("OIDC_ISSUER", "needs the packages in requirements-oidc.txt")


def authorization_address(
    settings: Settings, callback: str, state: str, nonce: str, verifier: str
) -> str:
    """Where the provider asks somebody who they are. Raises Unavailable."""
    endpoint = _discovered(settings)["authorization_endpoint"]
    with _session(settings, callback) as session:
        given = {"state": state, "nonce": nonce, "code_verifier": verifier}
        return session.create_authorization_url(endpoint, **given)[0]


def claims(
    settings: Settings, callback: str, code: str, nonce: str, verifier: str, now: datetime
) -> Mapping[str, object]:
    """What the provider vouches for, for the code it gave. Raises Unavailable or Refused."""
    found = _discovered(settings)
    try:
        with _session(settings, callback, found) as session:
            token = session.fetch_token(
                found["token_endpoint"], code=code, code_verifier=verifier, allow_redirects=False
            )
        keys = KeySet.import_key_set(_fetched(found["jwks_uri"]))
        read = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
        told = CodeIDToken(
            read.claims,
            read.header,
            {
                "iss": {"essential": True, "value": found["issuer"]},
                "aud": {"essential": True, "value": settings.oidc_client_id},
            },
            {"nonce": nonce, "client_id": settings.oidc_client_id},
        )
        told.validate(int(now.timestamp()), LEEWAY)
    except requests.RequestException:
        raise Unavailable from None
    # Whatever a stranger's server or a forger comes up with: it is no proof.
    except (
        AuthlibBaseError,
        JoseError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
    ):
        raise Refused("Single sign-on could not prove who you are; try again.") from None
    return told


def person_of(told: Mapping[str, object], settings: Settings, now: datetime) -> User:
    """Whoever these claims name, made when new. Raises Refused."""
    name = told.get(settings.oidc_user_claim)
    if not isinstance(name, str) or not name.strip():
        raise Refused(f'Single sign-on did not tell "{settings.oidc_user_claim}".')
    # Not every provider checks addresses; one that does says so.
    verified = told.get("email_verified") in (True, "true")
    if settings.oidc_user_claim == "email" and not ("@" in name and verified):
        raise Refused("Single sign-on has not verified your e-mail address.")
    user = sign_in.vouched(name) or _created(name, now)
    if user.disabled_at:
        raise Refused("Your account here is disabled.")
    profile = {"display_name": _line(told.get("name"))}
    if not user.email and verified:
        profile["email"] = _line(told.get("email")).casefold()
    known = {field: text for field, text in profile.items() if text}
    if known:
        with changes.noted():
            User.update(known).where(User.id == user.id).execute()
            changes.touch_names([user.id])
    return user


def follow_groups(user: User, told: Mapping[str, object], settings: Settings) -> str:
    """Give a person the role that their groups say; returns what changed. Raises Refused."""
    chief, prefix = settings.oidc_super_admin_group, settings.oidc_project_group_prefix
    groups = told.get(settings.oidc_groups_claim)
    groups = {groups} if isinstance(groups, str) else groups if isinstance(groups, list) else ()
    slugs = sorted(project.slug for project in accounts.projects_run_by(user))
    before = accounts.role_of(user), slugs
    if prefix:
        slugs = sorted(p.slug for p in projects.everyone() if f"{prefix}{p.slug}" in groups)
    reigns = chief in groups if chief else before[0] == SUPER_ADMIN
    role = SUPER_ADMIN if reigns else PROJECT_ADMIN if slugs else MEMBER
    after = role, slugs if role == PROJECT_ADMIN else []
    if after == before or not (chief or prefix):
        return ""
    accounts.set_role(user.username, *after)
    return " ".join((role, *after[1]))


def _created(name: str, now: datetime) -> User:
    try:
        with db.atomic():
            return accounts.create_user(name, now)
    except IntegrityError:
        # They came twice at once.
        return sign_in.vouched(name)


def _session(settings: Settings, callback: str, found: Mapping[str, object] | None = None):
    offered = (found or {}).get("token_endpoint_auth_methods_supported")
    basic = not isinstance(offered, list) or "client_secret_basic" in offered
    return OAuth2Session(
        settings.oidc_client_id,
        settings.oidc_client_secret,
        scope="openid email profile",
        redirect_uri=callback,
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic" if basic else "client_secret_post",
        default_timeout=TIMEOUT,
    )


def _discovered(settings: Settings) -> Mapping[str, object]:
    """What the provider says about itself. Raises Unavailable."""
    issuer = settings.oidc_issuer.rstrip("/")
    found = _fetched(f"{issuer}/.well-known/openid-configuration")
    told = found.get("issuer")
    usable = all(is_private(found.get(name)) for name in ENDPOINTS)
    if not usable or not isinstance(told, str) or told.rstrip("/") != issuer:
        raise Unavailable
    return found


def _fetched(address: str) -> dict:
    try:
        response = requests.get(address, timeout=TIMEOUT, allow_redirects=False)
        found = response.json() if response.status_code == 200 else None
    except (requests.RequestException, *NONSENSE):
        raise Unavailable from None
    if not isinstance(found, dict):
        raise Unavailable
    return found


def _line(text: object) -> str:
    try:
        return plain_text(text, "name", LONGEST_NAME) if isinstance(text, str) else ""
    except InvalidEvent:
        return ""
