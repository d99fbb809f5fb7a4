"""The price list in memory: finds the price of a model by its name, and what a call costs."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import NamedTuple, Protocol

from usage.pricing import ListRates

ALWAYS = date(2000, 1, 1)
"""The start of a price without one; no event is older."""
MOST_NAMES = 20_000
COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=-|:|$)")
Rule = Sequence
"""["equals"|"starts_with"|"ends_with"|"contains"|"regex", text] or ["or"|"and", rules]."""


class Line(NamedTuple):
    """A price of a model: from a day on, where a prompt has more tokens than `above`."""

    provider: str
    model: str
    start: date
    above: int
    own: bool
    rule: Rule
    rates: ListRates


class Provider(NamedTuple):
    """Names that mean a provider, models it is known by, and others whose models it sells."""

    provider: str
    known_as: Rule
    serves: Rule
    resells: Sequence[str]


class Usage(Protocol):
    """What of an event or a stored call decides what it costs."""

    time: datetime
    provider: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    failed: bool
    calls: int


class Book:
    """All prices. What was looked up once is remembered."""

    def __init__(self, lines: Iterable[Line] = (), providers: Iterable[Provider] = ()):
        self._providers = list(providers)
        self._lines: dict[tuple[bool, str], list[Line]] = {}
        # The longest matching own name wins; seeded prices are in their order of precedence.
        for line in sorted(lines, key=_exactness):
            self._lines.setdefault((line.own, line.provider), []).append(line)
        self._found: dict[tuple[str, str], list[Line]] = {}

    def nanodollars(self, usage: Usage) -> int | None:
        """What an answered call costs by the list; None where the list doesn't tell."""
        line = None if usage.failed else self.line(usage)
        return line and line.rates.nanodollars(
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.reasoning_tokens,
        )

    def line(self, usage: Usage) -> Line | None:
        """The price that holds for a call: own ones first, then the latest, the highest step."""
        name = usage.provider, usage.model
        lines = self._found.get(name)
        if lines is None:
            if len(self._found) >= MOST_NAMES:
                self._found.clear()
            lines = self._found[name] = self.lines(*name)
        if not lines:
            return None
        # Nearly all models have one price, whenever they are asked and for however much.
        if lines[0].start == ALWAYS and not lines[0].above:
            return lines[0]
        # A vendor's sum is over many calls: take the mean length of their prompts.
        longest = usage.prompt_tokens // usage.calls if usage.calls else 0
        day = usage.time.astimezone(UTC).date()
        for line in lines:
            if line.start <= day and (line.above < longest or not line.above):
                return line
        return None

    def lines(self, provider: str, model: str) -> list[Line]:
        """Every price of a model, in the order in which they are to be tried."""
        provider, model = provider.strip().lower(), model.strip().lower()
        unsaid = provider in ("", "litellm")
        said, slash, rest = model.partition("/")
        if unsaid and slash and self._known(said):
            # Gateways put the provider before the name of the model.
            provider, model, unsaid = said, rest, False
        found = self._server(model) if unsaid else self._known(provider)
        names = list(dict.fromkeys((provider, found.provider if found else provider)))
        own = self._first(True, names, model)
        sold = found.resells if found else ()
        seeded = self._first(False, [*names, *sold], model)
        order = attrgetter("own", "start", "above")
        return sorted([*own, *seeded], key=order, reverse=True)

    def _first(self, own: bool, providers: Iterable[str], model: str) -> list[Line]:
        """The lines of the first model that matches the name, also with dashes in its date."""
        spelt = COMPACT_DATE.sub(r"-\1-\2-\3", model)
        for provider in providers:
            here = self._lines.get((own, provider), [])
            for name in dict.fromkeys((model, spelt)):
                for line in here:
                    if matches(line.rule, name):
                        return [one for one in here if one.model == line.model]
        return []

    def _known(self, name: str) -> Provider | None:
        for provider in self._providers:
            if provider.provider == name:
                return provider
        return next((one for one in self._providers if matches(one.known_as, name)), None)

    def _server(self, model: str) -> Provider | None:
        return next((one for one in self._providers if matches(one.serves, model)), None)


def _exactness(line: Line) -> tuple[int, bool]:
    said = line.model.removesuffix("*")
    return -line.own * len(said), line.own and said != line.model


def matches(rule: Rule, name: str) -> bool:
    """True if a rule matches this name, which is in lower case."""
    kind, value = rule
    match kind:
        case "equals":
            return name == value
        case "starts_with":
            return name.startswith(value)
        case "ends_with":
            return name.endswith(value)
        case "contains":
            return value in name
        case "regex":
            return re.search(value, name) is not None
        case "and":
            return all(matches(one, name) for one in value)
        case _:
            return any(matches(one, name) for one in value)


def rule_of(model: str) -> Rule:
    """The rule of a name as people write it: itself, or with * at its end all that begin so."""
    model = model.lower()
    kind = "starts_with" if model.endswith("*") else "equals"
    return [kind, model.removesuffix("*")]
