"""Difference: a number beside the one of the window before, told without drama."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

LEAST_CALLS = 20
"""With fewer calls in the window before, a percentage would say more than is known."""


@dataclass(frozen=True)
class Difference:
    """By how much a number moved, and by how many percent of what it was, where that says much."""

    amount: int | Decimal
    percent: int | None


def change(now: int | Decimal, before: int | Decimal, calls_before: int) -> Difference:
    """From one number to the other, in a scope that had so many calls before."""
    percent = None
    if before and calls_before >= LEAST_CALLS:
        (part, of), (whole, of_whole) = (now - before).as_integer_ratio(), before.as_integer_ratio()
        percent = round(Fraction(100 * part * of_whole, of * whole))
    return Difference(now - before, percent)
