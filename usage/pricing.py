"""Rates, and what tokens cost at them: exact decimal arithmetic, never a float."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import mul
from typing import NamedTuple, Self

BASES = RATES, LIST, REPORTED = ("rates", "list", "reported")
"""The cost bases: the two cost inputs, the price list, or what senders reported."""
MOST_DOLLARS = 10**5
"""No call costs more, so that what a whole request of them comes to fits the tables' 64 bits."""
MOST_NANODOLLARS = MOST_DOLLARS * 10**9
DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?|\.[0-9]{1,6}")


class InvalidRate(ValueError):
    """Text that is no rate; its message is a sentence for a person."""


@dataclass(frozen=True)
class Rates:
    """The two cost inputs: USD per 1M prompt tokens and per 1M completion tokens."""

    prompt: Decimal
    completion: Decimal

    def picodollars(self, prompt_tokens: int, completion_tokens: int) -> int:
        """The cost as a whole number of 10⁻¹² dollars: a rate has at most 6 places."""
        prompt, completion = self._micro
        return prompt_tokens * prompt + completion_tokens * completion

    @cached_property
    def _micro(self) -> tuple[int, int]:
        return int(self.prompt.scaleb(6)), int(self.completion.scaleb(6))

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """The cost in dollars, exact to the last digit."""
        return dollars(self.picodollars(prompt_tokens, completion_tokens))


class ListRates(NamedTuple):
    """What a model's tokens cost in 10⁻¹² dollars each; None is unknown."""

    prompt: int | None
    completion: int | None
    cache_read: int | None
    cache_write: int | None
    reasoning: int | None

    @classmethod
    def of(cls, *rates: str) -> Self:
        """Rates as they are stored: USD per 1M tokens, "" for none.

        Cached tokens without a rate cost what fresh ones do, reasoning without one what the rest
        of the answer does.
        """
        told = [int(Decimal(rate).scaleb(6)) if rate else None for rate in rates]
        fresh, answer, *parts = told
        usual = (fresh, fresh, answer)
        own = (part if rate is None else rate for part, rate in zip(usual, parts, strict=True))
        return cls(fresh, answer, *own)

    def nanodollars(
        self, prompt: int, completion: int, read: int, written: int, reasoned: int
    ) -> int | None:
        """What a call costs, rounded once, half to even; None when a rate that it needs is missing.

        Cache read, cache write and reasoning tokens are parts of the first two.
        """
        tokens = (prompt - read - written, completion - reasoned, read, written, reasoned)
        rates: tuple = self
        if None in self:
            if any(count for count, rate in zip(tokens, self, strict=True) if rate is None):
                return None
            rates = tuple(rate or 0 for rate in self)
        picodollars = sum(map(mul, tokens, rates))
        nanodollars, rest = divmod(picodollars, 1000)
        nanodollars += rest > 500 or (rest == 500 and nanodollars % 2)
        return nanodollars if nanodollars <= MOST_NANODOLLARS else None


def dollars(picodollars: int) -> Decimal:
    """Whole 10⁻¹² dollars as dollars, without rounding to the decimal context."""
    return Decimal(f"{picodollars}E-12")


def read_rate(text: str) -> Decimal:
    """A rate as typed: a decimal, 0 or more, with up to 6 places. Raises InvalidRate."""
    if not DECIMAL.fullmatch(text):
        raise InvalidRate("must be a number, 0 or more, with up to 6 decimals")
    return Decimal(text)


def plain(amount: Decimal) -> str:
    """A decimal as text with at least two places and no superfluous zeros: 3.00, 0.1125."""
    whole, _, fraction = format(amount, "f").partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
