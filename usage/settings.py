"""Every setting: its environment variable, its default, what it means, and its check."""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path

from usage import checks
from usage.checks import Networks
from usage.pricing import InvalidRate, Rates

# The first setting of each pair needs the second.
NEEDS = (
    ("proxy_user_header", "trusted_proxies"),
    ("proxy_user_header", "proxy_secret"),
    ("oidc_issuer", "oidc_client_id"),
    ("oidc_issuer", "oidc_client_secret"),
    ("smtp_url", "mail_from"),
)


class InvalidSetting(SystemExit):
    """A setting that can't be used ends the start: one sentence that names it, no traceback."""

    def __init__(self, name: str, message: str):
        super().__init__(f"{name} {message}")


def setting(default: str, help: str, check: Callable) -> object:
    """A field of Settings that is read from the environment variable of its name."""
    return field(metadata={"default": default, "help": help, "check": check})


@dataclass(frozen=True)
class Settings:
    """What the environment says, checked; each field is the variable of that name."""

    database_url: str = setting(
        "sqlite:///instance/tallyboard.db",
        "Where usage is kept: a SQLite file or a PostgreSQL URL.",
        checks.database_url,
    )
    secret_key: str = setting(
        "",
        "Keys the hashes of sessions and sign-in links and the secrets of webhooks; a new value "
        "signs everyone out and changes these. "
        "When empty, one is generated into `instance/`.",
        checks.secret,
    )
    host: str = setting("127.0.0.1", "The address to listen on.", checks.host)
    port: int = setting("8000", "The port to listen on.", checks.port)
    web_workers: int = setting("2", "Server processes.", checks.workers)
    web_threads: int = setting("8", "Threads in each server process.", checks.workers)
    warm_rows: int = setting(
        "250000",
        "Rows of standings, one per person and scope, that each server process keeps in memory, at "
        "about 400 bytes a row; the scope asked for least lately goes first.",
        checks.rows,
    )
    public_url: str = setting(
        "",
        "Where people reach the board, for links; when empty, `http://HOST:PORT`. "
        "With https, cookies are sent on secure connections only.",
        checks.public_url,
    )
    reporting_timezone: str = setting(
        "UTC",
        "IANA zone of the days for all projects together, for usage without a project and for "
        "new projects.",
        checks.timezone,
    )
    prompt_token_cost: Decimal = setting(
        "3.00", "Default of the cost input: USD per 1M prompt tokens.", checks.rate
    )
    completion_token_cost: Decimal = setting(
        "15.00", "Default of the cost input: USD per 1M completion tokens.", checks.rate
    )
    session_days: int = setting("14", "Days until a browser has to sign in again.", checks.days)
    trusted_proxies: Networks = setting(
        "",
        "Addresses or networks (CIDR) of reverse proxies, by commas: their `X-Forwarded-For` "
        "tells the client's address, `X-Forwarded-Prefix` the path that the board is served under, "
        "and they alone may sign people in.",
        checks.networks,
    )
    proxy_user_header: str = setting(
        "",
        "Header in which a trusted proxy names the person, such as `X-Forwarded-User`; "
        "when empty, none is believed.",
        checks.header,
    )
    proxy_secret: str = setting(
        "",
        "What the proxy sends as `X-Tallyboard-Proxy-Secret`, 16 characters or more; "
        "required with `PROXY_USER_HEADER`.",
        checks.secret,
    )
    oidc_issuer: str = setting(
        "", "Address of an OpenID Connect provider; when empty, there is none.", checks.issuer
    )
    oidc_client_id: str = setting("", "The board's name at the provider.", str)
    oidc_client_secret: str = setting("", "The board's secret at the provider.", str)
    oidc_name: str = setting("single sign-on", "What the button calls the provider.", str)
    oidc_user_claim: str = setting(
        "email", "Claim with the username; `email` has to be verified.", str
    )
    oidc_groups_claim: str = setting("groups", "Claim with the groups.", str)
    oidc_super_admin_group: str = setting(
        "",
        "Whoever is in this group is super admin, and no one else who signs in with the provider; "
        "when empty, the provider makes none and unmakes none.",
        str,
    )
    oidc_project_group_prefix: str = setting(
        "",
        "A group named so, followed by a project's slug, makes project admins of it; "
        "when empty, the provider leaves projects alone.",
        str,
    )
    unusual_day_usd: Decimal = setting(
        "10.00", "A day below this cost is never called unusual.", checks.rate
    )
    webhook_hosts: frozenset[str] = setting(
        "",
        "Host names, by commas, that notices may be posted to although they are private addresses "
        "or without TLS; all others have to be public and https.",
        checks.hosts,
    )
    smtp_url: str = setting(
        "",
        "Mail server for digests, `smtp://user:password@host:587` (with STARTTLS where offered) "
        "or `smtps://`; when empty, nothing is mailed.",
        checks.smtp_url,
    )
    mail_from: str = setting("", "The sender of mails; required with `SMTP_URL`.", checks.mail)

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
        for name, needed in NEEDS:
            if values[name] and not values[needed]:
                raise InvalidSetting(name.upper(), f"needs {needed.upper()} as well")
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
