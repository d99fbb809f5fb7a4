"""Gemini CLI over OTLP: an api_response log becomes one event."""

from collections.abc import Iterator, Sequence

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import text, whole
from usage.ingest.otlp import Record, kind_of_work, person, project

CALLS = ("gemini_cli.api_response", "gemini_cli.api_error")
COUNTS = (
    "input_token_count",
    "tool_token_count",
    "output_token_count",
    "thoughts_token_count",
    "cached_content_token_count",
    "total_token_count",
)


def claims(record: Record) -> bool:
    """Whether Gemini CLI sent this record."""
    service = record.resource.get("service.name")
    return "gemini-cli" in (record.scope, service) or record.name.startswith("gemini_cli.")


def read(record: Record) -> Iterator[Event]:
    """The call that a record tells of, or nothing. Raises InvalidEvent."""
    # The span of a call and its second log, named as in OTel's conventions, have no thoughts.
    if record.name not in CALLS:
        return
    if not record.time:
        raise InvalidEvent("time", "is missing")
    fields, failed = record.attributes, record.name == "gemini_cli.api_error"
    counts = [0 if failed else whole(fields.get(name), name) for name in COUNTS]
    prompt, tool, output, thoughts, cached, total = counts
    call = [text(fields, name) for name in ("session.id", "prompt_id", "event.timestamp")]
    user, email = person(record)
    yield Event(
        id=":".join(("gemini", *call, "error" if failed else str(total))),
        alike=in_its_session(call[0], counts[:5]),
        teller="log",
        time=record.time,
        user=user,
        email=email,
        project=project(record),
        source="cli",
        provider="google",
        model=text(fields, "model"),
        test_type=kind_of_work(record),
        # Thoughts, and what tools add to the prompt, are counted apart.
        prompt_tokens=prompt + tool,
        completion_tokens=output + thoughts,
        cache_read_tokens=cached,
        reasoning_tokens=thoughts,
        failed=failed,
        usage_known=failed or any(counts),
    )


def in_its_session(session: str, counts: Sequence[int]) -> str:
    """By what logs and chats both know an answer, few in a session being alike."""
    return ":".join(("gemini", session, *map(str, counts))) if session and any(counts) else ""
