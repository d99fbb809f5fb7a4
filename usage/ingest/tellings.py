"""What another telling adds to a call: numbers that say more, words that were left out."""

from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from usage.ingest.calls import NUMBERS, WORDS, Call
from usage.ingest.fields import asked_for
from usage.price_book import Book


class Telling(NamedTuple):
    """What one event says of its call, and whether it may replace what was said before."""

    call: Call
    replaces: bool
    certain: bool | None


def first(told: Sequence[Telling], others: Sequence[Call], book: Book) -> Call:
    """What the tellings of a call come to, with what was known of it under other names."""
    if others:
        return _priced(_joined(reduce(_united, others), told), others, book)
    call = told[0].call
    return _priced(_after(call, told[1:]), (), book) if len(told) > 1 else call


def again(known: Call, told: Iterable[Telling], others: Sequence[Call], book: Book) -> Call:
    """What a stored call and these tellings of it come to, and what is one with it."""
    call = _after(reduce(_united, others, known), told)
    return _priced(call, [known, *others], book) if call != known else known


def _after(call: Call, tellings: Iterable[Telling]) -> Call:
    """A call after some tellings, one by one."""
    for telling in tellings:
        if _says_more(telling, call):
            call = _grown(call, telling.call)
        elif call.model and call.model != telling.call.model:
            call = call._replace(model=asked_for(call.model, telling.call.model))
    return call


def _joined(known: Call, tellings: Collection[Telling]) -> Call:
    """What was known under other names, and these tellings of the same call, come to."""
    plain = [telling for telling in tellings if telling.certain is None]
    if plain:
        known = _united(known, _after(plain[0].call, plain[1:]))
    return _after(known, [telling for telling in tellings if telling.certain is not None])


def _says_more(telling: Telling, known: Call) -> bool:
    """True for a telling that makes a call's unknown usage known, or replaces it with more.

    What is certain takes the place of more as well. A sender of one project can't change a call
    of another project.
    """
    later = telling.call
    if later.answered and not known.usage_known:
        return True
    if later.project_id and known.project_id not in (0, later.project_id):
        return False
    if telling.certain:
        return later.answered and later.weight != known.weight
    return telling.replaces and later.weight > known.weight


def _grown(earlier: Call, later: Call) -> Call:
    """A call after a telling that says more: its numbers are new, its words stay."""
    cost = earlier.cost_nanodollars if later.cost_nanodollars is None else later.cost_nanodollars
    numbers = {name: getattr(later, name) for name in NUMBERS}
    return _filled(earlier, later)._replace(cost_nanodollars=cost, **numbers)


def _united(one: Call, other: Call) -> Call:
    """What two rows that turn out to be one call come to, under the name of the first."""
    return _grown(one, other) if other.worth > one.worth else _filled(one, other)


def _priced(call: Call, tellings: Iterable[Call], book: Book) -> Call:
    """A call with its list cost after these came together, told anew only if it has to be."""
    for told in tellings:
        if told.billed == call.billed:
            return call._replace(list_nanodollars=told.list_nanodollars)
    return call._replace(list_nanodollars=book.nanodollars(call))


def _filled(call: Call, other: Call) -> Call:
    """What was said first stays: only what it left out is taken from the other."""
    words = {name: getattr(call, name) or getattr(other, name) for name in WORDS}
    words["model"] = asked_for(call.model, other.model)
    # A day is counted in the zone of the project that it came with.
    said = call if call.project_id or not other.project_id else other
    return call._replace(project_id=said.project_id, time=said.time, day=said.day, **words)
