"""What a reverse proxy is believed: the client's address, who it is, and where the board is."""

import hmac
import re
from collections.abc import Callable
from ipaddress import ip_address

from flask import Flask, Request

from usage.checks import PROXY_SECRET_HEADER, Networks
from usage.settings import Settings

PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([\d.]+):\d+")


def is_trusted(address: str, proxies: Networks) -> bool:
    """True for the address of one of these proxies."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    # A server that listens on IPv6 sees IPv4 peers as ::ffff:10.0.0.1.
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in proxies)


def client_address(peer: str, forwarded: str, proxies: Networks) -> str:
    """The peer, or behind trusted proxies the right-most address that is none of them.

    Each proxy adds the address it was asked from to the right of X-Forwarded-For; what stands
    further left may have been made up by the client.
    """
    address = peer
    for entry in reversed(forwarded.split(",")):
        if not is_trusted(address, proxies):
            break
        entry = entry.strip()
        if ported := WITH_PORT.fullmatch(entry):
            entry = ported[1] or ported[2]
        try:
            address = str(ip_address(entry))
        except ValueError:
            break
    return address


def address_of(request: Request, settings: Settings) -> str:
    """Where a request comes from."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return client_address(request.remote_addr or "", forwarded, settings.trusted_proxies)


def named_person(request: Request, settings: Settings) -> str | None:
    """Whom a trusted proxy names; "" for a name that can't be, None when nothing is believed."""
    value = request.headers.get(settings.proxy_user_header) if settings.proxy_user_header else None
    sent, secret = request.headers.get(PROXY_SECRET_HEADER, ""), settings.proxy_secret
    vouched = hmac.compare_digest(_as_sent(sent), secret.encode())
    trusted = is_trusted(request.remote_addr or "", settings.trusted_proxies)
    if value is None or not (secret and vouched and trusted):
        return None
    name = _as_sent(value).decode(errors="replace").strip()
    # A comma: the header came twice, and the server joined them.
    return name if name.isprintable() and "," not in name and "\ufffd" not in name else ""


def under_prefix(app: Flask) -> Callable:
    """The app below the path that a trusted proxy serves it under: its links begin with it."""
    inner = app.wsgi_app

    def serve(environ: dict, start_response: Callable):
        prefix = environ.get("HTTP_X_FORWARDED_PREFIX", "").rstrip("/")
        trusted = app.extensions["settings"].trusted_proxies
        if PREFIX.fullmatch(prefix) and is_trusted(environ.get("REMOTE_ADDR", ""), trusted):
            environ["SCRIPT_NAME"] = prefix + environ.get("SCRIPT_NAME", "")
        return inner(environ, start_response)

    return serve


def _as_sent(value: str) -> bytes:
    """The bytes of a header; WSGI hands them over as Latin-1."""
    return value.encode("latin-1", errors="replace")
