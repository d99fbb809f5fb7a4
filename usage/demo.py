"""Believable sample usage: invented people, 120 days of calls, the same ones every time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from math import log
from random import Random
from zoneinfo import ZoneInfo

from usage.ingest.event import Event

DAYS = 120
HOLIDAYS = range(52, 64)  # days ago
CONTEXT_LIMIT = 180_000


@dataclass(frozen=True)
class DemoProject:
    """A sample project."""

    slug: str
    name: str
    timezone: str


@dataclass(frozen=True)
class Person:
    """A sample user."""

    username: str
    display_name: str
    email: str


@dataclass(frozen=True)
class _Worker:
    """How somebody works: calls per workday, and the words that each session draws from."""

    username: str
    name: str
    calls: float
    sources: str
    projects: str  # the first is home: its clock is theirs
    favourite: str
    first: int = DAYS - 1  # days ago
    last: int = 0
    scale: float = 1
    weekend: float = 0.06
    weekday: int | None = None


# Median prompt and completion tokens, most calls in a row, seconds between them, usual models.
_HABITS = {
    "ui": (2_600, 520, 4, 150, ("gpt-5", "flash", "haiku")),
    "cli": (38_000, 650, 18, 35, ("sonnet", "gpt-5", "pro")),
    "ide": (8_500, 380, 7, 120, ("sonnet", "gpt-5", "mini")),
    "api": (3_800, 450, 9, 8, ("mini", "haiku", "flash")),
}
# Whether it reasons, and list prices per 1M tokens: fresh, cache read, cache write, completion.
_MODELS = {
    "sonnet": ("anthropic", "claude-sonnet-4-5", False, ("3", "0.30", "3.75", "15")),
    "haiku": ("anthropic", "claude-haiku-4-5", False, ("1", "0.10", "1.25", "5")),
    "gpt-5": ("openai", "gpt-5", True, ("1.25", "0.125", "0", "10")),
    "mini": ("openai", "gpt-4.1-mini", False, ("0.40", "0.10", "0", "1.60")),
    "pro": ("google", "gemini-2.5-pro", True, ("1.25", "0.125", "0", "10")),
    "flash": ("google", "gemini-2.5-flash", True, ("0.30", "0.03", "0", "2.50")),
}
_TEST_TYPES = ("Unit Tests", "Integration Tests", "API Tests", "UI Tests", "Test Data", "")
_PROJECTS = {  # and the shares of the test types above
    DemoProject("checkout", "Checkout", "Europe/Berlin"): (34, 22, 24, 8, 7, 5),
    DemoProject("storefront", "Storefront", "America/New_York"): (26, 12, 12, 38, 6, 6),
    DemoProject("mobile", "Mobile App", "Asia/Kolkata"): (30, 14, 10, 36, 5, 5),
    DemoProject("platform", "Data Platform", "UTC"): (36, 28, 16, 1, 14, 5),
    DemoProject("handbook", "Team Handbook", "Europe/London"): (10, 5, 15, 25, 15, 30),
}
_SHARES = {project.slug: shares for project, shares in _PROJECTS.items()}
_ZONES = {project.slug: ZoneInfo(project.timezone) for project in _PROJECTS}
_WORKERS = (
    _Worker("amara.okafor", "Amara Okafor", 33, "cli", "platform", "sonnet", 119, 0, 2, 0.35),
    _Worker("mateusz.wojcik", "Mateusz Wójcik", 17, "ide ide ui", "checkout", "gpt-5"),
    _Worker("priya.raghunathan", "Priya Raghunathan", 15, "ide ui", "mobile", "mini", 92),
    _Worker("desmond.clarke", "Desmond Clarke", 13, "ui ui ide", "storefront", "flash"),
    _Worker("lena.brueckner", "Lena Brückner", 12, "cli cli ide", "checkout platform", "sonnet"),
    _Worker("carlos.echeverria", "Carlos Echeverría", 11, "cli ide", "storefront", "gpt-5", 99),
    _Worker("arjun.venkataraman", "Arjun Venkataraman", 9.5, "ide", "mobile platform", "sonnet"),
    _Worker("siobhan.osullivan", "Siobhán O'Sullivan", 8.6, "ui ide", "platform handbook", "haiku"),
    _Worker("hannah.goldfarb", "Hannah Goldfarb", 7.8, "ide ui api", "storefront", "gpt-5", 71),
    _Worker("jonas.lindqvist", "Jonas Lindqvist", 7, "cli", "checkout", "pro", scale=1.3),
    _Worker("weiling.tan", "Tan Wei Ling", 6.4, "api ide", "mobile checkout", "flash", 104),
    _Worker("fatima.elamrani", "Fatima El-Amrani", 5.8, "ide ide ui", "checkout", "sonnet", 85),
    _Worker("marcus.whitfield", "Marcus Whitfield", 5.2, "ui", "storefront", "gpt-5"),
    _Worker("minhanh.nguyen", "Nguyễn Thị Minh Anh", 4.7, "cli ide", "mobile", "gpt-5", 47),
    _Worker("ingrid.solheim", "Ingrid Solheim", 4, "ui ide", "checkout platform", "pro"),
    _Worker("tomas.novak", "Tomáš Novák", 3.6, "ide ui", "checkout", "mini"),
    _Worker("mt.hohen", "Maximiliane-Theodora von Hohenstein-Waldburg", 3, "ui", "checkout", "pro"),
    _Worker("kwame.boateng", "Kwame Boateng", 2.8, "cli ui", "platform platform handbook", "haiku"),
    _Worker("aylin.celik", "Aylin Çelik", 2.3, "ui ide", "checkout mobile", "flash", 64),
    _Worker("noah.redfeather", "Noah Redfeather", 1.9, "ui", "storefront", "gpt-5", 110),
    _Worker("rohan.deshpande", "Rohan Deshpande", 5.2, "ide ui", "mobile", "sonnet", 19),
    _Worker("beatriz.figueiredo", "Beatriz Figueiredo", 6.5, "cli ui", "platform", "sonnet", 12),
    _Worker("yuki.hasegawa", "Yuki Hasegawa", 4, "ui", "storefront", "flash", 6),
    _Worker("giulia.ferraro", "Giulia Ferraro", 9, "ide cli", "checkout", "gpt-5", 119, 61),
    _Worker("margaret.ashworth", "Margaret Ashworth", 1.8, "ui", "handbook", "flash", weekday=2),
)
_TWINS = ("ingrid.solheim", "tomas.novak")  # one home, one scheduled job: a tie in the handbook


def projects() -> tuple[DemoProject, ...]:
    """The sample projects."""
    return tuple(_PROJECTS)


def people() -> tuple[Person, ...]:
    """The sample users."""
    return tuple(Person(w.username, w.name, f"{w.username}@example.com") for w in _WORKERS)


def events(now: datetime) -> Iterator[Event]:
    """Every sample call of the 120 days that end at this aware instant, oldest first."""
    found: list[Event] = []
    for worker, who in zip(_WORKERS, people(), strict=True):
        zone = _ZONES[worker.projects.split()[0]]
        today = datetime.combine(now.astimezone(zone), time(), zone)
        call = Event(id="sample", time=now, user=who.username, email=who.email)
        call = call.but(display_name=who.display_name)
        for age in range(DAYS):
            found += _day(worker, call, today - timedelta(days=age), age)
    yield from sorted((e for e in found if e.time <= now), key=lambda e: (e.time, e.id))


def _day(worker: _Worker, call: Event, midnight: datetime, age: int) -> Iterator[Event]:
    """What somebody did on one day, so many days ago; each day is drawn from its own seed."""
    name, number = f"sample-{worker.username}-{midnight:%Y-%m-%d}", 0
    rng = Random(name)
    left = _calls(rng, worker, midnight.weekday(), age)
    while left > 0:
        source, project = rng.choice(worker.sources.split()), rng.choice(worker.projects.split())
        calls, number = min(left, rng.randint(1, _HABITS[source][2])), number + 1
        model = worker.favourite if rng.random() < 0.6 else rng.choice(_HABITS[source][-1])
        hours = (rng.triangular(8.6, 12.3, 10), rng.triangular(13, 18.2, 14.5), rng.uniform(19, 22))
        start = midnight + timedelta(seconds=int(3600 * rng.choices(hours, (47, 48, 5))[0]))
        first = call.but(id=f"{name}-{number}", time=start, project=project, source=source)
        first = first.but(test_type=rng.choices(_TEST_TYPES, _SHARES[project])[0])
        yield from _session(rng, first, model, calls, worker.scale)
        left -= calls
    if worker.username in _TWINS and midnight.weekday() in (0, 3):
        first = call.but(id=f"{name}-job", time=midnight + timedelta(hours=6), source="api")
        first = first.but(project="handbook", test_type="Test Data")
        yield from _session(Random(f"job {midnight}"), first, "haiku", 3, worker.scale)


def _calls(rng: Random, worker: _Worker, weekday: int, age: int) -> int:
    """How many calls: growing over time, few at weekends and in the holidays."""
    absent = not worker.last <= age <= worker.first or worker.weekday not in (None, weekday)
    if absent or rng.random() < 0.08:
        return 0
    usual = worker.calls * (1 - 0.5 * age / DAYS) * rng.lognormvariate(-0.08, 0.4)
    usual *= (worker.weekend if weekday >= 5 else 1) * (0.25 if age in HOLIDAYS else 1)
    return int(usual + rng.random())


def _session(rng: Random, first: Event, model: str, calls: int, scale: float) -> Iterator[Event]:
    """Calls in a row: the context grows, is cached, and is cut short when it gets too long."""
    prompt, completion, _, gap, _ = _HABITS[first.source]
    context = rng.lognormvariate(log(prompt * scale), 0.55)
    cached = context * 0.3 if prompt > 8_000 else 0  # the tools' own instructions
    at, unsaid = first.time.astimezone(UTC), rng.random()
    blank = {"project": ""} if unsaid < 0.02 else {"source": ""} if unsaid > 0.97 else {}
    for number in range(1, calls + 1):
        call = first.but(id=f"{first.id}-{number}", time=at, **blank)
        call = call.but(provider=_MODELS[model][0], model=_MODELS[model][1])
        at += timedelta(seconds=3 + int(rng.expovariate(1 / gap)))
        luck = rng.random()
        if luck < 0.026:
            yield call.but(failed=luck < 0.025, usage_known=luck < 0.025)
            continue
        if context > CONTEXT_LIMIT:
            context, cached = CONTEXT_LIMIT / 3, 0
        written = int(rng.lognormvariate(log(completion), 0.8)) + 5
        yield _answered(rng, call, model, int(context), int(cached), written)
        cached, context = context, context + written + rng.lognormvariate(log(prompt * 0.05), 0.9)


def _answered(
    rng: Random, call: Event, model: str, prompt: int, cached: int, completion: int
) -> Event:
    """The call with its tokens, and with its price unless an IDE's licence covers it."""
    _, _, reasons, prices = _MODELS[model]
    read = write = 0
    if prices[2] != "0":
        read, write = cached, int((prompt - cached) * rng.uniform(0.7, 0.98))
    elif rng.random() < 0.75:
        read = int(cached * rng.uniform(0.6, 0.97)) // 128 * 128
    parts = zip(prices, (prompt - read - write, read, write, completion), strict=True)
    cost = sum((Decimal(price) * tokens for price, tokens in parts), Decimal()).scaleb(-6)
    thought = int(completion * rng.uniform(0.2, 0.75)) if reasons else 0
    call = call.but(prompt_tokens=prompt, cache_read_tokens=read, cache_write_tokens=write)
    call = call.but(completion_tokens=completion, reasoning_tokens=thought)
    return call.but(cost_usd=None if call.source == "ide" else round(cost, 6))
