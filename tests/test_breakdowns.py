"""The sum of any breakdown is the total of its scope: on pages, in files and from the API."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from itertools import product
from random import Random

import pytest
from conftest import NOW, browser_of, days_ago
from reading import CELL, FOOT, ROW, chart, file_rows

from models import User
from usage import accounts, merging, prices, projects
from usage.counting import TOKEN_FIELDS
from usage.ingest.event import Event
from usage.ingest.record import record
from views.format import money

BY_PROJECT = ("project", "source", "provider", "model", "test_type", "day")
BY_PERSON = BY_PROJECT[1:]
COUNTERS = ("calls", "failed_calls", "unknown_calls", *TOKEN_FIELDS)
# What calls without a cost are called: in JSON by the basis, in files alike.
MISSING = ("unpriced_calls", "unreported_calls", "uncosted_calls")
PEOPLE = ("vera", "otto", "mia", "kim", "kim-2")
MODELS = ("sonnet", "gpt-5", "free", "unheard-of", "")
BASES = ("rates", "list", "reported")
FILTERS = (
    "",
    "project=checkout",
    "project=lab&source=ide",
    "project=unassigned&prompt_cost=0.000001",
    "source=unassigned&completion_cost=1234.5",
    "days=7",
    "from=2026-10-10&to=2026-11-12&source=cli",
)


@pytest.fixture
def mixed(make_project):
    """Calls of every kind in three projects and none, at prices that change in between."""
    make_project("checkout", "Asia/Kolkata")
    make_project("lab", "America/New_York")
    projects.set_rates(projects.find("checkout"), "7.000001", "70")
    for start, fresh, read in ((days_ago(99), "3", "0.3"), (days_ago(9), "2.333333", "")):
        rates = {"prompt": fresh, "completion": "15", "cache_read": read, "reasoning": "30"}
        prices.set_price("anywhere", "sonnet", rates, start)
    prices.set_price("anywhere", "gpt-5", {"prompt": "1.25", "completion": "10"}, days_ago(3))
    prices.set_price("", "free", {"prompt": "0", "completion": "0"}, days_ago(99))
    rng = Random(20261122)
    record([_call(rng, number) for number in range(700)], "UTC", NOW)
    merging.merge("kim-2", "kim", NOW)
    User.update(sample=True).where(User.username == "otto").execute()


def _call(rng, number):
    prompt, completion = rng.choice((0, 3, 700, 90_000)), rng.choice((0, 1, 80, 4_000))
    read = rng.randrange(prompt + 1)
    return Event(
        id=f"call-{number}",
        time=NOW - timedelta(minutes=rng.randrange(45 * 1440)),
        user=rng.choice(PEOPLE),
        project=rng.choice(("checkout", "lab", "mobile", "")),
        source=rng.choice(("ui", "cli", "ide", "")),
        provider=rng.choice(("anywhere", "")),
        model=rng.choice(MODELS),
        test_type=rng.choice(("Unit Tests", "UI Tests", "")),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cache_read_tokens=read,
        cache_write_tokens=rng.randrange(prompt - read + 1),
        reasoning_tokens=rng.randrange(completion + 1),
        cost_usd=rng.choice((None, Decimal(rng.randrange(10**7)).scaleb(-9), Decimal("0.25"))),
        failed=rng.random() < 0.1,
        usage_known=rng.random() > 0.05,
    )


def questions():
    """Every filter on every basis."""
    return [f"cost={basis}&{args}" for basis, args in product(BASES, FILTERS)]


def counted(told):
    """The numbers of an entry in JSON or in a file; what it leaves out is 0."""
    counters = {name: int(told.get(name) or 0) for name in COUNTERS}
    missing = sum(int(told.get(name) or 0) for name in MISSING)
    return counters | {"missing": missing, "cost": Decimal(told["cost"] or 0)}


def added(entries):
    """The same of several entries together."""
    every = [counted(one) for one in entries]
    return {name: sum(one[name] for one in every) for name in (*COUNTERS, "missing", "cost")}


def assert_parts_make(whole, told, names, question):
    """Each of these breakdowns of an answer adds up to the whole."""
    for name in names:
        assert added(told[f"by_{name}"]) == counted(whole), (name, question)


def assert_file_adds_up(rows, names, question):
    """Each breakdown in a file adds up to its total."""
    (whole,) = (row for row in rows if row["by"] == "total")
    for name in names:
        assert added(row for row in rows if row["by"] == name) == counted(whole), (name, question)


def test_every_breakdown_of_a_scope_adds_up_to_its_total(client, mixed):
    seen = 0
    for question in questions():
        told = client.get(f"/overview.json?{question}").get_json()
        everyone = client.get(f"/leaderboard.json?{question}").get_json()

        assert_parts_make(told["totals"], told, BY_PROJECT, question)
        assert_file_adds_up(
            file_rows(client.get(f"/overview.csv?{question}")), BY_PROJECT, question
        )
        # The people make the same total, but for those of whom only failed calls are known.
        people, whole = added(everyone["standings"]), counted(told["totals"])
        assert counted(everyone["totals"]) == whole
        assert {n: v for n, v in people.items() if n not in ("failed_calls", "unknown_calls")} == {
            n: v for n, v in whole.items() if n not in ("failed_calls", "unknown_calls")
        }, question
        seen += bool(whole["missing"]) + bool(whole["unknown_calls"]) + bool(whole["failed_calls"])
    assert seen > 40


def test_every_breakdown_of_a_person_adds_up_to_their_row(client, reader, anonymous, mixed):
    for number, question in enumerate(questions()):
        name = ("vera", "otto", "kim")[number % 3]
        path = f"/api/v1/users/{name}?{question}"
        told = anonymous.get(path, headers=reader).get_json()

        assert_parts_make(told["standing"], told, BY_PERSON, question)
        file = file_rows(client.get(f"/users.csv/{name}?{question}"))
        assert_file_adds_up(file, BY_PERSON, question)


def test_where_people_have_pseudonyms_the_sums_are_the_same(app, client, mixed):
    projects.set_identity(projects.find("lab"), "pseudonyms", 0, binds_all=False)
    accounts.create_user("max", NOW)
    accounts.set_role("max", "project_admin", ["lab"])
    other = browser_of(app, accounts.person("max"))

    for basis in BASES:
        named = client.get(f"/overview.json?project=lab&cost={basis}").get_json()
        told = other.get(f"/overview.json?cost={basis}").get_json()
        assert_parts_make(told["totals"], told, BY_PERSON, basis)
        assert counted(told["totals"]) == counted(named["totals"])
        assert {one["username"] for one in told["most_active"]}.isdisjoint(PEOPLE)


def test_what_too_few_used_is_part_of_every_sum(app, client, mixed, make_usage):
    make_usage("vera", project="lab", model="rare", source="api", provider="own", day=days_ago(2))
    projects.set_identity(projects.find("lab"), "hidden", 2, binds_all=True)

    for basis in BASES:
        told = client.get(f"/overview.json?project=lab&cost={basis}").get_json()
        assert "rare" not in str(told)
        assert_parts_make(told["totals"], told, ("source", "provider", "model", "test_type"), basis)


def printed(cell):
    """A cost as it is read and as it is exactly: None for unknown, and whether more is unknown."""
    exact = re.search(r'title="\$([\d.]+)">([^<]*)<', cell)
    more = 'class="tb-plus"' in cell
    return (unescape(exact[2]), Decimal(exact[1]), more) if exact else (None, Decimal(0), more)


def tables(page):
    """Per table of a page with costs the cells that tell them."""
    found = re.findall(r'<table[^>]*"tb-plain[^>]*labelledby="([\w-]+)">(.*?)</table>', page, re.S)
    return {
        name: [CELL.findall(row)[-1] for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.S)[1:]]
        for name, table in found
    }


def assert_printed_parts_make(whole, cells, question):
    """No two of these costs contradict each other, exactly or as they are rounded."""
    parts = [printed(cell) for cell in cells]
    shown, exact, more = printed(whole)

    assert sum(part for _, part, _ in parts) == exact, question
    assert (more or shown is None) >= any(m or s is None for s, _, m in parts), question
    # What has no cost at all, like a failed call, is known to cost nothing.
    assert shown or any(s is None for s, _, _ in parts), question
    rounded = [read(s) for s, _, _ in parts if s]
    assert [s for s, _, _ in parts if s] == [money(part) for s, part, _ in parts if s]
    assert all(one <= read(shown or "<") for one in rounded), question
    if shown:
        assert abs(sum(rounded) - read(shown)) <= Decimal("0.005") * (len(rounded) + 1), question


def read(shown):
    """The number that somebody reads; less than a cent is next to nothing."""
    return Decimal(shown[1:].replace(",", "")) if shown[0] == "$" else Decimal(0)


def test_what_is_printed_of_parts_and_whole_does_not_contradict(client, mixed):
    for question in questions():
        page = client.get(f"/overview?{question}").text
        whole = re.search(r"<dt>Approx. Cost</dt><dd>(.*?)</dd>", page, re.S)[1]
        shown = tables(page)
        assert len(shown) == (6 if "project" not in question else 5)
        for name, cells in shown.items():
            assert_printed_parts_make(whole, cells, (name, question))

        board = client.get(f"/leaderboard?{question}").text
        # The cost stands before the button of a row, and in that place of the foot.
        cells = [CELL.findall(row)[5] for row in ROW.findall(board)]
        assert_printed_parts_make(CELL.findall(FOOT.search(board)[1])[5], cells, question)

        response = client.get(f"/users/vera?{question}")
        person = response.text
        whole = re.search(r"<dt>Approx. Cost</dt><dd>(.*?)</dd>", person, re.S)[1]
        assert_printed_parts_make(whole, tables(person)["models-heading"], question)
        for donut in ("chart-source", "chart-tokens"):
            shares = [share.removesuffix(" %") for _, _, share in chart(response, donut)]
            assert not all(map(str.isdigit, shares)) or sum(map(int, shares)) == 100
