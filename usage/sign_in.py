"""Ways in: passwords, one-time links and sessions; only hashes of them are kept."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from peewee import SQL, ModelSelect, Value, fn

from models import Session, SignInLink, User, db
from usage import looks, prepared, throttle
from usage.accounts import SUPER_ADMIN, Refused, find_person, keyed_hash
from usage.ingest.event import canonical_user

SIGN_IN, PASSWORD = "sign-in", "password"
LIFETIMES = {SIGN_IN: timedelta(hours=1), PASSWORD: timedelta(days=7)}
SHORTEST, LONGEST = 12, 200
# OWASP's least for argon2id: 19 MiB, so that many at once don't exhaust a small server.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Verified if there is no password, so that the time taken doesn't tell whether a name exists.
NOBODYS = HASHER.hash(secrets.token_urlsafe(16))
WRONG = "That name and password don't belong together."


@dataclass(frozen=True)
class Browser:
    """Where somebody is: the address, and what the browser calls itself."""

    address: str = ""
    agent: str = ""


def by_password(name: str, password: str, browser: Browser, secret: str, now: datetime) -> User:
    """The person of that name or e-mail address and password. Raises TooManyAttempts or Refused."""
    user = find_person(name)
    tried = throttle.limits(name, browser.address, _is_signed_in_there(user, browser, now), secret)
    throttle.count(tried, now)
    stored = user.password_hash if user and not user.disabled_at else ""
    if not _verified(stored or NOBODYS, password) or not stored:
        raise Refused(WRONG)
    throttle.forget(tried, now)
    if HASHER.check_needs_rehash(stored):
        User.update(password_hash=HASHER.hash(password)).where(User.id == user.id).execute()
    return user


def vouched(name: str) -> User | None:
    """The person whom a proxy or provider means: found by any of their usernames, or None.

    Never by e-mail address: it may come from a sender, who would decide who is let in.
    """
    found = find_person(name)
    named = found and User.select().where(User.username == canonical_user(name)).exists()
    return found if named else None


def check_password(user: User, password: str) -> None:
    """Raises Refused for a password that is too easy to guess."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(f"A password needs {SHORTEST} to {LONGEST} characters.", "password")
    if password.casefold() in (user.username.casefold(), user.email.casefold()):
        raise Refused("A password must not be the name it belongs to.", "password")


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
    """The person of a live link, without using it up; None if it is used, expired or unknown."""
    mine = SignInLink.token_hash == keyed_hash(token, secret, f"{purpose} link")
    link = SignInLink.select(SignInLink, User).join(User).where(mine).first()
    usable = link and link.expires_at >= now and not link.user.disabled_at
    return link.user if usable else None


def redeem_link(token: str, secret: str, now: datetime, purpose: str = SIGN_IN) -> User | None:
    """Use a link up and return its person; None if it is used, expired or unknown."""
    # Checked first: on SQLite a guesser could otherwise lock out all writers.
    user = link_user(token, secret, now, purpose)
    mine = SignInLink.token_hash == keyed_hash(token, secret, f"{purpose} link")
    # If a link is opened twice at once, the one who deletes it wins.
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
    """The live session of that token, with its person and a Look for what they may see."""
    hashed, at = keyed_hash(token, secret, "session"), Session.expires_at.db_value(now)
    for row in prepared.rows(_live_session, hashed, at):
        session, session.user = prepared.models(row, Session, User)
        session.look = looks.from_row(*row[-3:])
        return session
    return None


def _live_session(hashed: Value, at: Value) -> ModelSelect:
    live = (Session.token_hash == hashed) & (Session.expires_at > at)
    person = User.disabled_at.is_null() & User.owner_id.is_null()
    look = looks.columns(User.role == SQL(f"'{SUPER_ADMIN}'"))
    return Session.select(Session, User, *look).join(User).where(live, person)


def sessions(user: User, now: datetime) -> list[Session]:
    """A person's live sessions, newest first."""
    live = (Session.user == user) & (Session.expires_at > now)
    return list(Session.select().where(live).order_by(Session.created_at.desc()))


def end_session(token: str, secret: str) -> None:
    """Sign out."""
    Session.delete().where(Session.token_hash == keyed_hash(token, secret, "session")).execute()


def revoke_session(user: User, start: str) -> bool:
    """End the session of a person whose hash starts with this; False if there is none."""
    mine = (Session.user == user) & (fn.SUBSTR(Session.token_hash, 1, 16) == start)
    return bool(Session.delete().where(mine).execute())


def end_all(user: User) -> None:
    """End all sessions and links of a person."""
    Session.delete().where(Session.user == user).execute()
    SignInLink.delete().where(SignInLink.user == user).execute()


def _is_signed_in_there(user: User | None, browser: Browser, now: datetime) -> bool:
    """True if the person has a session on that network; asks the database even for nobody."""
    mine = (Session.user == (user.id if user else 0)) & (Session.expires_at > now)
    places = {
        throttle.network(place) for (place,) in Session.select(Session.address).where(mine).tuples()
    }
    return throttle.network(browser.address) in places


def _verified(stored: str, password: str) -> bool:
    with suppress(VerificationError, InvalidHashError):
        return HASHER.verify(stored, password[: LONGEST + 1].encode(errors="surrogatepass"))
    return False
