"""ccusage --json: each model of a day or of a session becomes one bucket of calls."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import (
    count,
    dollars,
    folder,
    instant,
    nested,
    structure,
    telling,
    text,
    tokens,
)
from usage.ingest.usage_reports import noon

REPORTS = ("daily", "sessions", "session", "weekly", "monthly", "blocks", "data")
TOO_LONG = {"weekly", "monthly", "blocks", "week", "month", "isGap"}
MODELS = ("modelBreakdowns", "modelsUsed", "models")
TIMES = ("firstActivity", "lastActivity")
COSTS = ("cost", "totalCost", "costUSD")
COUNTS = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
COUNTS += ("cachedInputTokens", "reasoningOutputTokens")
PROJECT = ("project", "projectPath", "directory")
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def recognises(record: dict) -> bool:
    """Whether a record is a row of a report, or a report that begins with one."""
    row = next(records(record), None)
    return isinstance(row, dict) and "totalTokens" in row and not row.keys().isdisjoint(MODELS)


def records(document: object) -> Iterator[object]:
    """The rows of one or several reports, each with what it is a row of."""
    for report in document if isinstance(document, list) else [document]:
        projects = report.get("projects") if isinstance(report, dict) else None
        if isinstance(projects, dict):
            for project, rows in projects.items():
                yield from _marked(rows, {"report": "daily", "project": project})
            continue
        names = [name for name in REPORTS if isinstance(report, dict) and name in report]
        if names and isinstance(report[names[0]], list):
            kind = text(report, "type") or names[0]
            yield from _marked(report[names[0]], {"report": kind})
        else:
            yield report


def read(record: object) -> Iterator[Event]:
    """The sum of each model in a row; ccusage names no user and counts no calls."""
    for row in records(record):
        if not isinstance(row, dict):
            raise InvalidEvent("event", "must be an object: a row of ccusage's daily report")
        if text(row, "report") in TOO_LONG or not TOO_LONG.isdisjoint(row):
            raise InvalidEvent("event", "is no single day; import the daily report")
        session = _session(row)
        with telling(session or text(row, "date", "period")):
            yield from _events(row, session)


def _marked(rows: object, marks: dict) -> Iterator[object]:
    for row in rows if isinstance(rows, list) else [rows]:
        yield row | marks if isinstance(row, dict) else row


def _session(row: dict) -> str:
    # The report on all agents calls the session, too, its period.
    names = ("sessionId", "session", "period")
    return text(row, *names[: 3 if text(row, "report").startswith("session") else 2])


def _events(row: dict, session: str) -> Iterator[Event]:
    time, agent, project = _time(row, session), text(row, "agent"), _project(row)
    parts = ["session", session] if session else [f"{time:%Y-%m-%d}", agent, project]
    models = _models(row)
    for model, counts in models:
        sources = [counts, row] if len(models) == 1 else [counts]
        used = _tokens(counts)
        if any(used.values()):
            yield Event(
                id=":".join(["ccusage", *parts, model]),
                time=time,
                project=project,
                model=model,
                cost_usd=dollars(*(source.get(name) for source in sources for name in COSTS)),
                bucket=True,
                calls=0,
                replaces=True,
                **used,
            )


def _time(row: dict, session: str) -> datetime:
    said = text(row, "date", "period")
    with suppress(ValueError):
        # So the reports on Codex of version 18 write a day.
        said = str(datetime.strptime(said, "%b %d, %Y").replace(tzinfo=UTC).date())
    if session:
        said = text(row, *TIMES) or text(nested(row, "metadata"), *TIMES)
    time, is_day = instant(said), DAY.fullmatch(said)
    if not time or not (session or is_day):
        raise InvalidEvent("time", "needs a day, like 2026-11-22")
    return noon(time) if is_day else time


def _project(row: dict) -> str:
    name = folder(text(row, *PROJECT) or text(nested(row, "metadata"), *PROJECT))
    return "" if name.lower() in ("unknown", "unknown project") else name


def _models(row: dict) -> list[tuple[str, dict]]:
    """The models of a row with their counts; the row's own when it isn't broken down."""
    parts = row.get("modelBreakdowns")
    if isinstance(parts, list) and parts:
        return [(text(part, "modelName", "model"), part) for part in map(structure, parts)]
    for parts in (row.get("models"), row.get("breakdown")):
        if isinstance(parts, dict) and parts:
            return [(str(model), structure(part)) for model, part in parts.items()]
    used = row.get("modelsUsed", row.get("models"))
    only = used[0] if isinstance(used, list) and len(used) == 1 else ""
    return [(only if isinstance(only, str) else "", row)]


def _tokens(counts: dict) -> dict[str, int]:
    prompt, completion, written, read, inside, reasoning = (count(counts, n) for n in COUNTS)
    # Input is counted apart from the caches; only the first reports on Codex hold theirs.
    return tokens(prompt + written + read, completion, read + inside, written, reasoning)
