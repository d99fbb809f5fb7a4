"""Codex over OTLP: the log with the token counts of a response becomes one event."""

import re
from collections.abc import Collection, Iterator

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import in_editor, text, whole
from usage.ingest.otlp import Record, kind_of_work, person, project

TOKENS = {
    "prompt_tokens": "input_token_count",
    "completion_tokens": "output_token_count",
    "cache_read_tokens": "cached_token_count",
    "cache_write_tokens": "cache_write_token_count",
    "reasoning_tokens": "reasoning_token_count",
}
ATTEMPT = ("http.response.status_code", "attempt")
PROGRAMS = "exec|tui|cli|cli_rs|vscode|app.server|mcp.server|sdk_ts"
PROGRAM = re.compile(rf"codex(?:[_-](?:{PROGRAMS})| desktop)", re.IGNORECASE)
LIKE_A_PROGRAM = re.compile(r"codex(?:_\w+)?")


def claims(record: Record) -> bool:
    """Whether Codex sent this record."""
    service = text(record.resource, "service.name")
    # Scopes are codex_otel.log_only, events codex.sse_event, codex.api_request.
    own = record.scope.startswith("codex_otel") or record.name.startswith("codex.")
    if PROGRAM.fullmatch(service) or (own and record.signal == "logs"):
        return True
    # Its spans have the program's name for a scope, those of another service that of a library.
    return record.scope in ("", service) and bool(LIKE_A_PROGRAM.fullmatch(service))


def read(record: Record) -> Iterator[Event]:
    """The call that a record tells of, or nothing. Raises InvalidEvent."""
    fields, tokens = record.attributes, {}
    if "input_token_count" in fields:
        # Each response has a second record without counts; names differ between transports.
        tokens = {ours: whole(fields.get(theirs), theirs) for ours, theirs in TOKENS.items()}
        marks = (tokens["prompt_tokens"], tokens["completion_tokens"])
    elif record.name == "codex.api_request":
        # Codex logs no failed call, only each attempt: an answer of the provider like Gemini
        # CLI's api_error. A status below 400 leads to a response; without one nobody answered.
        marks = [whole(fields.get(name), name) for name in ATTEMPT]
        if marks[0] < 400:
            return
    else:
        return
    if not record.time:
        raise InvalidEvent("time", "is missing")
    thread = text(fields, "conversation.id")
    call = (thread, text(fields, "event.timestamp"), *map(str, marks))
    user, email = person(record)
    yield Event(
        id=":".join(("codex", *call)),
        alike=in_its_thread(thread, tokens.values()),
        teller="log",
        time=record.time,
        user=user,
        email=email,
        project=project(record),
        source=source_of(text(fields, "originator")),
        provider="openai",
        model=text(fields, "model", "slug"),
        test_type=kind_of_work(record),
        failed=not tokens,
        usage_known=not tokens or any(tokens.values()),
        **tokens,
    )


def in_its_thread(thread: str, counts: Collection[int]) -> str:
    """By what logs and session files both know a response, few in a thread being alike."""
    return ":".join(("codex", thread, *map(str, counts))) if thread and any(counts) else ""


def source_of(originator: str) -> str:
    """Where Codex runs: "ui" in its desktop app, "ide" in an editor, or "cli"."""
    if "desktop" in originator.lower():
        return "ui"
    return "ide" if in_editor(originator) else "cli"
