"""The table as htmx gets it: what a fragment weighs, and which filters it brings along."""

import re
from datetime import timedelta
from html import unescape
from random import Random

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, compressed
from reading import element

from usage import cli_prices, samples
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.scope import MORE_COLUMNS

LIGHT = 6 * 1024
KEPT = HTMX | {"Filters-Kept": "1"}
DAYS = {"by-last", "last-n", "from", "sources"}
EVERY = {*DAYS, "prompt_cost", "cost-basis", "q", "projects", "live", "columns"}


def controls(page):
    """Everything on a page that asks for its table anew: pairs of its id and an address."""
    tags = map(unescape, re.findall(r"<\w+ [^>]*hx-target=\"#region\"[^>]*>", page.text))
    said = [dict(re.findall(r' (id|href|hx-get)="([^"]*)"', tag)) for tag in tags]
    return [(each["id"], each.get("href") or each["hx-get"]) for each in said]


def brought(response):
    """Which filters an answer brings along."""
    return {id for id in EVERY if element(response, id)}


@pytest.fixture
def busy(app):
    """Usage of forty people with long names in twelve projects, in two windows, day by day."""
    rng = Random(7)
    events = [
        Event(
            id=f"{number}-{ago}-{call}",
            user=f"firstname.lastname-{number * 7919 % 1000}@department.example.com",
            display_name=f"Firstname {chr(65 + number % 26)}. Lastname-{number * 104_729 % 10_000}",
            time=NOW - timedelta(days=ago, minutes=rng.randrange(700)),
            project=f"Project {number % 12}",
            source=rng.choice(("ide", "cli", "ui", "")),
            prompt_tokens=rng.randrange(300_000),
            completion_tokens=rng.randrange(30_000),
            failed=rng.random() < 0.05,
        )
        for number in range(40)
        for ago in range(60)
        for call in range(rng.choice((0, 0, 1, 2, 4)))
    ]
    record(events, "UTC", NOW)


@pytest.fixture
def sample(app):
    """The sample data, with prices."""
    cli_prices.seed_if_empty()
    samples.load("UTC", NOW)


@ON_ONE_DATABASE
@pytest.mark.parametrize("content", ["busy", "sample"])
def test_a_table_fragment_is_light_whatever_columns_it_has_and_whatever_changes_it(
    client, request, content
):
    request.getfixturevalue(content)
    asked = f"sort=cost&columns={','.join(MORE_COLUMNS)}"
    weights = {}

    for filtered in ("", "&project=unassigned", "&source=cli", "&days=31", "&cost=list"):
        page = client.get(f"/leaderboard?{asked}{filtered}")
        for id, address in controls(page):
            if id.startswith("rows-"):
                # More rows weigh more.
                continue
            # A field hands over what there is beside its own value.
            address = address if "?" in address or "reset" in id else f"{address}?{asked}"
            headers = KEPT | {"HX-Trigger": id, "Accept-Encoding": "gzip"}
            weights[id, address] = compressed(client.get(address, headers=headers))

    changed = {id for id, _ in weights}
    assert {"sort-calls", "last-7", "sources", "projects", "chip-project", "chip-dates"} <= changed
    assert {one: weight for one, weight in weights.items() if weight > LIGHT} == {}


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", ["/leaderboard", "/users"])
def test_a_fragment_without_more_columns_is_light_though_nothing_is_known_of_its_filters(
    client, busy, make_crowd, path
):
    make_crowd(1)

    page = client.get(path, headers=HTMX | {"Accept-Encoding": "gzip"})

    assert compressed(page) <= LIGHT


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("by", "changed", "unsure"),
    [
        *((by, set(), EVERY) for by in ("sort-cost", "page-next", "rows-50")),
        *((by, set(), {"last-n", "from"}) for by in ("q", "sources", "columns", "live")),
        ("prompt_cost", set(), {"last-n", "from"}),
        ("cost-basis", {"prompt_cost"}, {"prompt_cost", "last-n", "from"}),
        ("by-last", DAYS - {"by-last"}, DAYS - {"by-last"}),
        ("last-days", DAYS - {"last-n"}, EVERY - {"last-n"}),
        ("date-range", DAYS - {"from"}, EVERY - {"from"}),
        ("last-7", DAYS, EVERY),
        ("chip-dates", DAYS, EVERY),
        ("chip-source", {"sources"}, EVERY),
        ("projects", {*DAYS, "prompt_cost"}, {*DAYS, "prompt_cost"}),
        ("chip-project", {*DAYS, "prompt_cost", "projects"}, EVERY),
        ("reset-filter", EVERY, EVERY),
    ],
)
def test_of_the_filters_only_those_that_a_control_changes_go_with_the_table(
    client, make_crowd, by, changed, unsure
):
    make_crowd(60)

    def sent(headers):
        return brought(client.get("/leaderboard?sort=cost", headers=headers | {"HX-Trigger": by}))

    assert sent(KEPT) == changed
    # The page around a portal's board keeps no filters.
    assert sent(HTMX) == unsure
