"""One path for numbers: pages and API against a recount in plain Python, under every filter."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import cycle, product
from random import Random
from zoneinfo import ZoneInfo

import pytest
from conftest import NOW, TODAY
from reading import chart, facts, file_rows, rows, totals

from usage import merging

ZONES = {
    "": "UTC",
    "checkout": "Europe/Berlin",
    "mobile-app": "America/New_York",
    "platform": "Asia/Kolkata",
}
SPELLINGS = {"checkout": ("checkout", "Checkout"), "mobile-app": ("Mobile App", "mobile_app")}
SOURCES = ("ui", "cli", "ide", "api", "")
PEOPLE = (*(f"user-{n}" for n in range(10)), "Nora@Example.com", "nora@example.com", "a b/c")
MERGED = {"user-8": "user-3", "nora@example.com": "user-9"}
TOKENS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
COUNTERS = ("calls", "failed_calls", *TOKENS)
BREAKDOWNS = ("source", "provider", "model", "test_type", "day")
DAY = timedelta(days=1)

PROJECTS = ("", "unassigned", "checkout", "mobile-app", "platform")
WINDOWS = (
    {"days": "1"},
    {"days": "30"},
    {"from": str(TODAY - 28 * DAY), "to": str(TODAY - 21 * DAY)},
    {"from": str(TODAY), "to": str(TODAY + DAY)},
)
RATES = cycle(({}, {"prompt_cost": "0.000001", "completion_cost": "1234.5"}, {"prompt_cost": "0"}))
SORTS = cycle(("activity", "cost", "prompt_tokens-asc", "completion_tokens", "calls-asc"))
QUESTIONS = [
    window | rates | {"project": project, "source": source, "sort": sort, "per_page": "100"}
    for (project, source, window), rates, sort in zip(
        product(PROJECTS, ("", "ide", "api", "unassigned"), WINDOWS), RATES, SORTS, strict=False
    )
]
ORDER = {
    "activity": ("calls", "total", "cost"),
    "calls": ("calls", "total", "cost"),
    "prompt_tokens": ("prompt_tokens", "calls", "total", "cost"),
    "completion_tokens": ("completion_tokens", "calls", "total", "cost"),
    "cost": ("cost", "calls", "total"),
}


@pytest.fixture
def sent(client, make_key, make_project):
    """3,000 events as they were sent, many of them more than once, in batches."""
    for name, timezone in list(ZONES.items())[1:]:
        make_project(name, timezone)
    key = make_key("ingest")
    rng = Random(20261122)
    events = [_event(rng, number) for number in range(2900)]
    # Two who do the very same: they share every rank. And one id that two people use.
    twins = rng.sample(events, 50)
    events += [one | {"user": "twin-a", "id": f"a{one['id']}"} for one in twins]
    events += [one | {"user": "twin-b", "id": one["id"]} for one in twins]
    rng.shuffle(events)
    told = Counter()
    for start in range(0, len(events), 600):
        batch = events[start : start + 600]
        batch = batch + rng.sample(batch, 60) + rng.sample(events[: start + 600], 60)
        answer = client.post("/api/v1/events", json=batch, headers=key).get_json()
        told += Counter({name: answer[name] for name in ("received", "accepted", "duplicates")})
    assert told == {"received": 3600, "accepted": 3000, "duplicates": 600}
    for name, into in MERGED.items():
        merging.merge(name, into, NOW)
    return events


def _event(rng, number):
    slug = rng.choice(tuple(ZONES))
    prompt, completion = rng.randrange(50_000), rng.randrange(3_000)
    moment = NOW + DAY - timedelta(seconds=rng.randrange(45 * 86_400))
    if rng.random() < 0.2:  # around a midnight of its zone
        midnight = moment.astimezone(ZoneInfo(ZONES[slug])).replace(hour=0, minute=0, second=0)
        moment = min(midnight + timedelta(seconds=rng.choice((-1, 0))), NOW + DAY)
    return {
        "id": f"event-{number}",
        "time": moment.astimezone(ZoneInfo(rng.choice(tuple(ZONES.values())))).isoformat(),
        "user": rng.choice(PEOPLE),
        "project": rng.choice(SPELLINGS.get(slug, (slug,))),
        "source": rng.choice(SOURCES),
        "provider": rng.choice(("openai", "anthropic", "")),
        "model": rng.choice(("gpt-5", "sonnet", "haiku", "")),
        "test_type": rng.choice(("Unit Tests", "UI Tests", "")),
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cache_read_tokens": prompt // rng.randint(2, 9),
        "cache_write_tokens": prompt // rng.randint(2, 9),
        "reasoning_tokens": rng.randint(0, completion),
        "failed": rng.random() < 0.05,
    }


def slug_of(event):
    return event["project"].lower().replace(" ", "-").replace("_", "-")


def day_of(event):
    zone = ZoneInfo(ZONES[slug_of(event)])
    return datetime.fromisoformat(event["time"]).astimezone(zone).date()


def user_of(event):
    name = event["user"].lower() if "@" in event["user"] else event["user"]
    return MERGED.get(name, name)


def wanted(events, question):
    """The events of a scope, by what they say themselves."""
    project, source = question["project"], question["source"]
    zone = ZONES.get(project, "UTC")
    today = NOW.astimezone(ZoneInfo(zone)).date()
    if "days" in question:
        first, last = today - DAY * (int(question["days"]) - 1), today
    else:
        first, last = map(date.fromisoformat, (question["from"], question["to"]))
    return [
        one
        for one in events
        if first <= day_of(one) <= last
        and project in ("", slug_of(one) or "unassigned")
        and source in ("", one["source"] or "unassigned")
    ]


def counted(events, question):
    """The counters of some events and what they cost."""
    answered = [one for one in events if not one["failed"]]
    found = {"calls": len(answered), "failed_calls": len(events) - len(answered)}
    found |= {name: sum(one[name] for one in answered) for name in TOKENS}
    prompt = Decimal(question.get("prompt_cost", "3")) * found["prompt_tokens"]
    completion = Decimal(question.get("completion_cost", "15")) * found["completion_tokens"]
    return found | {"cost": (prompt + completion) / 10**6}


def ranked(events, question):
    """The standings of some events: who has an answered call, best first, equals alike."""
    by_user = defaultdict(list)
    for one in events:
        by_user[user_of(one)].append(one)
    people = [{"username": u, **counted(theirs, question)} for u, theirs in by_user.items()]
    column, _, ascending = question["sort"].partition("-")

    def key(one):
        one = one | {"total": one["prompt_tokens"] + one["completion_tokens"]}
        return tuple(one[name] for name in ORDER[column])

    people = [one for one in people if one["calls"]]
    people.sort(key=lambda one: one["username"])
    people.sort(key=key, reverse=not ascending)
    ahead = (lambda a, b: key(a) < key(b)) if ascending else (lambda a, b: key(a) > key(b))
    return [{"rank": 1 + sum(ahead(b, a) for b in people), **a} for a in people]


def numbers(answer, *names):
    """The named values and counters of an entry of the API, its cost as a decimal."""
    return {name: answer[name] for name in (*names, *COUNTERS)} | {"cost": Decimal(answer["cost"])}


def filed(row, *names):
    """The same of a row of a file, where all is text."""
    words = ("username", "by", "value")
    kept = (*names, *COUNTERS, "cost")
    return numbers({n: row[n] if n in words else Decimal(row[n]) for n in kept}, *names)


def shown(row):
    """A row of the page, as far as the page goes."""
    names = ("username", "rank", "calls", "prompt_tokens", "completion_tokens", "cost")
    return {name: Decimal(row[name]) if name == "cost" else row[name] for name in names}


def test_table_totals_and_api_agree_with_a_recount(client, reader, sent):
    tied = 0
    for question in QUESTIONS:
        events = wanted(sent, question)
        people, everything = ranked(events, question), counted(events, question)
        api = client.get("/api/v1/leaderboard", query_string=question, headers=reader).get_json()
        page = client.get("/leaderboard", query_string=question)
        file = file_rows(client.get("/leaderboard.csv", query_string=question))

        assert [filed(one, "rank", "username") for one in file] == people, question
        assert [numbers(one, "rank", "username") for one in api["standings"]] == people, question
        assert [shown(row) for row in rows(page)] == [shown(one) for one in people], question
        assert numbers(api["totals"], "users") == {"users": len(people)} | everything, question
        if people:
            foot = {name: totals(page)[name] for name in ("calls", *TOKENS[:2])}
            assert foot == {name: everything[name] for name in foot}, question
            assert Decimal(totals(page)["cost"]) == everything["cost"], question
        ranks = [one["rank"] for one in people]
        tied += len(ranks) - len(set(ranks))
    assert tied > 20


def test_a_persons_numbers_are_their_row_and_every_breakdown_adds_up_to_it(client, reader, sent):
    for question in QUESTIONS[::3]:
        events = wanted(sent, question)
        people = {one["username"]: one for one in ranked(events, question)}
        for username in ("user-3", "user-9", "a b/c"):
            mine = [one for one in events if user_of(one) == username]
            path = f"users/{username}"
            api = client.get(f"/api/v1/{path}", query_string=question, headers=reader).get_json()
            page = client.get(f"/{path}", query_string=question)
            row = {"rank": None, "username": username, **counted(mine, question)}
            row = people.get(username, row)

            assert numbers(api["standing"], "rank", "username") == row, question
            for name in BREAKDOWNS:
                parts = defaultdict(list)
                for one in mine:
                    parts[str(day_of(one)) if name == "day" else one[name] or None].append(one)
                found = {part[name]: numbers(part) for part in api[f"by_{name}"]}
                expected = {key: counted(some, question) for key, some in parts.items()}
                assert found == expected, (name, question)
            _assert_page_agrees(page, api, row)


def _assert_page_agrees(page, api, row):
    summary = facts(page)
    assert summary["API Calls"] == f"{row['calls']:,}"
    assert summary["Prompt Tokens"] == f"{row['prompt_tokens']:,}"
    assert summary["Completion Tokens"] == f"{row['completion_tokens']:,}"
    if row["rank"]:
        assert summary["Rank"].startswith(f"#{row['rank']} of ")
        days = [day for day in chart(page, "chart-days") if any(day[1:])]
        listed = [day for day in api["by_day"] if day["calls"]]
        assert [day[1:] for day in days] == [
            [day["calls"], day["prompt_tokens"], day["completion_tokens"]] for day in listed
        ]
        assert [bars[1:] for bars in chart(page, "chart-provider")] == [
            [part["prompt_tokens"], part["completion_tokens"]] for part in api["by_provider"]
        ]
        slices = chart(page, "chart-source")
        assert sum(calls for _, calls, _ in slices) == row["calls"]
