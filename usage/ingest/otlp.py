"""OTLP/HTTP: the bodies of traces and logs -> the records in them, and whom they speak of.

What a record tells of is read by the adapter of the client that claims it, see formats.py.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from usage.ingest.body import BodyTooLarge
from usage.ingest.event import MOST_USER_CHARACTERS, InvalidEvent, Naming, canonical_user
from usage.ingest.fields import OPAQUE, email_of, iso, text
from usage.ingest.otlp_attributes import (
    LONGEST,
    OPAQUE_IDS,
    PERSON,
    PERSON_AROUND,
    PROJECT,
    TEAM,
    TEST_TYPE,
    keep,
    unfold,
)
from usage.ingest.otlp_messages import PATHS, Look, parsed
from usage.ingest.otlp_messages import failure as failure
from usage.ingest.otlp_messages import success as success

MOST_RECORDS, STATUS_CODE_ERROR = 100_000, 2
IDENTIFIER = re.compile(r"(?=.{1,100}\Z)[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")


class Record(NamedTuple):
    """One span or log record, with what surrounds it; ids are lower-case hex, "" when absent.

    `version` is that of its scope.
    """

    signal: str
    scope: str
    resource: dict[str, object]
    attributes: dict[str, object]
    name: str = ""
    time: datetime | None = None
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    failed: bool = False
    version: str = ""


def decode(
    body: bytes, content_type: str, signal: str, most: int = MOST_RECORDS
) -> Iterator[Record]:
    """The spans or log records of an uncompressed body; metrics are only checked.

    A span that names nobody takes person, project and test type from the spans around it, as far
    as the body has them. Raises UnsupportedBody, UnreadableBody or, for more than `most` records,
    BodyTooLarge, all before the first record.
    """
    request, look = parsed(body, content_type, signal, keep)
    found = () if signal == "metrics" else _walk(look, request, signal)
    records = list(islice(found, most + 1))
    if len(records) > most:
        raise BodyTooLarge(f"One request may carry at most {most:,} records.")
    if signal == "traces":
        _inherit(records)
    return iter(records)


def person(record: Record) -> tuple[str, str]:
    """(user, e-mail) of whoever made the call, "" when unknown; the nearest and clearest wins."""
    opaque = ""
    for place, names in ((record.attributes, PERSON), (record.resource, PERSON_AROUND)):
        if user := _named(place, names):
            return email_of(user) or user, email_of(user)
    for place in (record.attributes, record.resource):
        opaque = opaque or text(place, *OPAQUE_IDS)
    return opaque[:MOST_USER_CHARACTERS], ""


def naming(record: Record) -> Iterator[Naming]:
    """Whose its trace is by what a span itself says; nobody's by the number of an installation."""
    user = _named(record.attributes, PERSON) if record.signal == "traces" else ""
    with suppress(InvalidEvent):
        if user and record.trace_id:
            yield Naming(record.trace_id, canonical_user(user))


def _named(place: dict[str, object], names: tuple[str, ...]) -> str:
    for name in names:
        user = text(place, name) if name in place else ""
        if name == "user.id" and user.isdigit():
            # An application's own number for somebody; whatever names them is clearer.
            continue
        if user and len(user) <= MOST_USER_CHARACTERS and not OPAQUE.fullmatch(user):
            return user
    return ""


def project(record: Record) -> str:
    """The project that a sender names, else the team, "" when it names neither."""
    said, around = record.attributes, record.resource
    return text(said, *PROJECT) or text(around, *PROJECT) or text(said, TEAM) or text(around, TEAM)


def kind_of_work(record: Record) -> str:
    """The kind of work that a sender names like the project, "" when it names none."""
    return text(record.attributes, *TEST_TYPE) or text(record.resource, *TEST_TYPE)


def _walk(look: Look, request: Any, signal: str) -> Iterator[Record]:
    groups, scopes, items = PATHS[signal]
    read = _span if signal == "traces" else _log
    for group in look.many(request, groups):
        resource = unfold(look.attributes(look.one(group, "resource")))
        for inner in look.many(group, scopes):
            one = look.one(inner, "scope")
            scope = [look.text(one, name)[:LONGEST] for name in ("name", "version")]
            for item in look.many(inner, items):
                yield read(look, item, resource, *scope)


def _span(look: Look, span: Any, resource: dict[str, object], scope: str, version: str) -> Record:
    kept = unfold(look.attributes(span))
    time = look.time(span, "end_time_unix_nano", "start_time_unix_nano")
    ids = [look.id(span, name) for name in ("trace_id", "span_id", "parent_span_id")]
    failed = look.number(look.one(span, "status"), "code") == STATUS_CODE_ERROR
    failed = failed or bool(kept.get("error.type"))
    name = look.text(span, "name")[:LONGEST]
    return Record("traces", scope, resource, kept, name, time, *ids, failed, version)


def _log(look: Look, log: Any, resource: dict[str, object], scope: str, version: str) -> Record:
    kept = unfold(look.attributes(log))
    # Codex has a source location for eventName; Claude Code's body is its event's name.
    name = text(kept, "event.name") or look.text(log, "event_name")[:LONGEST]
    body = "" if name else look.text(look.one(log, "body"), "string_value")
    name = body if IDENTIFIER.fullmatch(body) else name
    time = iso(text(kept, "event.timestamp"))
    time = time or look.time(log, "time_unix_nano", "observed_time_unix_nano")
    ids = look.id(log, "trace_id"), look.id(log, "span_id"), ""
    failed = bool(kept.get("error.type"))
    return Record("logs", scope, resource, kept, name, time, *ids, failed, version)


def _inherit(records: list[Record]) -> None:
    inside = {(record.trace_id, record.span_id): record for record in records}
    for names in (PERSON, PROJECT, TEST_TYPE):
        said = sum(not record.attributes.keys().isdisjoint(names) for record in records)
        if 0 < said < len(records):
            known: dict[int, dict[str, object]] = {}
            for record in records:
                _take_from_around(record, names, inside, known)


def _take_from_around(
    record: Record, names: tuple[str, ...], inside: dict, known: dict[int, dict[str, object]]
) -> None:
    """Outwards up to the first span that says one of the names, or of which it is known."""
    way: list[Record] = []
    outer: Record | None = record
    while outer and id(outer) not in known:
        # Until the end is known nothing stands here, which also ends a circle.
        known[id(outer)] = {n: outer.attributes[n] for n in names if n in outer.attributes}
        way.append(outer)
        if known[id(outer)]:
            break
        outer = inside.get((outer.trace_id, outer.parent_id)) if outer.parent_id else None
    said = known[id(outer)] if outer else {}
    for one in way:
        known[id(one)] = said
        one.attributes.update(said)
