"""Every setting: its environment variable, its default, what it means, and its check."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from usage.pricing import InvalidRate, Rates, read_rate
from usage.window import zone

DATABASES = ("sqlite", "postgresql", "postgres")


class InvalidSetting(SystemExit):
    """A setting that can't be used ends the start: one sentence that names it, no traceback."""

    def __init__(self, name: str, message: str):
        super().__init__(f"{name} {message}")


def database_url(text: str) -> str:
    """A SQLite file as sqlite:///path or a PostgreSQL URL."""
    scheme, separator, rest = text.partition("://")
    if scheme not in DATABASES or not separator or not rest.strip("/"):
        raise ValueError("must look like sqlite:///path/to/file or postgresql://user@host/name")
    return text


def port(text: str) -> int:
    """A TCP port."""
    return whole(text, 1, 65535)


def workers(text: str) -> int:
    """A number of processes or threads."""
    return whole(text, 1, 64)


def days(text: str) -> int:
    """A number of days, up to a year."""
    return whole(text, 1, 366)


def whole(text: str, least: int, most: int) -> int:
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


def setting(default: str, help: str, check: Callable) -> object:
    """A field of Settings that is read from the environment variable of its name."""
    return field(metadata={"default": default, "help": help, "check": check})


@dataclass(frozen=True)
class Settings:
    """What the environment says, checked; each field is the variable of that name."""

    database_url: str = setting(
        "sqlite:///instance/tallyboard.db",
        "Where usage is kept: a SQLite file or a PostgreSQL URL.",
        database_url,
    )
    secret_key: str = setting(
        "",
        "Keys the hashes of sessions and sign-in links; a new value signs everyone out. "
        "When empty, one is generated into `instance/`.",
        secret,
    )
    host: str = setting("127.0.0.1", "The address to listen on.", host)
    port: int = setting("8000", "The port to listen on.", port)
    web_workers: int = setting("2", "Server processes.", workers)
    web_threads: int = setting("8", "Threads in each server process.", workers)
    public_url: str = setting(
        "",
        "Where people reach the board, for links; when empty, `http://HOST:PORT`. "
        "With https, cookies are sent on secure connections only.",
        public_url,
    )
    reporting_timezone: str = setting(
        "UTC",
        "IANA zone of the days for all projects together, for usage without a project and for "
        "new projects.",
        timezone,
    )
    prompt_token_cost: Decimal = setting(
        "3.00", "Default of the cost input: USD per 1M prompt tokens.", rate
    )
    completion_token_cost: Decimal = setting(
        "15.00", "Default of the cost input: USD per 1M completion tokens.", rate
    )
    session_days: int = setting("14", "Days until a browser has to sign in again.", days)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, instance: Path = Path("instance")):
        """Read and check the environment. Raises InvalidSetting."""
        env = os.environ if env is None else env
        values = {}
        for item in fields(cls):
            text = env.get(item.name.upper(), "").strip() or item.metadata["default"]
            try:
                values[item.name] = item.metadata["check"](text)
            except (ValueError, InvalidRate) as error:
                raise InvalidSetting(item.name.upper(), str(error)) from error
        values["secret_key"] = values["secret_key"] or _generated_secret(instance)
        return cls(**values)

    @property
    def rates(self) -> Rates:
        """The default rates."""
        return Rates(self.prompt_token_cost, self.completion_token_cost)

    @property
    def base_url(self) -> str:
        """Where people reach the board."""
        return self.public_url or f"http://{self.host}:{self.port}"


def _generated_secret(instance: Path) -> str:
    file = instance / "secret_key"
    try:
        instance.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            draft = instance / f"secret_key.{os.getpid()}"
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            # Two processes may start at once: a link is made whole or not at all.
            with suppress(FileExistsError):
                os.link(draft, file)
            draft.unlink()
        return file.read_text()
    except OSError as error:
        raise InvalidSetting("SECRET_KEY", f"is empty and {file} can't be used") from error
