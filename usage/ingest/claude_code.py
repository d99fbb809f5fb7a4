"""Claude Code over OTLP: an api_request log or llm_request span becomes one event."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import amount, in_editor, text, whole
from usage.ingest.otlp import Record, kind_of_work, person, project
from usage.pricing import MOST_DOLLARS

CALLS = ("api_request", "api_error", "llm_request")
COUNTS = ("input_tokens", "cache_read_tokens", "cache_creation_tokens", "output_tokens")
MICROS = 10**6
FALLBACK = ("session.id", "prompt.id", "event.timestamp")


def claims(record: Record) -> bool:
    """Whether Claude Code sent this record."""
    return (
        record.scope.startswith("com.anthropic.claude_code")
        or record.name.startswith("claude_code.")
        or record.resource.get("service.name") == "claude-code"
    )


def read(record: Record) -> Iterator[Event]:
    """The call that a record tells of, or nothing. Raises InvalidEvent."""
    fields, kind = record.attributes, record.name.removeprefix("claude_code.")
    if kind not in CALLS:
        return
    if not record.time:
        raise InvalidEvent("time", "is missing")
    failed = kind == "api_error" or record.failed or fields.get("success") is False
    counts = [0 if failed else whole(fields.get(name), name) for name in COUNTS]
    _, cache_read, cache_write, output = counts
    # Log, span and transcript of a call share this id, so each finds the others counted.
    call = text(fields, "request_id", "gen_ai.response.id")
    alike = "" if call else in_its_session(text(fields, "session.id"), counts)
    # Without both only the log counts, or its span would count again.
    if kind == "llm_request" and not (call or (alike and record.span_id)):
        return
    own = [text(fields, name) for name in FALLBACK] if kind != "llm_request" else [record.span_id]
    user, email = person(record)
    yield Event(
        id=call or ":".join(("claude-code", *own, *map(str, counts))),
        alike=alike,
        teller=alike and record.signal,
        time=record.time,
        user=user,
        email=email,
        project=project(record),
        source=source_of(text(fields, "app.entrypoint"), text(fields, "terminal.type")),
        provider="anthropic",
        model=text(fields, "model", "gen_ai.request.model"),
        test_type=kind_of_work(record),
        # What the cache read and wrote is not in input_tokens.
        prompt_tokens=sum(counts) - output,
        completion_tokens=output,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cost_usd=None if failed else _cost(fields),
        failed=failed,
        usage_known=failed or any(counts),
        replaces=True,
    )


def in_its_session(session: str, counts: Sequence[int]) -> str:
    """By what each road knows a call without the id of a request, as on Bedrock and Vertex.

    Few in a session are alike.
    """
    return ":".join(("claude-code", session, *map(str, counts))) if session and any(counts) else ""


def source_of(entrypoint: str, terminal: str = "") -> str:
    """Where Claude Code runs: "ide" in an editor or its terminal, "ui" on the desktop, or "cli"."""
    if in_editor(f"{entrypoint} {terminal}"):
        return "ide"
    return "ui" if "desktop" in entrypoint else "cli"


def cost_of(dollars: object) -> Decimal | None:
    """What Claude Code takes a call to cost at list prices; None for nothing and for nonsense."""
    found = amount(dollars)
    return found if found and 0 < found <= MOST_DOLLARS else None


def _cost(fields: dict[str, object]) -> Decimal | None:
    # The second is rounded.
    micros = amount(fields.get("cost_usd_micros"))
    return cost_of(fields.get("cost_usd")) or cost_of(micros and micros / MICROS)
