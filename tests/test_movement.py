"""usage/movement.py and how its numbers are written: nothing divides by zero, nothing shouts."""

from decimal import Decimal

import pytest

from usage.movement import LEAST_CALLS, Difference, change
from views.format import change as written
from views.format import percent


@pytest.mark.parametrize(
    ("now", "before", "calls", "percents"),
    [
        (150, 100, 100, 50),
        (0, 100, 100, -100),
        (100, 100, 100, 0),
        (3, 7, 100, -57),
        (10**30 + 1, 10**30, 100, 0),
        (Decimal("0.03"), Decimal("0.01"), 100, 200),
        (50, 0, 100, None),
        (0, 0, 100, None),
        (150, 100, LEAST_CALLS, 50),
        (150, 100, LEAST_CALLS - 1, None),
        (150, 100, 0, None),
    ],
)
def test_percents_are_of_what_was_and_left_out_where_that_was_little(now, before, calls, percents):
    assert change(now, before, calls) == Difference(now - before, percents)


@pytest.mark.parametrize(
    ("moved", "dollars", "text"),
    [
        (Difference(1204, 12), False, "+1,204 (+12 %)"),
        (Difference(-3, -57), False, "−3 (−57 %)"),
        (Difference(5, 0), False, "+5 (±0 %)"),
        (Difference(0, 0), False, "±0"),
        (Difference(7, None), False, "+7"),
        (Difference(12_400_000, 1500), False, "+12.4M (+1,500 %)"),
        (Difference(Decimal("-3.2"), -8), True, "−$3.20 (−8 %)"),
        (Difference(Decimal("0.00001"), None), True, "+< $0.01"),
    ],
)
def test_a_change_has_its_sign_and_its_unit(moved, dollars, text):
    assert written(moved, dollars) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "–"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 3, "33 %"),
        (1, 1000, "<1 %"),
        (1, 100, "1 %"),
        (99, 100, "99 %"),
        (999, 1000, ">99 %"),
        (10**30, 10**30 + 1, ">99 %"),
    ],
)
def test_a_share_is_told_in_whole_percents(part, whole, text):
    assert percent(part, whole) == text
