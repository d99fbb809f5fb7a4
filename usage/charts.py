"""Rows -> arcs, bars and ticks for the SVG macros. Heights are pixels, widths and x percent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import cos, pi, sin, sqrt, tau

OTHER = "Other"
SLICES, GROUPS = 5, 8
SPARK = 7
RADIUS, GAP, LEAST_SWEEP = 80, 0.02, 0.04
LABEL_RADIUS, LABEL_HEIGHT, LABEL_LIMIT = 106, 45, 114
MAGNITUDES = ("", "K", "M", "B", "T", "Q", "Qi")


@dataclass(frozen=True)
class Slice:
    """A share, its arc, and where its label goes: both in pixels from the centre of the ring."""

    label: str
    value: int
    kind: str
    percent: str
    path: str
    x: int
    y: int


@dataclass(frozen=True)
class Donut:
    """At most five slices and "Other", clockwise, and the number for the hole."""

    total: int
    slices: tuple[Slice, ...]


@dataclass(frozen=True)
class Axis:
    """A scale from zero at `base` up to its last tick at `top`."""

    top: int
    base: int
    ticks: tuple[int, ...]

    def y(self, value: int) -> float:
        """Where a bar of that value ends; what is not zero is at least a pixel high."""
        share = value / max(self.ticks[-1], 1)
        return round(self.base - max((self.base - self.top) * share, value > 0), 2)

    def drop(self, value: int, upon: int = 0) -> float:
        """How far down to draw a bar: two pixels below its foot, for the clip to cut."""
        return round(self.y(upon) - self.y(upon + value) + 2, 2)

    def text(self, value: float) -> str:
        """The value in three digits at most: 950, 1.2K, 340M."""
        power = next(n for n in range(7) if value < 999.5 * 1000**n)
        return f"{value / 1000**power:.3g}{MAGNITUDES[power]}"


@dataclass(frozen=True)
class Group:
    """The bars of one label; x is where its slot begins."""

    label: str
    x: float
    prompt: int
    completion: int


@dataclass(frozen=True)
class Bars:
    """At most eight groups, each bar `width` percent of its slot; `rows` has every group given."""

    axis: Axis
    slot: float
    width: int
    groups: tuple[Group, ...]
    rows: tuple[tuple[str, int, int], ...]


def donut(shares: Sequence[tuple[str, int]], kinds: Sequence[str] | None = None) -> Donut:
    """Shares as a ring in the order given; `kinds` name the hue of each share."""
    kept, rest = _largest(shares, SLICES)
    hues = [kinds[place] if kinds else f"slice-{n}" for n, place in enumerate(kept, 1)]
    slices = [(*shares[place], hue) for place, hue in zip(kept, hues, strict=True)]
    slices.append((OTHER, sum(shares[place][1] for place in rest), "slice-6"))
    slices = [share for share in slices if share[1]]
    values = [value for _, value, _ in slices]
    if not values:
        return Donut(0, ())
    drawn = zip(slices, _percents(values), _ring(values), strict=True)
    return Donut(sum(values), tuple(Slice(*share, text, *arc) for share, text, arc in drawn))


def grouped_bars(groups: Sequence[tuple[str, int, int]]) -> Bars:
    """Prompt and completion tokens side by side for each label, in the order given."""
    kept, rest = _largest(groups, GROUPS if len(groups) <= GROUPS else GROUPS - 1)
    shown = [groups[place] for place in kept]
    if rest:
        shown.append((OTHER, *(sum(groups[place][n] for place in rest) for n in (1, 2))))
    scale = axis((max(tokens) for _, *tokens in shown), top=20, base=196)
    slot, width = 100 / max(len(shown), 1), min(40, 9 * len(shown))
    drawn = (Group(label, round(n * slot, 2), *pair) for n, (label, *pair) in enumerate(shown))
    return Bars(scale, round(slot, 2), width, tuple(drawn), tuple(groups))


def axis(values: Iterable[int], top: int, base: int, lines: int = 4) -> Axis:
    """A scale in round steps (1, 2, 2.5 or 5 of a kind) that covers every value."""
    peak, size = max(values, default=0), 1
    while 10 * size * lines < peak:
        size *= 10
    step = next(n * size // 10 for n in (10, 20, 25, 50, 100) if n * size // 10 * lines >= peak)
    return Axis(top, base, tuple(range(0, peak + step, step)) if peak else (0,))


def _largest(rows: Sequence[tuple], most: int) -> tuple[list[int], list[int]]:
    """Places of the largest rows, in their own order, and of the rest; "Other" is never large."""
    ranked = sorted(range(len(rows)), key=lambda n: (rows[n][0] == OTHER, -sum(rows[n][1:])))
    return sorted(ranked[:most]), ranked[most:]


def _percents(values: list[int]) -> list[str]:
    """Whole percents that add up to 100 by largest remainder, as text."""
    total = sum(values)
    percents = [100 * value // total for value in values]
    rounded_up = sorted(range(len(values)), key=lambda n: -(100 * values[n] % total))
    for place in rounded_up[: 100 - sum(percents)]:
        percents[place] += 1
    return [
        "<1 %" if 100 * value < total else f"{'>99' if value < total and n == 100 else n} %"
        for value, n in zip(values, percents, strict=True)
    ]


def _ring(values: list[int]) -> list[tuple[str, int, int]]:
    """For each value its arc, clockwise from twelve o'clock, and the x and y of its label."""
    total, gap = sum(values), GAP * (len(values) > 1)
    # A sliver still has to be seen: what it gains, the widest slice gives.
    sweeps = [max(tau * (value / total), LEAST_SWEEP) for value in values]
    sweeps[sweeps.index(max(sweeps))] -= sum(sweeps) - tau
    middles = [end - sweep / 2 for sweep, end in zip(sweeps, accumulate(sweeps), strict=True)]
    arcs = [_arc(middle, sweep - gap) for middle, sweep in zip(middles, sweeps, strict=True)]
    labels = _beside(middles if gap else [pi / 2])
    return [(arc, *label) for arc, label in zip(arcs, labels, strict=True)]


def _arc(middle: float, sweep: float) -> str:
    """A path around the ring, in two halves so that a full circle is drawn too."""
    angles = (middle - sweep / 2, middle, middle + sweep / 2)
    points = (f"{RADIUS * sin(angle):.2f} {-RADIUS * cos(angle):.2f}" for angle in angles)
    return "M" + f"A{RADIUS} {RADIUS} 0 0 1 ".join(points)


def _beside(angles: list[float]) -> list[tuple[int, int]]:
    """Places for labels along the ring, spread so that none on one side overlap."""
    places = {}
    heights = sorted((-LABEL_RADIUS * cos(angle), angle) for angle in angles)
    for side in (1, -1):
        labels = [(y, angle) for y, angle in heights if (angle <= pi) is (side > 0)]
        lowest, room = -LABEL_LIMIT, LABEL_LIMIT - LABEL_HEIGHT * (len(labels) - 1)
        for number, (y, angle) in enumerate(labels):
            y = min(max(y, lowest), room + LABEL_HEIGHT * number)
            # A label is two lines high: the one nearer to the middle must clear the ring.
            x = sqrt(max(LABEL_RADIUS**2 - max(abs(y) - 10, 0) ** 2, 64))
            places[angle] = (round(side * x), round(y))
            lowest = y + LABEL_HEIGHT
    return [places[angle] for angle in angles]


def spark(values: Sequence[int], most: int = 15) -> str:
    """Bars for a line of text, as one path in a box of `most` by SPARK: no more bars than that."""
    step = -(-len(values) // most) or 1
    sums = [sum(values[n : n + step]) for n in range(0, len(values), step)]
    peak = max(sums, default=0)
    if not peak:
        return ""
    # A page has dozens of these: four letters a bar, whatever its height.
    across = f"h{most / len(sums):.3g}"
    tops = (SPARK - max(round(SPARK * value / peak), 1) if value else SPARK for value in sums)
    return f"M0 {SPARK}" + "".join(f"V{top}{across}" for top in tops) + f"V{SPARK}"
