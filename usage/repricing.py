"""Prices past calls again at the present price list, some at a time; only when asked for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from peewee import Tuple, fn

from models import Event, db
from usage import changes, counting, prices, retention, rollups
from usage.bulk import among
from usage.counting import DayKey, Delta
from usage.ingest import calls, turns
from usage.ingest.calls import FIELDS, Call, Identity

EVENTS_AT_ONCE = 2000
PAIRS_AT_ONCE = 200
Pair = tuple[int, date]
"""A user and a day of theirs."""


def recompute(first: date, last: date) -> Iterator[tuple[int, int, int]]:
    """Price the kept calls of these days again; yields how many are done, of how many, and changed.

    Each slice is whole: interrupted, nothing is lost, and it can be run again.
    """
    days = Event.select(Event.user, Event.day, fn.COUNT(Event.event_id))
    first = max(first, retention.kept_from())
    days = days.where(Event.day.between(first, last)).group_by(Event.user, Event.day)
    found = list(days.order_by(Event.user, Event.day).tuples())
    done, total, changed = 0, sum(count for *_, count in found), 0
    for pairs in _slices(found):
        after: Identity | None = None
        while True:
            with changes.noted():
                # Nobody may change these calls, or record more of them at other prices, meanwhile.
                turns.take(alone=True)
                some = _calls(pairs, after)
                changed += _reprice(some)
            done += len(some)
            yield done, total, changed
            if len(some) < EVENTS_AT_ONCE:
                break
            after = some[-1].identity


def _slices(found: Sequence[tuple[int, date, int]]) -> Iterator[list[Pair]]:
    pairs: list[Pair] = []
    events = 0
    for user, day, count in found:
        if pairs and (events + count >= EVENTS_AT_ONCE or len(pairs) == PAIRS_AT_ONCE):
            yield pairs
            pairs, events = [], 0
        pairs.append((user, day))
        events += count
    if pairs:
        yield pairs


def _calls(pairs: Sequence[Pair], after: Identity | None) -> list[Call]:
    """The next calls of these days, by id; locked until the transaction ends."""
    query = Event.select(*FIELDS).where(among((Event.user, Event.day), pairs))
    if after:
        user, event_id = after
        query = query.where(Tuple(Event.event_id, Event.user) > Tuple(event_id, user))
    query = query.order_by(Event.event_id, Event.user).limit(EVENTS_AT_ONCE)
    query = query.for_update() if db.for_update else query
    return [Call._make(row) for row in query.tuples()]


def _reprice(some: Sequence[Call]) -> int:
    """Store what these calls cost by the list of now, and bring their daily rows up to date."""
    book = prices.book()
    new = [call._replace(list_nanodollars=book.nanodollars(call)) for call in some]
    changed = [(old, now) for old, now in zip(some, new, strict=True) if old != now]
    calls.rewrite(now for _, now in changed)
    deltas: dict[DayKey, Delta] = defaultdict(Delta)
    for old, now in changed:
        if old.counted:
            counting.recount(deltas, old, now)
    rollups.add(deltas)
    return len(changed)
