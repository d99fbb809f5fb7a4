"""The filters of the leaderboard: search, projects, sources and dates."""

import pytest
from conftest import days_ago
from reading import element, names, ranks, totals


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("vera", ["Vera Kowalska"]),
        ("KOWAL", ["Vera Kowalska"]),
        ("v.k@corp", ["Vera Kowalska"]),
        ("STRASSE", ["Max Straße"]),
        (" max ", ["Max Straße"]),
        ("%", []),
        ("_", []),
        ("m", ["Max Straße", "Vera Kowalska"]),
    ],
)
def test_search_finds_names_usernames_and_addresses_in_any_case(client, make_usage, q, found):
    make_usage("vera", display_name="Vera Kowalska", email="v.k@corp.com")
    make_usage("max", calls=2, display_name="Max Straße")

    assert names(client.get("/leaderboard", query_string={"q": q})) == found


@pytest.mark.parametrize("name", ["علی‌رضا", "👩‍💻 Vera"])
def test_search_finds_names_that_need_a_joiner(client, make_usage, name):
    make_usage("vera", display_name=name)

    assert names(client.get("/leaderboard", query_string={"q": name})) == [name]


def test_a_rank_stays_the_rank_in_the_scope_when_searching(client, make_usage):
    make_usage("max", calls=3)
    make_usage("vera", calls=2)
    make_usage("ines")

    response = client.get("/leaderboard?q=in")

    assert ranks(response) == [(3, "ines")]
    assert totals(response)["calls"] == 6


@pytest.mark.parametrize(
    ("days", "seen"), [("1", False), ("6", False), ("7", True), ("30", True), ("3660", True)]
)
def test_the_window_decides_which_days_count(client, make_usage, days, seen):
    make_usage("vera", day=days_ago(6))

    assert ("vera" in names(client.get(f"/leaderboard?days={days}"))) is seen


@pytest.mark.parametrize(
    ("first", "last", "seen"),
    [(5, 5, True), (6, 5, True), (5, 4, True), (6, 6, False), (4, 0, False)],
)
def test_a_range_counts_its_first_and_its_last_day(client, make_usage, first, last, seen):
    make_usage("vera", day=days_ago(5))

    address = f"/leaderboard?from={days_ago(first)}&to={days_ago(last)}"

    assert ("vera" in names(client.get(address))) is seen


def test_a_project_is_counted_alone(client, make_usage):
    make_usage("vera", project="checkout")
    make_usage("max", project="mobile", calls=2)

    assert names(client.get("/leaderboard?project=checkout")) == ["vera"]
    assert names(client.get("/leaderboard?project=all")) == ["max", "vera"]


@pytest.mark.parametrize("source", ["ui", "cli", "ide", "api", "unassigned"])
def test_a_source_is_counted_alone(client, make_usage, source):
    for one in ("ui", "cli", "ide", "api", ""):
        make_usage(f"by-{one or 'unassigned'}", source=one)

    assert names(client.get(f"/leaderboard?source={source}")) == [f"by-{source}"]


def test_usage_that_names_no_project_or_source_counts_in_all_of_them(client, make_usage):
    make_usage("vera", project="checkout", source="ui")
    make_usage("vera", project="", source="")

    parts = [
        totals(client.get(f"/leaderboard?{question}"))["calls"]
        for question in ("project=checkout", "project=unassigned", "source=ui", "source=unassigned")
    ]

    assert totals(client.get("/leaderboard"))["calls"] == 2
    assert parts == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("source", "offered"), [("ui", ()), ("api", ("api",)), ("", ("unassigned",))]
)
def test_programs_and_unassigned_are_offered_where_the_scope_holds_them(
    client, make_usage, source, offered
):
    make_usage("vera", source=source, calls=3)

    page = client.get("/leaderboard")

    always = ("all", "ui", "cli", "ide")
    choices = [one for one in (*always, "api", "unassigned") if element(page, f"source-{one}")]
    assert choices == [*always, *offered]


def test_unassigned_is_offered_as_a_project_where_there_is_such_usage(client, make_usage):
    make_usage("vera", project="checkout")
    assert not element(client.get("/leaderboard"), "project-unassigned")

    make_usage("vera")
    assert element(client.get("/leaderboard"), "project-unassigned")
