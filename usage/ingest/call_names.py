"""Under which names a call may be told again: its ids, its size and place in its trace. [pure]"""

import re
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
    all that are `claimed`: a call instrumented twice is a span inside a span with equal tokens, and
    either may come first. `inner` is that of the call right inside its span, `outer` of the call of
    the span around it, `beside` of what is right inside that one, like itself, `nameless` of what
    is there and has no id from its provider. `other` is that of its counterpart anywhere in its
    trace, see _in_its_trace(). "" where there is no such span.
    """

    ids: tuple[str, ...]
    looked_up: tuple[str, ...]
    claimed: tuple[str, ...]
    inner: str = ""
    outer: str = ""
    beside: str = ""
    nameless: str = ""
    other: str = ""


def names_of(event: Event) -> Called:
    """Under which names the call that an event tells of is looked up and kept."""
    span, around = event.span, event.parent_span
    ids = (event.id, *event.also, span) if span else (event.id, *event.also)
    if not (span or around):
        return Called(ids, ids, ids)
    size = "failed" if event.failed else f"{event.prompt_tokens}+{event.completion_tokens}"
    own, inner = (f"{span} at {size}", f"{span} in {size}") if span else ("", "")
    outer, beside = (f"{around} at {size}", f"{around} in {size}") if around else ("", "")
    nameless = f"{around} beside {size}" if around and _is_answered(event) else ""
    near, other = _in_its_trace(event, size)
    looked_up, claimed = [*ids, inner, outer, nameless, other], [own, beside, near]
    if event.id == span:
        looked_up.append(beside)
        claimed.append(nameless)
    claimed = (*ids, *filter(None, claimed))
    return Called(ids, tuple(looked_up), claimed, inner, outer, beside, nameless, other)


def _is_answered(event: Event) -> bool:
    return event.usage_known and not event.failed


def _in_its_trace(event: Event, size: str) -> tuple[str, str]:
    """The name of an answer that its provider's library tells, or of one without an id from it.

    With the name of the respective other: what is set up on a framework has spans beside those of
    the library below it, or anywhere in their trace, and often no id.
    """
    nameless = event.id == event.span
    if not (nameless or event.certain) or not _is_answered(event):
        return "", ""
    trace = event.span.partition(":")[0]
    names = f"{trace} without its id at {size}", f"{trace} from its library at {size}"
    return names if nameless else names[::-1]
