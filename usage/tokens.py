"""Short-lived signed tokens: what one says can be read by anyone, and changed by nobody."""

from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

LIFETIME = timedelta(minutes=5)
EMBED = "embed"
"""The purpose of the tokens with which a portal's page asks for the board."""


def sign(purpose: str, claims: dict, secret: str, now: datetime) -> str:
    """A token for that purpose alone, good for five minutes."""
    until = int((now + LIFETIME).timestamp())
    return _signer(purpose, secret).dumps(claims | {"until": until})


def read(purpose: str, token: str, secret: str, now: datetime) -> dict | None:
    """What a token says; None unless it was signed for that purpose and is still good."""
    try:
        claims = _signer(purpose, secret).loads(token)
    except BadData:
        return None
    good = isinstance(claims, dict) and now.timestamp() < claims.get("until", 0)
    return claims if good else None


def _signer(purpose: str, secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=f"tallyboard token: {purpose}")
