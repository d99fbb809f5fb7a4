"""How the records of a format are read, and which format a file is in."""

from collections.abc import Callable, Iterable, Iterator
from re import Pattern
from types import ModuleType
from typing import NamedTuple

from usage.ingest import ADAPTERS
from usage.ingest.event import Event
from usage.ingest.fields import OPAQUE
from usage.ingest.otlp import Record

FILES = {name: adapter for name, adapter in ADAPTERS.items() if hasattr(adapter, "recognises")}
CLIENTS = tuple(adapter for adapter in ADAPTERS.values() if hasattr(adapter, "claims"))
NAMES = ("auto", *FILES)


class Format(NamedTuple):
    """How the records of one request or file are read.

    `read` yields the events of one record and raises InvalidEvent. `read_many`, where a format has
    it, makes one event of each of many records, or returns None if one may have to be refused.
    `explicit` formats say themselves whose a call is and what it was for. A username that matches
    `unsure` gives way to the one that another format tells for the same call.
    """

    name: str
    read: Callable[[object], Iterable[Event]]
    explicit: bool = False
    unsure: Pattern | None = None
    read_many: Callable[[list], list[Event] | None] | None = None


def of(name: str, path: str = "") -> Format:
    """The format of that name, for one request or one file."""
    if name == "otlp":
        return Format(name, _by_client(), unsure=OPAQUE)
    adapter = ADAPTERS[name]
    read = adapter.reader(path) if hasattr(adapter, "reader") else adapter.read
    explicit, read_many = getattr(adapter, "EXPLICIT", False), getattr(adapter, "read_many", None)
    unsure = None if explicit else getattr(adapter, "UNSURE", OPAQUE)
    return Format(name, read, explicit, unsure, read_many)


def recognise(samples: Iterable[object]) -> str | None:
    """The name of the format that the first records of a file are in; None for none known."""
    for sample in samples:
        if isinstance(sample, dict):
            for name, adapter in FILES.items():
                if adapter.recognises(sample):
                    return name
    return None


def _by_client() -> Callable[[Record], Iterator[Event]]:
    """A reader that hands each OTLP record to the adapter of the client that sent it."""
    known: dict[tuple, ModuleType] = {}

    def read(record: Record) -> Iterator[Event]:
        names = record.scope, record.name, record.resource.get("service.name")
        if names not in known:
            known[names] = next(client for client in CLIENTS if client.claims(record))
        return known[names].read(record)

    return read
