"""The measurements as Markdown: one table of answers, one of goals."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.reading import Answers

HEAD = (
    "Database",
    "People",
    "Days",
    "Bare SQL",
    "Naive, over events",
    "DuckDB",
    "Cold",
    "Warm",
    "Asked again",
    "Just changed",
    "304",
)


class Goal(NamedTuple):
    """One figure that is to be reached, and whether it was; met is None if it was not measured."""

    what: str
    target: str
    measured: str
    met: bool | None


def answers(rows: Iterable[tuple[str, Answers]]) -> str:
    """One line for each database, size and window; milliseconds."""
    lines = []
    for database, one in rows:
        figures = (one.bare, one.naive, one.duck, one.cold, one.warm, one.again, one.changed)
        shown = ["–" if value is None else f"{value:,.1f}" for value in (*figures, one.unchanged)]
        lines.append([database, f"{one.people:,}", str(one.days), *shown])
    return table(HEAD, lines)


def goals(rows: Iterable[Goal]) -> str:
    """What was to be reached, what was measured, and whether it is reached."""
    said = {True: "met", False: "**missed**", None: "not measured"}
    lines = [[one.what, one.target, one.measured, said[one.met]] for one in rows]
    return table(("What", "Goal", "Measured", ""), lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratio(what: str, target: str, value: float | None, base: float | None, most: float) -> Goal:
    """A goal that compares two figures of this run."""
    if value is None or not base:
        return Goal(what, target, "–", None)
    shown = f"{value / base:.2f}" if value > base / 2 else f"1/{base / value:.1f}"
    return Goal(what, target, f"{shown} ({value:,.1f} to {base:,.1f} ms)", value <= base * most)


def figure(what: str, target: str, value: float | None, most: float, unit: str) -> Goal:
    """A goal that is a figure of its own."""
    if value is None:
        return Goal(what, target, "–", None)
    return Goal(what, target, f"{value:,.2f} {unit}", value <= most)
