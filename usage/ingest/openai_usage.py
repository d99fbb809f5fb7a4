"""OpenAI's usage of an organisation: each result of a time bucket becomes one bucket of calls."""

from collections.abc import Iterator
from datetime import UTC, datetime

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.litellm import INSTANT, _count, _parsed, _text

EXPLICIT = False
MINUTE, HOUR, DAY = 60, 3600, 86_400
DIMENSIONS = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")


def recognises(record: dict) -> bool:
    """Whether a record is a result of a bucket, or a page that begins with one."""
    part = next(records(record), None)
    return isinstance(part, dict) and {"num_model_requests", "input_tokens"} <= part.keys()


def records(document: object) -> Iterator[object]:
    """The results in one or several pages, each with the start and the end of its bucket."""
    return results_of(document, "start_time", "end_time")


def read(record: object) -> Iterator[Event]:
    """The calls of a result; nothing for costs and for what isn't counted in tokens."""
    for part in records(record):
        if not isinstance(part, dict) or part.keys().isdisjoint(("input_tokens", "object")):
            raise InvalidEvent("event", "must be an object: a result of OpenAI's usage")
        # Costs tell of no tokens, and images, speech and storage have other units.
        if "input_tokens" in part:
            width, start, time = bucket_of(part.get("start_time"), part.get("end_time"))
            key = ":".join([_kind(part), width, f"{start.timestamp():.0f}", *_dimensions(part)])
            try:
                yield from _events(part, key, time)
            except InvalidEvent as error:
                error.record_id = key[:500]
                raise


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
    """A bucket's width (1m, 1h or 1d), its start, and the moment that its calls count at."""
    begin, until = (_parsed(INSTANT, value) for value in (start, end))
    if not begin:
        raise InvalidEvent("time", "needs the start of the bucket")
    begin, until = (t if not t or t.tzinfo else t.replace(tzinfo=UTC) for t in (begin, until))
    seconds = (until - begin).total_seconds() if until else DAY
    if seconds <= HOUR:
        return "1m" if seconds <= MINUTE else "1h", begin, begin
    # A day of UTC is best told by its noon, which is on the same day in most zones.
    return "1d", begin, begin.replace(hour=12, minute=0, second=0, microsecond=0)


def _events(record: dict, key: str, time: datetime) -> Iterator[Event]:
    prompt, completion = _count(record, "input_tokens"), _count(record, "output_tokens")
    calls = _count(record, "num_model_requests")
    if prompt or completion or calls:
        yield Event(
            id=key,
            time=time,
            user=_text(record, "user_id"),
            project=_text(record, "project_id"),
            provider="openai",
            model=_text(record, "model"),
            prompt_tokens=prompt,
            completion_tokens=completion,
            cache_read_tokens=_count(record, "input_cached_tokens"),
            cache_write_tokens=_count(record, "input_cache_write_tokens"),
            bucket=True,
            calls=calls,
            # The newest buckets still grow.
            replaces=True,
        )


def _kind(record: dict) -> str:
    # Results of two kinds may agree in everything else, when they aren't grouped by model.
    kind = _text(record, "object").removeprefix("organization.usage.").removesuffix(".result")
    return "openai-usage" if kind in ("completions", "") else f"openai-usage-{kind}"


def _dimensions(record: dict) -> list[str]:
    # What the report isn't grouped by is null; a CSV file writes "True" for true.
    batch = record.get("batch")
    batch = str(batch).lower() if isinstance(batch, bool | str) else ""
    return [batch if name == "batch" else _text(record, name) for name in DIMENSIONS]
