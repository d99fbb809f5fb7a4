"""Under which names a call may be told again: its ids, its size and place in its trace. [pure]"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from usage.ingest.event import Event

# The id of what came without one from its provider.
SPAN = re.compile("[0-9a-f]{32}:[0-9a-f]{16}")


def is_nameless(call_id: str) -> bool:
    """True for the id of what came without one from its provider: that of its span."""
    return bool(SPAN.fullmatch(call_id))


class Called(NamedTuple):
    """All names of a call, those of spans with its size: what is inside one is as large as it.

    The same call may be known already under any that is `looked_up`, and shall be from now on under
    all that are `claimed`: a call told twice is a span inside a span with equal tokens, and either
    may come first. `inner` is that of the call right inside its span, `outer` of the call of the
    span around it, `beside` of what is right inside that one, like itself; "" where there is no
    such span. `alike` are all answers of its size in its trace, and `teller` is who tells one of
    them without an id by which others know it; see place() and told_at().
    """

    ids: tuple[str, ...]
    looked_up: tuple[str, ...]
    claimed: tuple[str, ...]
    inner: str = ""
    outer: str = ""
    beside: str = ""
    alike: str = ""
    teller: str | None = None

    @property
    def may_grow(self) -> bool:
        """True outside of traces, where the same call may be told again with another size."""
        return self.teller is not None and not self.inner

    def place(self, number: int) -> str:
        """The name of the first, second, ... answer of its size in its trace."""
        return f"{self.alike} #{number}"

    def told_at(self, number: int) -> str:
        """The name of that answer if its teller has told it, without an id: each does it once."""
        return f"{self.alike} #{number} by {self.teller}"

    def claimed_first(self) -> list[str]:
        """Under which names besides its id it is known from now on if none of them was known."""
        names = [name for name in self.claimed if name != self.ids[0]]
        if self.alike:
            names.append(self.place(1))
            names += [self.told_at(1)] if self.teller is not None else []
        return names


class BatchNames(NamedTuple):
    """The names of some calls; `alone` are those of which no other has any name.

    They are there by their places, with what they claim if their names are not known yet.
    """

    each: Sequence[Called]
    alone: dict[int, list[str]]


def names_of_all(events: Iterable[Event]) -> BatchNames:
    """Under which names the calls that events tell of are looked up and kept."""
    each = list(map(names_of, events))
    claims = [one.claimed_first() for one in each]
    names = [{*one.looked_up, *claimed} for one, claimed in zip(each, claims, strict=True)]
    seen: set[str] = set()
    shared: set[str] = set()
    for some in names:
        shared |= some & seen
        seen |= some
    alone = {n: claims[n] for n, some in enumerate(names) if shared.isdisjoint(some)}
    return BatchNames(each, alone)


def names_of(event: Event) -> Called:
    """Under which names the call that an event tells of is looked up and kept."""
    span = event.span
    ids = (event.id, *event.also, span) if span else (event.id, *event.also)
    if not span:
        called = Called(ids, ids, ids)
        return _numbered(called, event.alike, event.teller) if event.alike else called
    size = "failed" if event.failed else f"{event.prompt_tokens}+{event.completion_tokens}"
    alike = f"{span.partition(':')[0]} of {size}"
    if event.failed or not event.usage_known:
        return Called(*_near(event, ids, size))
    if event.id != span:
        # By its provider's id it is known in any place.
        return Called(ids, (*ids, f"{alike} #1"), ids, alike=alike)
    near = _near(event, ids, f"{size} by {event.teller}")
    return _numbered(Called(*near), alike, event.teller)


def _numbered(called: Called, alike: str, teller: str) -> Called:
    """The names of a call that goes by its number as well among those that are alike."""
    called = called._replace(alike=alike, teller=teller)
    return called._replace(looked_up=(*called.looked_up, called.place(1), called.told_at(1)))


def _near(event: Event, ids: tuple[str, ...], size: str) -> tuple:
    """The names of a span's call, of what is right inside it and of what is right around it."""
    span, around = event.span, event.parent_span
    own, inner = f"{span} at {size}", f"{span} in {size}"
    outer, beside = (f"{around} at {size}", f"{around} in {size}") if around else ("", "")
    claimed = (*ids, *filter(None, (own, beside)))
    return ids, (*ids, inner, outer), claimed, inner, outer, beside
