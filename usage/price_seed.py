"""Prices as genai-prices tells them, in the shape of our own list. Only commands come here."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from importlib import import_module
from importlib.metadata import version

from usage.price_book import ALWAYS, Rule
from usage.prices import MOST_RATE, Seed
from usage.pricing import plain

PACKAGE = "genai-prices"
UNIT = "_mtok"
KEYS = ("input", "output", "cache_read", "cache_write", "output_reasoning")
"""Theirs for ours: prompt, completion, cache read, cache write, reasoning."""
# Charged by something that no event tells: what tokens cost is not what such a call costs.
BESIDE_TOKENS = ("requests_kcount", "messages_kcount", "_hours", "_mchars", "_kpages")
PLACES = Decimal("0.000001")


def seed() -> Seed:
    """All of the package's prices: those of each model from each start on, above each threshold."""
    # It takes half a second and 20 MB that no server needs.
    providers = import_module("genai_prices.data").providers
    found = (row for provider in providers for row in _prices(provider))
    prices = [(*row, place) for place, row in enumerate(found)]
    known = [_provider(place, one) for place, one in enumerate(providers)]
    return Seed(f"{PACKAGE} {version(PACKAGE)}", prices, known)


def _provider(place: int, provider: object) -> tuple:
    rules = (provider.provider_match, provider.model_match)
    known_as, serves = (json.dumps(rule(one)) for one in rules)
    return provider.id, place, known_as, serves, json.dumps(provider.fallback_model_providers or [])


def _prices(provider: object) -> Iterator[tuple]:
    seen = set()
    for model in provider.models:
        name, means = model.id.lower(), json.dumps(rule(model.match))
        if name in seen:
            continue
        seen.add(name)
        for start, price in _starts(model):
            for above in _thresholds(price):
                rates = [_rate(getattr(price, key + UNIT), above) for key in KEYS]
                if any(rates[:2]):
                    yield (provider.id, name, start, above, False, means, *rates)


def _starts(model: object) -> Iterator[tuple[date, object]]:
    """The price from each day on; where it differs by the time of day, that of noon."""
    dated = model.prices if isinstance(model.prices, list) else []
    starts = {getattr(one.constraint, "start_date", ALWAYS) for one in dated}
    for day in sorted({ALWAYS, *starts}):
        price = model.get_prices(datetime.combine(day, time(12), UTC))
        if not any(key.endswith(BESIDE_TOKENS) for key in _told(price)):
            yield day, price


def _told(price: object) -> list[str]:
    return [key for key, value in vars(price).items() if value is not None]


def _thresholds(price: object) -> list[int]:
    tiers = (getattr(getattr(price, key + UNIT), "tiers", ()) for key in KEYS)
    return sorted({0} | {tier.start for some in tiers for tier in some})


def _rate(price: object, above: int) -> str:
    """USD per 1M tokens of a prompt that has more tokens than that; "" for no price."""
    if price is None:
        return ""
    held = [tier.price for tier in getattr(price, "tiers", ()) if tier.start <= above]
    rate = held[-1] if held else getattr(price, "base", price)
    if rate > MOST_RATE:
        return ""
    return plain(rate.quantize(PLACES, ROUND_HALF_EVEN))


def rule(clause: object) -> Rule:
    """A clause of theirs as a rule of ours; none is a rule that means no name."""
    told = dict(vars(clause)) if clause else {"or_": []}
    ((kind, value),) = told.items()
    if isinstance(value, list):
        return [kind.removesuffix("_"), [rule(one) for one in value]]
    return [kind, value if kind == "regex" else value.lower()]
