"""usage/charts.py and components/charts.html: figures become arcs, bars and ticks, then SVG."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from math import atan2, isclose, isfinite, tau
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from usage.charts import GAP, LABEL_HEIGHT, axis, donut, grouped_bars
from usage.timeline import daily
from views.format import counted

TODAY = date(2026, 11, 22)
HOSTILE = ["<script>alert(1)</script>", '"onload="alert(1)', "' style='x", "{{ 7*7 }}", "&amp;"]

labels = st.text(max_size=30)
counts = st.integers(0, 10**18)
shares = st.lists(st.tuples(labels, counts), max_size=12)
groups = st.lists(st.tuples(labels, counts, counts), max_size=14)


# Donuts


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((62, 30, 8), ["62 %", "30 %", "8 %"]),
        ((1, 1, 1), ["34 %", "33 %", "33 %"]),
        ((999, 1), [">99 %", "<1 %"]),
        ((0, 5), ["100 %"]),
        ((10**18, 10**18), ["50 %", "50 %"]),
        ((0, 0), []),
        ((), []),
    ],
)
def test_slices_say_their_share_in_whole_percents(values, texts):
    ring = donut([(str(n), value) for n, value in enumerate(values)])

    assert [piece.percent for piece in ring.slices] == texts
    assert ring.total == sum(values)


@given(shares)
def test_whatever_is_merged_the_slices_add_up_to_the_whole(given_shares):
    ring = donut(given_shares)

    assert len(ring.slices) <= 6
    assert (
        sum(piece.value for piece in ring.slices) == ring.total == sum(v for _, v in given_shares)
    )
    assert all(piece.value for piece in ring.slices)
    percents = [piece.percent for piece in ring.slices]
    if percents and not any(text.startswith(("<", ">")) for text in percents):
        assert sum(int(text.removesuffix(" %")) for text in percents) == 100


@given(shares)
def test_the_arcs_go_round_exactly_once(given_shares):
    ring = donut(given_shares)
    gaps = GAP * len(ring.slices) if len(ring.slices) > 1 else 0

    assert isclose(sum(map(sweep, ring.slices)) + gaps, tau if ring.total else 0, abs_tol=0.01)


@given(shares)
def test_labels_on_one_side_of_the_ring_never_overlap(given_shares):
    for side in (1, -1):
        heights = sorted(piece.y for piece in donut(given_shares).slices if piece.x * side > 0)
        assert all(b - a >= LABEL_HEIGHT - 1 for a, b in pairwise(heights))
        assert all(abs(height) <= 132 for height in heights)


def test_a_single_slice_is_a_full_circle():
    (only,) = donut([("IDE", 7)]).slices

    assert isclose(sweep(only), tau)
    assert not re.search("nan|inf", only.path)


def test_a_sliver_is_still_wide_enough_to_see():
    sliver = donut([("IDE", 10**18), ("CLI", 1)]).slices[1]

    assert sweep(sliver) > 0.015


def test_the_smallest_shares_become_other_and_the_rest_keep_their_order():
    ring = donut([("a", 1), ("b", 9), ("c", 2), ("d", 8), ("e", 7), ("f", 6), ("g", 5)])

    assert [(piece.label, piece.value) for piece in ring.slices] == [
        ("b", 9),
        ("d", 8),
        ("e", 7),
        ("f", 6),
        ("g", 5),
        ("Other", 3),
    ]
    assert ring.slices[-1].kind == "slice-6"


def test_a_share_that_is_called_other_joins_other():
    ring = donut([("Other", 100), *((letter, 10) for letter in "abcdef")])

    assert [piece.label for piece in ring.slices].count("Other") == 1
    assert ring.slices[-1].value == 110


def test_hues_stay_with_their_share_when_another_is_zero():
    kinds = ["prompt", "completion"]

    assert donut([("Prompt", 0), ("Completion", 5)], kinds).slices[0].kind == "completion"
    assert donut([("UI", 0), ("CLI", 5), ("IDE", 5)]).slices[0].kind == "slice-2"


# Scales and grouped bars


@pytest.mark.parametrize(
    ("peak", "ticks"),
    [
        (0, (0,)),
        (1, (0, 1)),
        (3, (0, 1, 2, 3)),
        (10, (0, 5, 10)),
        (101, (0, 50, 100, 150)),
        (900, (0, 250, 500, 750, 1000)),
        (10**18, tuple(n * 25 * 10**16 for n in range(5))),
    ],
)
def test_ticks_are_round_and_reach_the_peak(peak, ticks):
    assert axis([peak], top=0, base=100).ticks == ticks


@given(st.lists(counts), st.integers(2, 4))
def test_four_lines_at_most_cover_every_value(values, lines):
    scale = axis(values, top=20, base=196, lines=lines)

    assert len(scale.ticks) - 1 <= lines
    assert scale.ticks[-1] >= max(values, default=0)
    assert all(20 <= scale.y(value) <= 196 for value in values)
    assert all(scale.y(value) <= 195 for value in values if value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1000, "1K"),
        (1234, "1.23K"),
        (250_000, "250K"),
        (999_499, "999K"),
        (999_500, "1M"),
        (12_400_000, "12.4M"),
        (10**18, "1Qi"),
    ],
)
def test_tick_labels_have_three_digits_at_most(value, text):
    assert axis([1], top=0, base=1).text(value) == text


@given(groups)
def test_merging_groups_keeps_every_token(given_groups):
    bars = grouped_bars(given_groups)

    assert len(bars.groups) <= 8
    assert sum(group.prompt for group in bars.groups) == sum(p for _, p, _ in given_groups)
    assert sum(group.completion for group in bars.groups) == sum(c for *_, c in given_groups)
    assert list(bars.rows) == given_groups


@given(groups)
def test_bars_stay_inside_the_plot(given_groups):
    bars = grouped_bars(given_groups)

    assert all(0 <= group.x <= 100 - bars.slot + 0.1 for group in bars.groups)
    assert 2 * bars.width <= 100
    for group in bars.groups:
        for tokens in (group.prompt, group.completion):
            assert bars.axis.top <= bars.axis.y(tokens) <= bars.axis.base
            assert isfinite(bars.axis.drop(tokens))


def test_eight_groups_are_shown_and_a_ninth_makes_other():
    ten = [(f"type {n}", n, n) for n in range(1, 11)]

    assert [group.label for group in grouped_bars(ten[:8]).groups] == [row[0] for row in ten[:8]]
    assert grouped_bars(ten).groups[-1].label == "Other"
    assert grouped_bars(ten).groups[-1].prompt == 1 + 2 + 3


# Activity by day


@pytest.mark.parametrize(
    ("length", "unit", "columns"),
    [
        (1, "day", 1),
        (30, "day", 30),
        (120, "day", 120),
        (121, "week", 18),
        (840, "week", 120),
        (841, "month", 28),
        (3660, "month", 121),
    ],
)
def test_many_days_become_weeks_and_then_months(length, unit, columns):
    chart = daily(window(length), TODAY)

    assert len(chart.columns) == columns
    assert chart.caption.startswith(f"One bar per {unit}")
    assert chart.caption.endswith(f"The hatched {unit} is not over yet.")
    assert 1 <= len(chart.marks) <= 8


@given(st.integers(1, 3660), counts, counts, counts)
def test_every_call_and_token_of_the_window_is_in_some_column(length, calls, prompt, completion):
    chart = daily([(day, calls, prompt, completion) for day, *_ in window(length)])

    for name, one in (("calls", calls), ("prompt", prompt), ("completion", completion)):
        assert sum(getattr(column, name) for column in chart.columns) == length * one
    for column in chart.columns:
        total = column.prompt + column.completion
        assert 24 <= chart.calls_axis.y(column.calls) <= 68
        assert 108 <= chart.tokens_axis.y(total) <= chart.tokens_axis.y(column.prompt) <= 268
        assert 0 <= column.x < 100


def test_only_the_column_of_today_is_partial():
    assert [column.partial for column in daily(window(3), TODAY).columns] == [False, False, True]
    assert not any(column.partial for column in daily(window(3), TODAY + timedelta(1)).columns)
    assert not any(column.partial for column in daily(window(3)).columns)


def test_weekends_are_banded_by_day_but_not_by_week():
    banded = [column.label[:3] for column in daily(window(8)).columns if column.weekend]

    assert banded == ["Sun", "Sat", "Sun"]
    assert not any(column.weekend for column in daily(window(200)).columns)


def test_days_without_usage_are_filled_in():
    columns = daily([(TODAY, 1, 2, 3), (TODAY - timedelta(3), 4, 5, 6)]).columns

    assert [column.calls for column in columns] == [4, 0, 0, 1]


def test_a_week_cut_by_the_window_says_so_in_its_label():
    chart = daily(window(150), TODAY)

    assert chart.columns[0].label == "26 Jun 2026 to 28 Jun 2026"
    assert chart.columns[-1].label == "16 Nov 2026 to 22 Nov 2026"
    assert chart.span == "26 Jun 2026 to 22 Nov 2026"


# The macros


@pytest.fixture(scope="module")
def charts():
    templates = FileSystemLoader(Path(__file__).parent.parent / "templates")
    environment = Environment(loader=templates, autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"exact": "{:,}".format, "compact": "~{:,}".format, "counted": counted}
    return environment.get_template("components/charts.html").module


class Markup(HTMLParser):
    """The tags, attributes and ids of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.ids = set(), set(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id"]


def test_a_donut_is_put_into_words_and_exact_figures(charts):
    ring = donut([("UI", 80), ("CLI", 300), ("IDE", 1_620)])

    html = charts.donut_chart("source", "Trigger Source Distribution", ring, "API calls")

    assert '<desc id="source-desc">UI 4 %, CLI 15 %, IDE 81 %; API calls: 2,000</desc>' in html
    assert '<th scope="row">IDE</th><td>1,620</td><td>81 %</td>' in html
    assert 'role="img" aria-labelledby="source-title source-desc"' in html


def test_the_table_of_bars_lists_what_the_chart_merged(charts):
    bars = grouped_bars([(f"type {n}", n * 1000, n) for n in range(1, 11)])

    html = charts.bars_chart("test", "Token Usage by Test Type", bars, "Test type", level="h3")

    assert '<th scope="row">type 1</th><td>1,000</td><td>1</td>' in html
    assert '<h3 class="tb-chart-heading" id="test-heading">' in html
    assert "Other: ~6,000 prompt and ~6 completion tokens" in html


def test_activity_by_day_hatches_today_and_lists_every_day(charts):
    html = charts.daily_chart("daily", "Activity by Day", daily(window(7, calls=1000), TODAY))

    assert html.count('fill="url(#daily-hatch)"') == 1
    assert html.count("<td>1,000</td>") == 7
    assert "The hatched day is not over yet." in html


def test_without_usage_every_chart_says_so(charts):
    for html in (
        charts.donut_chart("a", "A", donut([("UI", 0)]), "API calls"),
        charts.bars_chart("b", "B", grouped_bars([("Anthropic", 0, 0)]), "Provider"),
        charts.daily_chart("c", "C", daily([(TODAY, 0, 0, 0)], TODAY)),
        charts.daily_chart("d", "D", daily([])),
    ):
        assert "No usage in this scope" in html
        assert "<svg" not in html


def test_hostile_labels_stay_text(charts):
    rows = [(label, 5, 3) for label in HOSTILE]
    pieces = [
        charts.donut_chart("a", HOSTILE[0], donut([row[:2] for row in rows]), HOSTILE[1]),
        charts.bars_chart("b", HOSTILE[1], grouped_bars(rows), HOSTILE[2]),
        charts.daily_chart("c", HOSTILE[0], daily(window(9), TODAY)),
    ]
    markup = Markup("".join(pieces))

    assert not markup.tags & {"script", "style", "foreignobject", "image", "a"}
    assert not {name for name in markup.attributes if name.startswith("on") or name == "style"}
    assert len(markup.ids) == len(set(markup.ids))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pieces[1]


@given(shares, groups, st.integers(1, 400))
def test_no_figure_breaks_a_chart(charts, given_shares, given_groups, length):
    html = charts.donut_chart("a", "A", donut(given_shares), "Calls")
    html += charts.bars_chart("b", "B", grouped_bars(given_groups), "Provider")
    html += charts.daily_chart("c", "C", daily(window(length), TODAY))

    assert not re.search(r'="[^"]*\b(nan|inf|None)\b', re.sub(r'title="[^"]*"', "", html))


def test_one_call_is_told_as_one(charts):
    html = charts.daily_chart("c", "C", daily(window(1, calls=1), TODAY))

    assert html.count(": 1 call, ") == 2


def window(length, calls=2, today=TODAY):
    """The last days with the same usage on each."""
    return [(today - timedelta(n), calls, 40, 5) for n in reversed(range(length))]


def sweep(piece):
    """The angle of a slice in radians, measured on its path."""
    points = re.findall(r"(-?[\d.]+) (-?[\d.]+)(?=A|$)", piece.path)
    start, middle, end = (atan2(float(y), float(x)) for x, y in points)
    return (middle - start) % tau + (end - middle) % tau
