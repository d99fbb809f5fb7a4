"""What vendors' reports share: pages of buckets, and the moment that a bucket counts at."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from usage.ingest.event import InvalidEvent
from usage.ingest.fields import instant

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def results_of(document: object, *when: str) -> Iterator[object]:
    """What stands in the buckets of pages, with these fields of its bucket copied in."""
    for page in document if isinstance(document, list) else [document]:
        buckets = page.get("data") if isinstance(page, dict) else None
        for bucket in buckets if isinstance(buckets, list) else [page]:
            results = bucket.get("results") if isinstance(bucket, dict) else None
            if isinstance(results, list):
                copied = {name: bucket.get(name) for name in when}
                yield from (row | copied if isinstance(row, dict) else row for row in results)
            else:
                yield bucket


def bucket_of(start: object, end: object) -> tuple[str, datetime, datetime]:
    """A bucket's width (1m, 1h or 1d), its start, and the moment that its calls count at.

    Raises InvalidEvent.
    """
    begin, until = instant(start), instant(end)
    if not begin:
        raise InvalidEvent("time", "needs the start of the bucket")
    width = until - begin if until else DAY
    if width <= HOUR:
        return "1m" if width <= MINUTE else "1h", begin, begin
    return "1d", begin, noon(begin)


def noon(day: datetime) -> datetime:
    """The moment that best tells a day of UTC: it is on the same day in most zones."""
    return day.replace(hour=12, minute=0, second=0, microsecond=0)
