"""How the records of a format are read, and which format a file is in."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from usage.ingest import ADAPTERS
from usage.ingest.event import Event
from usage.ingest.otlp import Record

FILES = {name: adapter for name, adapter in ADAPTERS.items() if hasattr(adapter, "recognises")}
CLIENTS = tuple(adapter for adapter in ADAPTERS.values() if hasattr(adapter, "claims"))
NAMES = ("auto", *FILES)


class Format(NamedTuple):
    """What reads the records of one request or file; EXPLICIT when they say who and what for."""

    name: str
    read: Callable[[object], Iterable[Event]]
    EXPLICIT: bool = False


def of(name: str, path: str = "") -> Format:
    """The format of that name, for one request or one file."""
    if name == "otlp":
        return Format(name, _read_by_its_client)
    adapter = ADAPTERS[name]
    read = adapter.reader(path) if hasattr(adapter, "reader") else adapter.read
    return Format(name, read, getattr(adapter, "EXPLICIT", False))


def recognise(samples: Iterable[object]) -> str | None:
    """The name of the format that the first records of a file are in; None for none known."""
    for sample in samples:
        if isinstance(sample, dict):
            for name, adapter in FILES.items():
                if adapter.recognises(sample):
                    return name
    return None


def _read_by_its_client(record: Record) -> Iterator[Event]:
    return next(client for client in CLIENTS if client.claims(record)).read(record)
