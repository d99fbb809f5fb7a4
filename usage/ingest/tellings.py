"""Merges several reports of one call: numbers that say more win, missing words are filled in."""

from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from usage.ingest.calls import NUMBERS, WORDS, Call
from usage.ingest.fields import asked_for
from usage.price_book import Book


class Telling(NamedTuple):
    """One report of a call, as its row, and whether it may replace earlier ones."""

    call: Call
    replaces: bool
    certain: bool | None


def first(told: Sequence[Telling], others: Sequence[Call], book: Book) -> Call:
    """The row that the tellings of a new call come to, with stored calls that are one with it."""
    if others:
        return _priced(_joined(reduce(_united, others), told), others, book)
    call = told[0].call
    return _priced(_after(call, told[1:]), (), book) if len(told) > 1 else call


def again(known: Call, told: Iterable[Telling], others: Sequence[Call], book: Book) -> Call:
    """The row that a stored call, new tellings of it and calls that are one with it come to."""
    call = _after(reduce(_united, others, known), told)
    return _priced(call, [known, *others], book) if call != known else known


def _after(call: Call, tellings: Iterable[Telling]) -> Call:
    """A call after these tellings, one by one."""
    for telling in tellings:
        if _says_more(telling, call):
            call = _grown(call, telling.call)
        elif telling.call != call and not _is_elsewhere(telling.call, call):
            call = _filled(call, telling.call)
    return call


def _joined(known: Call, tellings: Collection[Telling]) -> Call:
    """A stored call merged with these tellings of it under another name."""
    plain = [telling for telling in tellings if telling.certain is None]
    if plain:
        known = _united(known, _after(plain[0].call, plain[1:]))
    return _after(known, [telling for telling in tellings if telling.certain is not None])


def _says_more(telling: Telling, known: Call) -> bool:
    """True for a telling that adds the usage of a call without one, or replaces it with more.

    A certain one also replaces a larger one.
    """
    later = telling.call
    if later.answered and not known.usage_known:
        return True
    if _is_elsewhere(later, known):
        return False
    if telling.certain:
        return later.answered and later.weight != known.weight
    return telling.replaces and later.weight > known.weight


def _is_elsewhere(later: Call, known: Call) -> bool:
    """True for a telling of one project of a call of another, which it can't change."""
    return later.project_id != known.project_id and 0 not in (later.project_id, known.project_id)


def _grown(earlier: Call, later: Call) -> Call:
    """A call with the numbers of a later telling; its own words stay."""
    if _are_equal(earlier, later):
        return _filled(earlier, later)
    cost = earlier.cost_nanodollars if later.cost_nanodollars is None else later.cost_nanodollars
    numbers = {name: getattr(later, name) for name in NUMBERS}
    return _filled(earlier, later)._replace(cost_nanodollars=cost, **numbers)


def _united(one: Call, other: Call) -> Call:
    """Two rows that turn out to be one call, merged under the identity of the first."""
    return _grown(one, other) if other.worth > one.worth else _filled(one, other)


def _priced(call: Call, tellings: Iterable[Call], book: Book) -> Call:
    """A merged call with its list cost: that of a row billed alike, else by the book."""
    for told in tellings:
        if told.billed == call.billed:
            return call._replace(list_nanodollars=told.list_nanodollars)
    return call._replace(list_nanodollars=book.nanodollars(call))


def _filled(call: Call, other: Call) -> Call:
    """A call with its own words, and the other's where it has none; so with its cost.

    If both tell equal totals, it has the most that either knows of cached and reasoning tokens.
    """
    words = {name: getattr(call, name) or getattr(other, name) for name in WORDS}
    words["model"] = asked_for(call.model, other.model)
    # Project, time and day belong together: the day is in the zone of the project.
    said = call if call.project_id or not other.project_id else other
    call = call._replace(project_id=said.project_id, time=said.time, day=said.day, **words)
    if call.failed or other.failed or call.bucket or other.bucket:
        return call
    costs = [one.cost_nanodollars for one in (call, other) if one.cost_nanodollars is not None]
    if not _are_equal(call, other):
        return call._replace(cost_nanodollars=costs[0] if costs else None)
    cache_read, cache_write = _cached(call, other)
    return call._replace(
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        reasoning_tokens=max(call.reasoning_tokens, other.reasoning_tokens),
        cost_nanodollars=max(costs, default=None),
    )


def _are_equal(call: Call, other: Call) -> bool:
    """True if these two tellings of an answer count as many tokens in and as many out."""
    counts, others = ((c.prompt_tokens, c.completion_tokens) for c in (call, other))
    return counts == others and call.answered and other.answered and not call.bucket


def _cached(call: Call, other: Call) -> tuple[int, int]:
    """How many tokens of a prompt the cache read and wrote, of two tellings of it."""
    pairs = [(one.cache_read_tokens, one.cache_write_tokens) for one in (call, other)]
    most = tuple(map(max, *pairs))
    # What does not fit into the prompt was told of the same tokens.
    return most if sum(most) <= call.prompt_tokens else max(pairs, key=lambda one: (sum(one), one))
