"""Ways in: passwords, one-time links and sessions; only hashes of them are kept."""

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from peewee import EXCLUDED, fn

from models import Attempt, Session, SignInLink, User, db
from usage.accounts import Refused, find_person
from usage.ingest.event import InvalidEvent, canonical_user

SIGN_IN, PASSWORD = "sign-in", "password"
LIFETIMES = {SIGN_IN: timedelta(hours=1), PASSWORD: timedelta(days=7)}
SHORTEST, LONGEST = 12, 200
# OWASP's least for argon2id: 19 MiB, so that many at once don't exhaust a small server.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Verified in place of a password that isn't there, so that an unknown name takes as long.
NOBODYS = HASHER.hash(secrets.token_urlsafe(16))
FREE_FAILURES = 5
LONGEST_WAIT = 900
FORGOTTEN = timedelta(days=1)
WRONG = "That name and password don't belong together."


class TooManyAttempts(Refused):
    """A name that was tried too often; `seconds` until it may be tried again."""

    def __init__(self, seconds: int):
        super().__init__(f"Too many attempts; try again in {seconds} seconds.")
        self.seconds = seconds


@dataclass(frozen=True)
class Browser:
    """Where somebody is: the address, and what the browser calls itself."""

    address: str = ""
    agent: str = ""


def by_password(name: str, password: str, browser: Browser, secret: str, now: datetime) -> User:
    """Whoever that name or e-mail and password belong to. Raises TooManyAttempts or Refused."""
    # With the address: whoever tries from elsewhere doesn't lock the person out.
    tried = keyed_hash(f"{_as_tried(name)} {browser.address}", secret, "attempt")
    _refuse_if_blocked(tried, now)
    user = find_person(name)
    stored = user.password_hash if user and not user.disabled_at else ""
    if not _verified(stored or NOBODYS, password) or not stored:
        _note_failure(tried, now)
        raise Refused(WRONG)
    Attempt.delete().where(Attempt.name_hash == tried).execute()
    if HASHER.check_needs_rehash(stored):
        User.update(password_hash=HASHER.hash(password)).where(User.id == user.id).execute()
    return user


def vouched(name: str) -> User | None:
    """Whom a proxy or provider means: by username alone, in any of their names.

    Not by e-mail address: whoever sends usage may have told that, and would choose who gets in.
    """
    found = find_person(name)
    named = found and User.select().where(User.username == canonical_user(name)).exists()
    return found if named else None


def check_password(user: User, password: str) -> None:
    """Raises Refused for a password that is too easy to guess."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(f"A password needs {SHORTEST} to {LONGEST} characters.")
    if password.casefold() in (user.username.casefold(), user.email.casefold()):
        raise Refused("A password must not be the name it belongs to.")


def set_password(user: User, password: str) -> None:
    """Give a person a new password; all their sessions and links end. Raises Refused."""
    check_password(user, password)
    hashed = HASHER.hash(password)
    with db.atomic():
        User.update(password_hash=hashed).where(User.id == user.id).execute()
        end_all(user)


def create_link(user: User, secret: str, now: datetime, purpose: str = SIGN_IN) -> str:
    """A token that, once, signs this person in or lets them set a password."""
    token = secrets.token_urlsafe(32)
    SignInLink.create(
        token_hash=keyed_hash(token, secret, f"{purpose} link"),
        user=user,
        purpose=purpose,
        created_at=now,
        expires_at=now + LIFETIMES[purpose],
    )
    return token


def link_user(token: str, secret: str, now: datetime, purpose: str = SIGN_IN) -> User | None:
    """Whose live link that is, without using it up; None when it is used, old or unknown."""
    mine = SignInLink.token_hash == keyed_hash(token, secret, f"{purpose} link")
    link = SignInLink.select(SignInLink, User).join(User).where(mine).first()
    usable = link and link.expires_at >= now and not link.user.disabled_at
    return link.user if usable else None


def redeem_link(token: str, secret: str, now: datetime, purpose: str = SIGN_IN) -> User | None:
    """Use a link up; returns whose it was, None when it is used, old or unknown."""
    # Whoever guesses doesn't get as far as a transaction, which on SQLite locks out all writers.
    user = link_user(token, secret, now, purpose)
    mine = SignInLink.token_hash == keyed_hash(token, secret, f"{purpose} link")
    # Deleting decides who was first when a link is opened twice at once.
    return user if user and SignInLink.delete().where(mine).execute() else None


def start_session(
    user: User, browser: Browser, secret: str, now: datetime, lifetime: timedelta
) -> str:
    """Sign a person in; returns the token that the browser has to show."""
    token = secrets.token_urlsafe(32)
    with db.atomic():
        Session.delete().where(Session.expires_at < now).execute()
        Session.create(
            token_hash=keyed_hash(token, secret, "session"),
            user=user,
            created_at=now,
            expires_at=now + lifetime,
            address=browser.address[:100],
            agent=browser.agent[:200],
        )
    return token


def session(token: str, secret: str, now: datetime) -> Session | None:
    """The live session of that token, with its person."""
    return (
        Session.select(Session, User)
        .join(User)
        .where(
            Session.token_hash == keyed_hash(token, secret, "session"),
            Session.expires_at > now,
            User.disabled_at.is_null(),
            User.owner_id.is_null(),
        )
        .first()
    )


def sessions(user: User, now: datetime) -> list[Session]:
    """A person's live sessions, newest first."""
    live = (Session.user == user) & (Session.expires_at > now)
    return list(Session.select().where(live).order_by(Session.created_at.desc()))


def end_session(token: str, secret: str) -> None:
    """Sign out."""
    Session.delete().where(Session.token_hash == keyed_hash(token, secret, "session")).execute()


def revoke_session(user: User, start: str) -> bool:
    """End the one session of a person whose hash starts so; False when there is none."""
    mine = (Session.user == user) & (fn.SUBSTR(Session.token_hash, 1, 16) == start)
    return bool(Session.delete().where(mine).execute())


def end_all(user: User) -> None:
    """End all sessions and links of a person."""
    Session.delete().where(Session.user == user).execute()
    SignInLink.delete().where(SignInLink.user == user).execute()


def keyed_hash(token: str, secret: str, purpose: str) -> str:
    """How a session or link is stored: of no use to someone who copies the table."""
    message = f"{purpose}:{token}".encode(errors="surrogatepass")
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _as_tried(name: str) -> str:
    """A name as find_person reads it: another spelling of it begins no new count."""
    try:
        return canonical_user(name)
    except InvalidEvent:
        return name.strip()


def _verified(stored: str, password: str) -> bool:
    with suppress(VerificationError, InvalidHashError):
        return HASHER.verify(stored, password[: LONGEST + 1].encode(errors="surrogatepass"))
    return False


def _refuse_if_blocked(tried: str, now: datetime) -> None:
    attempt = Attempt.get_or_none(Attempt.name_hash == tried)
    if attempt and attempt.blocked_until > now:
        raise TooManyAttempts(int((attempt.blocked_until - now).total_seconds()) + 1)


def _note_failure(tried: str, now: datetime) -> None:
    """Count a failure; from the fifth on, each doubles the time until the next attempt."""
    with db.atomic():
        Attempt.delete().where(Attempt.last_time < now - FORGOTTEN).execute()
        row = {"name_hash": tried, "failures": 1, "last_time": now, "blocked_until": now}
        Attempt.insert(row).on_conflict(
            conflict_target=(Attempt.name_hash,),
            update={"failures": Attempt.failures + 1, "last_time": EXCLUDED.last_time},
        ).execute()
        failures = Attempt.get(Attempt.name_hash == tried).failures
        if failures >= FREE_FAILURES:
            wait = min(2 ** (failures - FREE_FAILURES) * 4, LONGEST_WAIT)
            until = now + timedelta(seconds=wait)
            Attempt.update(blocked_until=until).where(Attempt.name_hash == tried).execute()
