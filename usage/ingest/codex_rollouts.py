"""Codex's session files, called rollouts: a response of the model becomes one event."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import PureWindowsPath

from usage.counting import TOKEN_FIELDS
from usage.ingest.codex import in_its_thread, source_of
from usage.ingest.event import Event
from usage.ingest.fields import folder, rows, text, timestamp, whole

# In the order of TOKEN_FIELDS.
COUNTS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "reasoning_output_tokens",
)
NOTHING = [0] * len(COUNTS)
LINES = ("session_meta", "turn_context", "event_msg", "response_item", "token_usage_record")
AT_ONCE = timedelta(seconds=1)


def recognises(sample: object) -> bool:
    """Whether a line is from a file of Codex."""
    known = isinstance(sample, dict) and text(sample, "type") in LINES
    return known and isinstance(sample.get("payload"), dict)


def records(document: object) -> Iterator[object]:
    """The lines of a file that is one JSON document."""
    return rows(document, "events")


def reader(path: str) -> Callable[[object], Iterator[Event]]:
    """A function for the lines of one file, in order: line -> events, which name no user."""
    return _Rollout(path).read


class _Rollout:
    """What the lines up to here say: whose they are, and how much was used in all."""

    def __init__(self, path: str) -> None:
        self.thread = PureWindowsPath(path).stem
        self.project, self.source, self.model = "", source_of(""), ""
        self.opened = self.recorded = False
        self.total: list[int] | None = NOTHING
        self.counted: list[int] | None = None
        self.own_from: object = None
        self.copied_at: datetime | None = None

    def read(self, line: object) -> Iterator[Event]:
        """The response that a line tells of, or nothing. Raises InvalidEvent."""
        payload = line.get("payload") if isinstance(line, dict) else None
        if not isinstance(payload, dict):
            return
        kind = text(line, "type")
        if kind == "session_meta" and not self.opened:
            self._open(line, payload)
        elif kind == "turn_context":
            self.model = text(payload, "model") or self.model
        elif kind == "token_usage_record":
            yield from self._record(line, payload)
        elif kind == "event_msg" and text(payload, "type") == "token_count":
            yield from self._running_total(line, payload.get("info"))

    def _open(self, line: dict, meta: dict) -> None:
        # Only the first header is this file's: a fork goes on with a copy of its parent's file.
        self.opened = True
        self.thread = text(meta, "id", "session_id") or self.thread
        self.project = folder(text(meta, "cwd"))
        self.source = source_of(f"{text(meta, 'originator')} {text(meta, 'source')}")
        origin = meta.get("source")
        spawned = isinstance(origin, dict) and "subagent" in origin
        if spawned or text(meta, "forked_from_id", "parent_thread_id"):
            self.total, self.own_from = None, meta.get("subagent_history_start_ordinal")
            self.copied_at = timestamp(line)

    def _record(self, line: dict, record: dict) -> Iterator[Event]:
        used, response_id = _counts(record, "usage"), text(record, "response_id")
        if not used or not response_id:
            return
        # From here on running totals tell of calls that have a record, too.
        self.recorded = True
        counted, self.counted = self.counted, None
        if not counted or counted != _counts(record, "thread_token_usage"):
            yield self._event(line, response_id, used)

    def _running_total(self, line: dict, info: object) -> Iterator[Event]:
        if not isinstance(info, dict):
            return
        before, last = self.total, _counts(info, "last_token_usage")
        total = used = _counts(info, "total_token_usage")
        if not total:
            total, used = _sum(before, last), last
        elif before and all(now >= then for now, then in zip(total, before, strict=True)):
            used = [now - then for now, then in zip(total, before, strict=True)]
        elif last:
            # What a fork's total began with, or that it began anew, can't be seen from it.
            used = last
        self.total = total
        if used and any(used) and not self.recorded and not self._is_copy(line):
            self.counted = total
            yield self._event(line, f"codex-thread:{self.thread}:{total[0]}:{total[1]}", used)

    def _is_copy(self, line: dict) -> bool:
        """Whether a fork has this line from its parent."""
        ordinal = line.get("ordinal")
        if isinstance(ordinal, int) and isinstance(self.own_from, int):
            return ordinal < self.own_from
        if self.copied_at:
            # Copies have the times of the parent, or all that of the moment they were made in.
            time = timestamp(line)
            self.copied_at = max(self.copied_at, time) if time - self.copied_at < AT_ONCE else None
        return bool(self.copied_at)

    def _event(self, line: dict, id: str, used: list[int]) -> Event:
        return Event(
            id=id,
            alike=in_its_thread(self.thread, used),
            teller="file",
            time=timestamp(line),
            project=self.project,
            source=self.source,
            provider="openai",
            model=self.model,
            usage_known=any(used),
            **dict(zip(TOKEN_FIELDS, used, strict=True)),
        )


def _counts(fields: dict, name: str) -> list[int] | None:
    usage = fields.get(name)
    return [whole(usage.get(n), n) for n in COUNTS] if isinstance(usage, dict) else None


def _sum(before: list[int] | None, last: list[int] | None) -> list[int] | None:
    return [sum(pair) for pair in zip(before or NOTHING, last, strict=True)] if last else before
