"""What a setting may be: each function reads one kind of value, or raises ValueError."""

import re
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from usage.pricing import read_rate
from usage.window import zone

DATABASES = ("sqlite", "postgresql", "postgres")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
PROXY_SECRET_HEADER = "X-Tallyboard-Proxy-Secret"
# Every browser sends them, or they are for something else.
NO_USER_HEADERS = (
    "accept",
    "authorization",
    "cookie",
    "host",
    "origin",
    "referer",
    "user-agent",
    "x-api-key",
    "x-forwarded-for",
    PROXY_SECRET_HEADER.lower(),
)
MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
Networks = tuple[IPv4Network | IPv6Network, ...]


def database_url(text: str) -> str:
    """A SQLite file as sqlite:///path or a PostgreSQL URL."""
    scheme, separator, rest = text.partition("://")
    if scheme not in DATABASES or not separator or not rest.strip("/"):
        raise ValueError("must look like sqlite:///path/to/file or postgresql://user@host/name")
    return text


def port(text: str) -> int:
    """A TCP port."""
    return whole_number(text, 1, 65535)


def workers(text: str) -> int:
    """A number of processes or threads."""
    return whole_number(text, 1, 64)


def rows(text: str) -> int:
    """A number of rows to keep in memory."""
    return whole_number(text, 1, 100_000_000)


def days(text: str) -> int:
    """A number of days, up to a year."""
    return whole_number(text, 1, 366)


def whole_number(text: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return int(text)


def timezone(text: str) -> str:
    """An IANA time zone."""
    zone(text)
    return text


def rate(text: str) -> Decimal:
    """USD per 1M tokens."""
    return read_rate(text)


def public_url(text: str) -> str:
    """Where people reach the board, without a trailing slash; empty: the HOST and PORT."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        # Addresses are added to its end.
        usable = usable and not (parts.query or parts.fragment)
    except ValueError:
        usable = False
    if text and not usable:
        raise ValueError("must be an http:// or https:// address")
    return text.rstrip("/")


def secret(text: str) -> str:
    """At least 16 characters; empty: one is generated into the instance folder."""
    if text and len(text) < 16:
        raise ValueError("must be at least 16 characters")
    return text


def host(text: str) -> str:
    """An address to listen on."""
    if not text or any(char.isspace() for char in text):
        raise ValueError("must be a host name or an IP address")
    return text


def networks(text: str) -> Networks:
    """IP addresses and networks, separated by commas."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be IP addresses or networks such as 10.0.0.0/8, by commas") from None


def header(text: str) -> str:
    """The name of a request header that a proxy sets; empty: none."""
    usable = re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", text)
    if text and (not usable or text.lower() in NO_USER_HEADERS):
        raise ValueError("must be a header of the proxy's own, such as X-Forwarded-User")
    return text


def hosts(text: str) -> frozenset[str]:
    """Host names or addresses, separated by commas."""
    names = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"[a-z0-9_.-]{1,253}|[0-9a-f:.]{2,45}", name) for name in names):
        raise ValueError("must be host names such as chat.example.internal, by commas")
    return names


def smtp_url(text: str) -> str:
    """A mail server; empty: none."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
        usable = usable and not (parts.query or parts.fragment or parts.path.strip("/"))
    except ValueError:
        usable = False
    if text and not usable:
        raise ValueError("must look like smtp://user:password@host:587 or smtps://host")
    return text


def mail(text: str) -> str:
    """An e-mail address; empty: none."""
    if text and (len(text) > 254 or not MAIL.fullmatch(text)):
        raise ValueError("must be an e-mail address such as board@example.com")
    return text


def issuer(text: str) -> str:
    """Where an OpenID Connect provider is; plain http only on this machine."""
    if text and not is_private(text):
        raise ValueError("must be an https:// address")
    return text


def is_private(address: object) -> bool:
    """True for an address that nobody on the way can read along: https, or this machine."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        local = parts.scheme == "http" and parts.hostname in LOOPBACK
        return bool(parts.hostname and parts.port != 0 and (local or parts.scheme == "https"))
    except ValueError:
        return False
