"""The account of what was received: how much was counted, and why the rest was not."""

from dataclasses import dataclass, field
from typing import NamedTuple

from usage.ingest.event import ForbiddenProject, InvalidEvent

COUNTERS = (
    "received",
    "accepted",
    "duplicates",
    "replaced",
    "skipped",
    "rejected",
    "unknown_usage",
    "nobody",
)


class Refusal(NamedTuple):
    """A record that was not taken: where it stood, and why."""

    index: int
    error: InvalidEvent

    @property
    def place(self) -> str:
        """Which record it was: its id, else its number."""
        return self.error.record_id or f"record {self.index}"

    def as_json(self) -> dict:
        """The refusal as the API answers it."""
        error = self.error
        return {
            "index": self.index,
            "id": error.record_id,
            "field": error.field,
            "message": error.message,
        }


@dataclass
class Receipt:
    """The account: received = accepted + duplicates + skipped + rejected.

    Some duplicates replaced what was known, because they said more. Of the accepted,
    unknown_usage are those whose tokens nobody reported, nobody those of no known person.
    """

    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    replaced: int = 0
    skipped: int = 0
    rejected: int = 0
    unknown_usage: int = 0
    nobody: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    def __iadd__(self, other: "Receipt") -> "Receipt":
        """Add another account's numbers; its refusals were told already."""
        for name in COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def all_refused(self) -> bool:
        """True when there was something and none of it could be taken."""
        return 0 < self.received == self.rejected

    @property
    def all_forbidden(self) -> bool:
        """True when every record named a project that the key may not send to."""
        errors = (refusal.error for refusal in self.refusals)
        return self.all_refused and all(isinstance(one, ForbiddenProject) for one in errors)
