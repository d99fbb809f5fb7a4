"""Difference: how a number changed since the equal window before. [pure]"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

LEAST_CALLS = 20
"""With fewer calls in the window before, a percentage would say little."""


@dataclass(frozen=True)
class Difference:
    """By how much a number changed; `percent` is None if the window before had few calls."""

    amount: int | Decimal
    percent: int | None


def change(now: int | Decimal, before: int | Decimal, calls_before: int) -> Difference:
    """The difference of two numbers, in a scope that had so many calls before."""
    percent = None
    if before and calls_before >= LEAST_CALLS:
        (part, of), (whole, of_whole) = (now - before).as_integer_ratio(), before.as_integer_ratio()
        percent = round(Fraction(100 * part * of_whole, of * whole))
    return Difference(now - before, percent)
