"""The price list: read, seeded, and changed by admins; kept in memory until it changes."""

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple

from peewee import Query

from models import Price, PriceList, PriceProvider, db
from usage import bulk
from usage.accounts import Refused
from usage.ingest.event import InvalidEvent, plain_text
from usage.price_book import ALWAYS, Book, Line, Provider, rule_of
from usage.pricing import InvalidRate, ListRates, plain, read_rate

ONLY = 1
RATES = ("prompt", "completion", "cache_read", "cache_write", "reasoning")
KEY = ("provider", "model", "start", "above", "own")
COLUMNS = tuple(getattr(Price, name) for name in (*KEY, "rule", *RATES, "place"))
PROVIDER = (
    PriceProvider.provider,
    PriceProvider.place,
    PriceProvider.known_as,
    PriceProvider.serves,
    PriceProvider.resells,
)
MOST_RATE = 10_000
MOST_ABOVE = 10**9


class Kept(NamedTuple):
    """The list as it was read last, and which version that was."""

    version: int | None
    book: Book


class Seed(NamedTuple):
    """Prices that come with a package: rows as COLUMNS and PROVIDER name them, and its name."""

    source: str
    prices: list[tuple]
    providers: list[tuple]


_kept = Kept(None, Book())


def book() -> Book:
    """The prices as this transaction sees them; read anew only after somebody changed them."""
    global _kept
    kept = _kept
    newest = version()
    if newest != kept.version:
        prices = Price.select(*COLUMNS).order_by(Price.place).tuples()
        providers = PriceProvider.select(*PROVIDER).order_by(PriceProvider.place).tuples()
        _kept = kept = Kept(newest, read(prices, providers))
    return kept.book


def version() -> int | None:
    """Which version of the list this transaction sees: another one after every change."""
    return next((one for (one,) in bulk.run(_version, (PriceList.id,), [(ONLY,)])), None)


def listed() -> PriceList | None:
    """Where the seeded prices are from and since when; None before there are any prices."""
    return PriceList.get_or_none(PriceList.id == ONLY)


def seed(found: Seed, now: datetime) -> int:
    """Put these in the place of all seeded prices; own ones stay. Returns how many are new."""
    with db.atomic():
        known = set(Price.select(*COLUMNS).where(~Price.own).tuples())
        Price.delete().where(~Price.own).execute()
        PriceProvider.delete().execute()
        bulk.run(_insert, COLUMNS, found.prices)
        bulk.run(_insert_providers, PROVIDER, found.providers)
        _changed(source=found.source, synced_at=now)
    return len(set(found.prices) - known)


def set_price(
    provider: str, model: str, rates: Mapping[str, str], start: date | None = None, above: int = 0
) -> str:
    """Set a price of the board's own; returns it in words. Raises Refused.

    A model may end in * to mean all that begin so; `rates` are text by the names in RATES.
    """
    provider, model = name_of(provider, "provider"), name_of(model, "model")
    if not model.removesuffix("*") or "*" in model[:-1]:
        wrong = "The model must be a name; a * may stand at its end for any ending."
        raise Refused(wrong, "model")
    if not 0 <= above <= MOST_ABOVE:
        raise Refused(f"The prompt tokens must be a whole number up to {MOST_ABOVE:,}.", "above")
    values = {name: _rate(rates.get(name, ""), name) for name in RATES}
    if not values["prompt"] or not values["completion"]:
        missing = "completion" if values["prompt"] else "prompt"
        raise Refused("A price needs a prompt and a completion rate.", missing)
    key = {"provider": provider, "model": model, "start": start or ALWAYS, "above": above}
    values["rule"] = json.dumps(rule_of(model))
    with db.atomic():
        (
            Price.insert(own=True, **key, **values)
            .on_conflict(
                conflict_target=COLUMNS[: len(KEY)],
                update=values,
            )
            .execute()
        )
        _changed()
    return in_words(Price(**key, **values))


def remove(provider: str, model: str, start: date | None = None, above: int = 0) -> None:
    """Take a price of the board's own back. Raises Refused."""
    here = (Price.provider == name_of(provider, "provider")) & Price.own
    here &= (Price.model == name_of(model, "model")) & (Price.above == above)
    with db.atomic():
        if not Price.delete().where(here & (Price.start == (start or ALWAYS))).execute():
            raise Refused(f'There is no own price of "{model}" like that.')
        _changed()


def page(q: str = "", page: int = 1, per_page: int = 50) -> tuple[list[Price], int]:
    """One page of prices, own ones first, and how many there are; `q` is looked for in names."""
    query = Price.select()
    for word in q.lower().split():
        query = query.where(Price.provider.contains(word) | Price.model.contains(word))
    order = (Price.own.desc(), Price.provider, Price.model, Price.start.desc(), Price.above)
    return list(query.order_by(*order).paginate(page, per_page)), query.count()


def in_words(price: Price) -> str:
    """The rates of a price, and when they hold."""
    rates = {name: getattr(price, name) for name in RATES}
    told = [f"{name.replace('_', ' ')} {rate}" for name, rate in rates.items() if rate]
    return ", ".join([*told, *conditions(price)])


def conditions(price: Price) -> list[str]:
    """From when on and for which prompts a price holds; empty for ever and all."""
    start = [f"from {price.start}"] if price.start != ALWAYS else []
    return [*start, *([f"above {price.above:,} prompt tokens"] if price.above else [])]


def read_day(text: str) -> date | None:
    """A day as typed, None for none. Raises Refused."""
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        found = ALWAYS.replace(year=1)
    if found and found < ALWAYS:
        wrong = "The day must be a date like 2026-11-22, from the year 2000 on."
        raise Refused(wrong, "start")
    return found


def read_above(text: str) -> int:
    """Of how many prompt tokens more there must be, as typed. Raises Refused."""
    if not (text or "0").isascii() or not (text or "0").isdigit() or len(text) > 10:
        raise Refused(f"The prompt tokens must be a whole number up to {MOST_ABOVE:,}.", "above")
    return int(text or 0)


def name_of(text: str, field: str) -> str:
    """A provider's or model's name as prices are kept under it. Raises Refused."""
    try:
        return plain_text(text, field, 200).lower()
    except InvalidEvent as error:
        raise Refused(f"The {field} {error.message}.", field) from None


def _rate(text: str, name: str) -> str:
    try:
        rate = read_rate(text.strip()) if text.strip() else None
    except InvalidRate as error:
        raise Refused(f"The {name.replace('_', ' ')} rate {error}.", name) from None
    if rate is None:
        return ""
    if rate > MOST_RATE:
        raise Refused(f"The {name.replace('_', ' ')} rate must be at most {MOST_RATE:,}.", name)
    return plain(rate)


def _changed(**values: object) -> None:
    """Tell every process to read the list anew. Drawn, not counted: no restored copy repeats it."""
    values["version"] = secrets.randbits(62)
    query = PriceList.insert(id=ONLY, **values)
    query.on_conflict(conflict_target=(PriceList.id,), update=values).execute()


def read(prices: Iterable[tuple], providers: Iterable[tuple]) -> Book:
    """The book of these rows, as COLUMNS and PROVIDER name them."""
    lines = (Line(*row[:5], json.loads(row[5]), ListRates.of(*row[6:-1])) for row in prices)
    return Book(lines, (Provider(name, *map(json.loads, rest)) for name, _, *rest in providers))


def _version(ids: Iterable[tuple]) -> Query:
    return PriceList.select(PriceList.version).where(PriceList.id.in_([id for (id,) in ids]))


def _insert(rows: Iterable[tuple]) -> Query:
    return Price.insert_many(rows, fields=COLUMNS)


def _insert_providers(rows: Iterable[tuple]) -> Query:
    return PriceProvider.insert_many(rows, fields=PROVIDER)
