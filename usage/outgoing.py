"""Requests to addresses that people typed: limited in time, and only to public addresses."""

import socket
import ssl
from collections.abc import Collection, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from usage.accounts import Refused

LONGEST = 2000
SECONDS = 10
"""How long a whole request may take, however slowly the other side answers."""
GLOBAL = IPv6Network("2000::/3")
"""The IPv6 addresses routed on the internet; others are local or embed IPv4 addresses."""


class PrivateAddress(OSError):
    """An address that only machines nearby can reach."""


class Undelivered(Exception):
    """A request that failed; its sentence holds no secret part of the address."""


def check(url: str, hosts: Collection[str]) -> SplitResult:
    """Check an address before it is resolved, and return its parts. Raises Refused.

    `hosts` are those that may be private, and reached without TLS.
    """
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0 and url.isascii() and url.isprintable()
    except ValueError:
        raise Refused("The address must be a web address.", "url") from None
    if not usable or " " in url or len(url) > LONGEST or parts.scheme not in ("http", "https"):
        raise Refused("The address must be a web address.", "url")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Refused("The address must be without a name, a password and a #.", "url")
    if parts.scheme == "http" and parts.hostname not in hosts:
        wrong = "The address must be https; WEBHOOK_HOSTS lists hosts that need not be."
        raise Refused(wrong, "url")
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str], hosts: Collection[str]) -> None:
    """Post a body; no redirect is followed and no answer is read. Raises Undelivered."""
    try:
        parts = check(url, hosts)
    except Refused as error:
        raise Undelivered(str(error)) from None
    request = _Request(parts, hosts)
    deadline = Timer(SECONDS, request.cut)
    deadline.daemon = True
    deadline.start()
    try:
        status = request.send(body, headers)
    except (OSError, HTTPException, ValueError) as error:
        raise Undelivered(_reason(error, request.late)) from None
    finally:
        deadline.cancel()
        request.close()
    if not 200 <= status < 300:
        why = "; redirects are not followed" if 300 <= status < 400 else ""
        raise Undelivered(f"It answered {status}{why}.")


class _Request:
    """One request, connected to the very IP address that was checked."""

    def __init__(self, parts: SplitResult, hosts: Collection[str]):
        self.parts, self.allowed, self.late = parts, parts.hostname in hosts, False
        secure = parts.scheme == "https"
        self.port = parts.port or (443 if secure else 80)
        self.connection = HTTPConnection(parts.hostname, self.port)
        self.context = ssl.create_default_context() if secure else None

    def send(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Send it; returns the status of the answer."""
        address = _resolve(self.parts.hostname, self.port, self.allowed)
        link = self.connection.sock = socket.create_connection(address, SECONDS)
        if self.context:
            link = self.connection.sock = self.context.wrap_socket(
                link, server_hostname=self.parts.hostname, do_handshake_on_connect=False
            )
            link.do_handshake()
        path = (self.parts.path or "/") + (f"?{self.parts.query}" if self.parts.query else "")
        default = 443 if self.context else 80
        named = f"[{self.parts.hostname}]" if ":" in self.parts.hostname else self.parts.hostname
        host = named if self.port == default else f"{named}:{self.port}"
        self.connection.request("POST", path, body, {**headers, "Host": host})
        return self.connection.getresponse().status

    def cut(self) -> None:
        """End the connection because the time is over."""
        self.late = True
        if link := self.connection.sock:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        if link := self.connection.sock:
            link.close()


def _resolve(host: str, port: int, allowed: bool) -> tuple[str, int]:
    """The first address of a host, once all of them are known to be public, or it is allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [entry[4][0] for entry in found]
    if not allowed and not all(_is_public(ip_address(one.split("%")[0])) for one in addresses):
        raise PrivateAddress
    return addresses[0], port


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address.sixtofour or address.teredo):
        return False
    routed = address.version == 4 or address in GLOBAL
    return routed and address.is_global and not address.is_multicast


def _reason(error: Exception, late: bool) -> str:
    if late or isinstance(error, TimeoutError):
        return f"It did not answer within {SECONDS} seconds."
    match error:
        case PrivateAddress():
            return "It has a private address; WEBHOOK_HOSTS lists hosts that may."
        case ssl.SSLCertVerificationError():
            return "Its certificate is not to be trusted."
        case ssl.SSLError():
            return "It does not speak TLS as it should."
        case socket.gaierror():
            return "Its name is not known."
        case ConnectionRefusedError():
            return "It refused the connection."
        case _:
            return "It broke the connection off."
