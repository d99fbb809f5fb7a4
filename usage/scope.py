"""Scope: the frozen value every number starts from; parsed from and back to URL arguments."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from typing import Self
from unicodedata import category

from usage.arguments import DEFAULT_DAYS, InvalidScope, whole_number, window_of
from usage.horizon import ALL, COLUMNS, RATES, UNASSIGNED, Horizon, VisibleProject
from usage.pricing import BASES, InvalidRate, Rates, plain, read_rate
from usage.window import Window, day_of

SOURCES = (ALL, "ui", "cli", "ide", "api", UNASSIGNED)
ASCENDING = "-asc"
ACTIVITY = "activity"
SORTS = tuple(name + order for order in ("", ASCENDING) for name in (ACTIVITY, *COLUMNS))
MORE_COLUMNS = (
    "movement",
    "trend",
    "cached",
    "failed",
    "active_days",
    "cost_per_call",
    "last_seen",
)
"""The columns that a viewer may add to the table."""
PAGE_SIZES = (25, 50, 100)
SIZES = tuple(map(str, PAGE_SIZES))
ARGUMENTS = (
    "project",
    "source",
    "days",
    "from",
    "to",
    "sort",
    "q",
    "page",
    "per_page",
    "prompt_cost",
    "completion_cost",
    "cost",
    "live",
    "columns",
)
ALONE = {
    "source": ALL,
    "days": str(DEFAULT_DAYS),
    "sort": ACTIVITY,
    "q": "",
    "page": "1",
    "per_page": SIZES[0],
    "live": "",
    "columns": "",
}
"""Arguments whose defaults depend on no other argument, and these defaults."""


@dataclass(frozen=True)
class Scope:
    """Everything a page can be asked: project, source, window, order, search, page and rates.

    `basis` is the cost basis: the rates, the price list, or what senders reported.
    """

    horizon: Horizon
    project: VisibleProject | None
    window: Window
    rates: Rates
    days: int | None = DEFAULT_DAYS
    source: str = ALL
    sort: str = ACTIVITY
    q: str = ""
    page: int = 1
    per_page: int = PAGE_SIZES[0]
    basis: str = BASES[0]
    live: bool = False
    columns: tuple[str, ...] = ()

    @classmethod
    def from_args(cls, args: Mapping[str, str], horizon: Horizon) -> Self:
        """Read request arguments; blank ones mean the default, and locked ones are ignored.

        Raises InvalidScope for what is malformed and NotVisible for a project out of sight.
        """
        said = {name: args.get(name, "").strip() for name in ARGUMENTS}
        said |= dict.fromkeys(horizon.fixed, "")
        if not horizon.offers("rates"):
            said |= dict.fromkeys(RATES, "")
        said |= horizon.locked
        project = horizon.project(said["project"])
        timezone = project.timezone if project else horizon.timezone
        usual = horizon.rates_of(project)
        days, window = window_of(said, horizon.now, timezone)
        return cls(
            horizon=horizon,
            project=project,
            window=window,
            days=days,
            rates=Rates(
                _rate("prompt_cost", said, usual.prompt),
                _rate("completion_cost", said, usual.completion),
            ),
            source=_choice("source", said, SOURCES),
            sort=_choice("sort", said, _sorts(horizon.columns)),
            q=_search(said["q"]),
            page=whole_number("page", said, 1, 1_000_000, 1),
            per_page=int(_choice("per_page", said, SIZES)),
            basis=_choice("cost", said, BASES),
            live=_choice("live", said, ("", "1")) == "1",
            columns=_columns(said["columns"], horizon),
        )

    def to_args(self) -> dict[str, str]:
        """The canonical arguments of this scope: what equals the default is left out."""
        return dict(self._canonical)

    @cached_property
    def _canonical(self) -> Mapping[str, str]:
        default, usual = self.horizon.project(""), self.usual_rates
        said = {
            "project": tuple(one.slug if one else ALL for one in (self.project, default)),
            "source": (self.source, ALL),
            "days": (str(self.days or ""), str(DEFAULT_DAYS if self.days else "")),
            "from": ("" if self.days else self.window.first.isoformat(), ""),
            "to": ("" if self.days else self.window.last.isoformat(), ""),
            "sort": (self.sort, ACTIVITY),
            "q": (self.q, ""),
            "page": (str(self.page), "1"),
            "per_page": (str(self.per_page), str(PAGE_SIZES[0])),
            "prompt_cost": (plain(self.rates.prompt), plain(usual.prompt)),
            "completion_cost": (plain(self.rates.completion), plain(usual.completion)),
            "cost": (self.basis, BASES[0]),
            "live": ("1" if self.live else "", ""),
            "columns": (",".join(self.columns), ""),
        }
        locked = self.horizon.locked
        return {
            name: value
            for name, (value, usual) in said.items()
            if value != usual and name not in locked
        }

    def args(self, **changes: object) -> dict[str, str]:
        """The canonical arguments with some changed, on page 1 unless `page` is among them."""
        args = self.to_args()
        if "page" not in changes:
            args.pop("page", None)
        if "days" in changes:
            args = {name: args[name] for name in args if name not in ("from", "to")}
        args |= {name: str(value) for name, value in changes.items()}
        if changes.keys() <= ALONE.keys() - self.horizon.fixed:
            # No need to parse again: every page asks for dozens of such addresses.
            return {n: args[n] for n in ARGUMENTS if args.get(n) and args[n] != ALONE.get(n)}
        try:
            return Scope.from_args(args, self.horizon).to_args()
        except InvalidScope:
            return args

    @property
    def usual_rates(self) -> Rates:
        """The rates of the scope's project, or the board's."""
        return self.horizon.rates_of(self.project)

    @property
    def column(self) -> str:
        """The column that orders the table."""
        return self.sort.removesuffix(ASCENDING)

    @property
    def ascending(self) -> bool:
        """True when the smallest comes first."""
        return self.sort.endswith(ASCENDING)

    def toggled(self, column: str) -> str:
        """The added columns with one more of them, or one less."""
        chosen = {*self.columns} ^ {column}
        return ",".join(name for name in MORE_COLUMNS if name in chosen)

    @property
    def filters(self) -> tuple[str, ...]:
        """Which of project, source and dates differ from the defaults.

        The project counts only for those who filter by it; others choose theirs in the header.
        """
        args = self.to_args()
        if not self.horizon.offers("project"):
            args.pop("project", None)
        dates = "from" in args or "days" in args
        return tuple(n for n in ("project", "source") if n in args) + ("dates",) * dates

    @property
    def today(self) -> date:
        """The present day in the scope's zone."""
        return day_of(self.horizon.now, self.window.timezone)

    def plain(self) -> "Scope":
        """The same scope, from the first page and without the search."""
        return replace(self, q="", page=1)

    def before(self) -> "Scope | None":
        """The same scope in the equal window before; None where the calendar begins."""
        window = self.window.before()
        return replace(self.plain(), window=window, days=None) if window else None

    def on_one_page(self) -> "Scope":
        """The same scope with all of its rows on one page."""
        return replace(self, page=1, per_page=sys.maxsize)


@cache
def _sorts(columns: tuple[str, ...]) -> tuple[str, ...]:
    """The sort orders for a viewer of those columns: an order would reveal a hidden column."""
    return tuple(s for s in SORTS if s.removesuffix(ASCENDING) in (ACTIVITY, *columns))


def _choice(name: str, said: Mapping[str, str], allowed: tuple[str, ...]) -> str:
    value = said[name].lower() or allowed[0]
    if value not in allowed:
        words = [word for word in allowed if word]
        raise InvalidScope(name, f"must be {'one of ' * (len(words) > 1)}{', '.join(words)}")
    return value


def _columns(text: str, horizon: Horizon) -> tuple[str, ...]:
    said = {name.strip() for name in text.lower().split(",")} - {""}
    if said - {*MORE_COLUMNS}:
        raise InvalidScope("columns", f"must be some of {', '.join(MORE_COLUMNS)}")
    # In a portal the grant alone decides which columns there are.
    return tuple(name for name in MORE_COLUMNS if name in said and not horizon.embedded)


def _rate(name: str, said: Mapping[str, str], default: Decimal) -> Decimal:
    try:
        return read_rate(said[name]) if said[name] else default
    except InvalidRate as error:
        raise InvalidScope(name, str(error)) from None


def _search(text: str) -> str:
    if len(text) > 200 or any(category(char) in ("Cc", "Cs") for char in text):
        raise InvalidScope("q", "must be at most 200 characters without control characters")
    return text
