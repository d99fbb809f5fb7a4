"""Slows down guessing of passwords: counts failures per name, from one network and from all."""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple

from peewee import EXCLUDED, Case

from models import Attempt, db
from usage.accounts import Refused, keyed_hash
from usage.ingest.event import InvalidEvent, canonical_user

FORGOTTEN = timedelta(days=1)


class TooManyAttempts(Refused):
    """A name was tried too often; it may be tried again in `seconds`."""

    def __init__(self, seconds: int):
        super().__init__(f"Too many attempts; try again in {seconds} seconds.")
        self.seconds = seconds


class Limit(NamedTuple):
    """From failure number `free` on each doubles the wait for the next, up to `longest` seconds."""

    key: str
    free: int
    longest: int


def limits(name: str, address: str, known_here: bool, secret: str) -> tuple[Limit, ...]:
    """The limits for a name tried from an address.

    The limit on attempts from anywhere is mild, so that a stranger can't lock a person out, and
    doesn't hold where that person is signed in already.
    """
    name = _as_tried(name)
    here = Limit(keyed_hash(f"{name} {network(address)}", secret, "attempt"), 5, 900)
    anywhere = Limit(keyed_hash(name, secret, "attempt anywhere"), 20, 60)
    return (here,) if known_here else (here, anywhere)


def count(limits: tuple[Limit, ...], now: datetime) -> None:
    """Count an attempt as a failure before it is made. Raises TooManyAttempts.

    Counted first, so that many attempts at once get no further than as many in a row.
    """
    keys = [limit.key for limit in limits]
    blocked = Attempt.select(Attempt.blocked_until).where(Attempt.name_hash.in_(keys)).tuples()
    _refuse_until(max((until for (until,) in blocked), default=now), now)
    for limit in limits:
        with db.atomic():
            _count(limit, now)


def forget(limits: tuple[Limit, ...], now: datetime) -> None:
    """Forget the failures under these limits after a success, and old ones of anybody."""
    mine = Attempt.name_hash.in_([limit.key for limit in limits])
    Attempt.delete().where(mine | (Attempt.last_time < now - FORGOTTEN)).execute()


def network(address: str) -> str:
    """The network that an address is counted as: one IPv4 address, or a /64 of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    found = getattr(found, "ipv4_mapped", None) or found
    return str(found) if found.version == 4 else f"{int(found) >> 64:x}"


def _as_tried(name: str) -> str:
    """A name as find_person reads it, so that another spelling begins no new count."""
    try:
        return canonical_user(name)
    except InvalidEvent:
        return name.strip()


def _count(limit: Limit, now: datetime) -> None:
    row = {"name_hash": limit.key, "failures": 1, "last_time": now, "blocked_until": now}
    more = Case(None, [(Attempt.last_time < now - FORGOTTEN, 1)], Attempt.failures + 1)
    Attempt.insert(row).on_conflict(
        conflict_target=(Attempt.name_hash,),
        update={"failures": more, "last_time": EXCLUDED.last_time},
        where=Attempt.blocked_until <= now,
    ).execute()
    mine = Attempt.name_hash == limit.key
    attempt = Attempt.get(mine)
    # Another attempt at the same moment may have been one too many.
    _refuse_until(attempt.blocked_until, now)
    if attempt.failures >= limit.free:
        wait = min(2 ** min(attempt.failures - limit.free, 20) * 4, limit.longest)
        Attempt.update(blocked_until=now + timedelta(seconds=wait)).where(mine).execute()


def _refuse_until(moment: datetime, now: datetime) -> None:
    if moment > now:
        raise TooManyAttempts(int((moment - now).total_seconds()) + 1)
