"""Vendors' sums over many calls: never counted beside single calls of the same user, model, day."""

from collections.abc import Collection
from datetime import date
from typing import Protocol

from models import Event
from usage.rollups import DayKey


class Row(Protocol):
    """An event as record() has placed it."""

    key: DayKey
    identity: tuple[int, str]


def cover(rows: Collection[Row]) -> set[tuple[int, str]]:
    """Set aside the new buckets whose calls are known one by one; returns which they are."""
    covered = set()
    for row in rows:
        key = row.key
        single = Event.select().where(
            Event.user == key.user_id,
            Event.day == key.day,
            Event.model == key.model,
            ~Event.bucket,
            ~Event.failed,
        )
        if single.exists():
            _set_aside(*row.identity)
            covered.add(row.identity)
    return covered


def uncover(keys: Collection[DayKey]) -> list[Event]:
    """Set aside the counted buckets of days whose calls now come one by one; returns them."""
    users = sorted({key.user_id for key in keys})
    places: set[tuple[int, date, str]] = {(key.user_id, key.day, key.model) for key in keys}
    aside = []
    for start in range(0, len(users), 500):
        some = users[start : start + 500]
        counted = Event.select().where(Event.bucket, Event.counted, Event.user.in_(some))
        for bucket in counted:
            if (bucket.user_id, bucket.day, bucket.model) in places:
                _set_aside(bucket.user_id, bucket.event_id)
                aside.append(bucket)
    return aside


def _set_aside(user_id: int, event_id: str) -> None:
    here = (Event.user == user_id) & (Event.event_id == event_id)
    Event.update(counted=False).where(here).execute()
