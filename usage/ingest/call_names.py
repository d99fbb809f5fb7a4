"""Names of a call, by which another report of it is recognised: ids, spans, size. [pure]"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from usage.ingest.event import Event

# The id of a call that has none from its provider: that of its span.
SPAN = re.compile("[0-9a-f]{32}:[0-9a-f]{16}")
# Whose models are called as they are; a cloud serves those of others, and so may a gateway under
# the name of the interface that it speaks.
MAKERS = {"openai": "gpt|o[1-9]|chatgpt|$", "anthropic": "claude|$", "google": "gemini"}


def is_nameless(call_id: str) -> bool:
    """True for the id of a call that has none from its provider: that of its span."""
    return bool(SPAN.fullmatch(call_id))


def linked(event: Event) -> bool:
    """True for an event whose call may also arrive under other ids."""
    return bool(event.also or event.span or event.parent_span or event.alike)


def lone_ids(events: Sequence[Event]) -> list[str] | None:
    """The ids of these calls, sorted; None if any call has other names, or two share an id."""
    if any(map(linked, events)):
        return None
    ids = sorted({event.id for event in events})
    return ids if len(ids) == len(events) else None


@lru_cache(1024)
def maker_of(provider: str, model: str) -> str:
    """Who made a model that was asked, "" unless that is beyond doubt."""
    pattern = MAKERS.get(provider.lower())
    return provider.lower() if pattern and re.match(pattern, model.lower()) else ""


class Called(NamedTuple):
    """All names of a call. Names of spans include its size, the number of tokens.

    The call may be known already under any name that is `looked_up`, and is stored under all that
    are `claimed`. A call reported twice is a span inside a span with equal tokens, and either may
    arrive first: `inner` is the name of the call right inside its span, `outer` that of the span
    around it, `beside` that of spans right inside the outer one, "" if there is no such span.
    `alike` names all answers of its size in its trace, numbered by place(). `teller` is the
    instrumentation that reported the call, if it gave no id that others know; see told_at().
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
        """True outside of traces, where a later report of the call may have another size."""
        return self.teller is not None and not self.inner

    def place(self, number: int) -> str:
        """The name of the first, second, … answer of its size in its trace."""
        return f"{self.alike} #{number}"

    def told_at(self, number: int) -> str:
        """The name of that answer as reported by its teller, which reports each only once."""
        return f"{self.alike} #{number} by {self.teller}"

    def claimed_first(self) -> list[str]:
        """The names besides its id to store for it if none of its names was known."""
        names = [name for name in self.claimed if name != self.ids[0]]
        if self.alike:
            names.append(self.place(1))
            names += [self.told_at(1)] if self.teller is not None else []
        return names


class BatchNames(NamedTuple):
    """The names of the calls of a batch.

    `alone` has the positions of calls that share no name with others, and what these claim if none
    of their names is known yet.
    """

    each: Sequence[Called]
    alone: dict[int, list[str]]


def names_of_all(events: Iterable[Event]) -> BatchNames:
    """The names of the calls of these events."""
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
    """The names of the call of an event."""
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
        # Its provider's id identifies it; only the first number is needed to find the others.
        return Called(ids, (*ids, f"{alike} #1"), ids, alike=alike)
    near = _near(event, ids, f"{size} by {event.teller}")
    return _numbered(Called(*near), alike, event.teller)


def _numbered(called: Called, alike: str, teller: str) -> Called:
    """The names of a call with its number among those that are alike."""
    called = called._replace(alike=alike, teller=teller)
    return called._replace(looked_up=(*called.looked_up, called.place(1), called.told_at(1)))


def _near(event: Event, ids: tuple[str, ...], size: str) -> tuple:
    """The names of a span's call, of the spans right inside it and of the span around it."""
    span, around = event.span, event.parent_span
    own, inner = f"{span} at {size}", f"{span} in {size}"
    outer, beside = (f"{around} at {size}", f"{around} in {size}") if around else ("", "")
    claimed = (*ids, *filter(None, (own, beside)))
    return ids, (*ids, inner, outer), claimed, inner, outer, beside
