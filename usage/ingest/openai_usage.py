"""OpenAI's usage of an organisation: each result of a time bucket becomes one bucket of calls."""

from collections.abc import Iterator
from datetime import datetime

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import count, telling, text
from usage.ingest.usage_reports import bucket_of, results_of

DIMENSIONS = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")


def recognises(record: dict) -> bool:
    """Whether a record is a result of a bucket, or a page of them, which may be empty."""
    if isinstance(record, dict) and record.get("object") == "page":
        return True
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
            with telling(key):
                yield from _events(part, key, time)


def _events(record: dict, key: str, time: datetime) -> Iterator[Event]:
    prompt, completion = count(record, "input_tokens"), count(record, "output_tokens")
    calls = count(record, "num_model_requests")
    if prompt or completion or calls:
        yield Event(
            id=key,
            time=time,
            user=text(record, "user_id"),
            project=text(record, "project_id"),
            provider="openai",
            model=text(record, "model"),
            prompt_tokens=prompt,
            completion_tokens=completion,
            cache_read_tokens=count(record, "input_cached_tokens"),
            cache_write_tokens=count(record, "input_cache_write_tokens"),
            bucket=True,
            calls=calls,
            # The newest buckets still grow.
            replaces=True,
        )


def _kind(record: dict) -> str:
    # Results of two kinds may agree in everything else, when they aren't grouped by model.
    kind = text(record, "object").removeprefix("organization.usage.").removesuffix(".result")
    return "openai-usage" if kind in ("completions", "") else f"openai-usage-{kind}"


def _dimensions(record: dict) -> list[str]:
    # What the report isn't grouped by is null; a CSV file writes "True" for true.
    batch = record.get("batch")
    batch = str(batch).lower() if isinstance(batch, bool | str) else ""
    return [batch if name == "batch" else text(record, name) for name in DIMENSIONS]
