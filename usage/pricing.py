"""Rates, and what tokens cost at them: exact decimal arithmetic, never a float."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

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


def dollars(picodollars: int) -> Decimal:
    """Whole 10⁻¹² dollars as dollars, without rounding to the decimal context."""
    digits = tuple(int(digit) for digit in str(picodollars))
    return Decimal((0, digits, -12))


def read_rate(text: str) -> Decimal:
    """A rate as typed: a decimal, 0 or more, with up to 6 places. Raises InvalidRate."""
    if not DECIMAL.fullmatch(text):
        raise InvalidRate("must be a number, 0 or more, with up to 6 decimals")
    return Decimal(text)


def plain(amount: Decimal) -> str:
    """A decimal as text with at least two places and no superfluous zeros: 3.00, 0.1125."""
    whole, _, fraction = format(amount, "f").partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
