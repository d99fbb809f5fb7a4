"""GET /leaderboard - who is on the table, in which order, and what it adds up to."""

import pytest
from conftest import HTMX, native
from reading import element, names, ranks, rows, text, totals, words_of

DEFAULT = {"calls": 1, "prompt_tokens": 1000, "completion_tokens": 100}


@pytest.fixture
def two_each(make_usage):
    """Four people: one ahead, two equals, one behind."""
    make_usage("max", calls=3)
    make_usage("vera", calls=2)
    make_usage("otto", calls=2)
    make_usage("ines", calls=1)


def test_the_front_door_leads_to_the_leaderboard(client):
    assert client.get("/").location == "/leaderboard"


def test_the_most_active_person_comes_first(client, make_usage):
    make_usage("vera", calls=2)
    make_usage("max", calls=3)

    assert names(client.get("/leaderboard")) == ["max", "vera"]


def test_a_filter_returns_the_region_alone(client, make_usage):
    make_usage("vera")

    response = client.get("/leaderboard?source=cli", headers=HTMX)

    assert response.text.lstrip().startswith("<section")
    assert "<html" not in response.text


def test_equals_share_a_rank_and_the_next_one_counts_on(client, two_each):
    response = client.get("/leaderboard")

    assert ranks(response) == [(1, "max"), (2, "otto"), (2, "vera"), (4, "ines")]


def test_the_rank_header_says_what_it_counts(client, two_each):
    response = client.get("/leaderboard")

    assert 'aria-describedby="rank-hint"' in element(response, "sort-activity")
    assert words_of(response, "rank-hint").startswith("By overall activity: API calls, then total")


def test_equal_calls_are_decided_by_total_tokens_then_by_cost_then_by_name(client, make_usage):
    make_usage("all-prompt", prompt_tokens=1100, completion_tokens=0)
    make_usage("more-tokens", prompt_tokens=1101, completion_tokens=0)
    make_usage("all-completion", prompt_tokens=0, completion_tokens=1100)
    make_usage("b-twin")
    make_usage("a-twin")

    assert ranks(client.get("/leaderboard")) == [
        (1, "more-tokens"),
        (2, "all-completion"),
        (3, "a-twin"),
        (3, "b-twin"),
        (5, "all-prompt"),
    ]


def test_rates_of_nothing_make_equals_of_people_who_differ_in_cost_only(client, make_usage):
    make_usage("vera", prompt_tokens=1100, completion_tokens=0)
    make_usage("max", prompt_tokens=0, completion_tokens=1100)

    response = client.get("/leaderboard?prompt_cost=0&completion_cost=0")

    assert ranks(response) == [(1, "max"), (1, "vera")]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("activity", ["a 1", "b 2", "c 3"]),
        ("calls", ["a 1", "b 2", "c 3"]),
        ("prompt_tokens", ["b 1", "c 2", "a 3"]),
        ("completion_tokens", ["c 1", "a 2", "b 3"]),
        ("cost", ["c 1", "b 2", "a 3"]),
        ("activity-asc", ["c 1", "b 2", "a 3"]),
        ("calls-asc", ["c 1", "b 2", "a 3"]),
        ("prompt_tokens-asc", ["a 1", "c 2", "b 3"]),
        ("completion_tokens-asc", ["b 1", "a 2", "c 3"]),
        ("cost-asc", ["a 1", "b 2", "c 3"]),
    ],
)
def test_sorting_by_a_column_orders_the_table_and_its_ranks(client, make_usage, sort, order):
    make_usage("a", calls=3, prompt_tokens=10, completion_tokens=50)
    make_usage("b", calls=2, prompt_tokens=900, completion_tokens=10)
    make_usage("c", calls=1, prompt_tokens=600, completion_tokens=900)

    response = client.get(f"/leaderboard?sort={sort}")

    assert [f"{name} {rank}" for rank, name in ranks(response)] == order
    direction = "ascending" if sort.endswith("-asc") else "descending"
    assert response.text.count(f'aria-sort="{direction}"') == response.text.count("aria-sort") == 1


def test_a_second_click_on_a_column_turns_it_around(client, two_each):
    once = client.get("/leaderboard?sort=cost")
    twice = client.get("/leaderboard?sort=cost-asc")

    assert 'href="/leaderboard?sort=cost"' in element(client.get("/leaderboard"), "sort-cost")
    assert 'href="/leaderboard?sort=cost-asc"' in element(once, "sort-cost")
    assert 'href="/leaderboard?sort=cost"' in element(twice, "sort-cost")


def test_a_row_shows_what_a_person_used_and_what_it_costs(client, make_usage):
    make_usage("vera", calls=2, prompt_tokens=15_000, completion_tokens=750, display_name="Vera K.")

    assert rows(client.get("/leaderboard")) == [
        {
            "rank": 1,
            "name": "Vera K.",
            "username": "vera",
            "calls": 2,
            "prompt_tokens": 30_000,
            "completion_tokens": 1_500,
            "cost": "0.1125",
        }
    ]


def test_large_numbers_are_short_on_sight_and_exact_on_demand(client, make_usage):
    make_usage("vera", prompt_tokens=12_345_678, completion_tokens=9_999_999)

    response = client.get("/leaderboard")

    assert '<span title="12,345,678" aria-hidden="true">12.3M</span>' in response.text
    assert rows(response)[0]["prompt_tokens"] == 12_345_678
    assert "9,999,999" in text(response.text)


def test_a_cost_that_is_not_nothing_is_not_written_as_nothing(client, make_usage):
    make_usage("vera", prompt_tokens=1, completion_tokens=0)
    make_usage("max", prompt_tokens=0, completion_tokens=0)

    response = client.get("/leaderboard")

    assert [row["cost"] for row in rows(response)] == ["0.000003", "0.00"]
    assert "&lt; $0.01" in response.text


def test_rates_re_price_the_table_and_change_nothing_else(client, make_usage):
    make_usage("vera")

    before = rows(client.get("/leaderboard"))[0]
    after = rows(client.get("/leaderboard?prompt_cost=0.000001&completion_cost=1000000"))[0]

    assert (before["cost"], after["cost"]) == ("0.0045", "100.000000001")
    assert before | {"cost": ""} == after | {"cost": ""}


def test_the_totals_are_those_of_the_scope_and_not_of_the_page(client, make_usage, make_crowd):
    make_crowd(30)
    make_usage("vera", calls=2, prompt_tokens=500)

    for page in ("1", "2"):
        foot = totals(client.get(f"/leaderboard?page={page}"))
        assert (foot["calls"], foot["prompt_tokens"]) == (32, 31_000)
        assert foot["username"] == "31 people"


@pytest.mark.parametrize(
    ("args", "shown", "words"),
    [
        ("", 25, "1 to 25 of 60"),
        ("page=2", 25, "26 to 50 of 60"),
        ("page=3", 10, "51 to 60 of 60"),
        ("per_page=50", 50, "1 to 50 of 60"),
        ("per_page=50&page=2", 10, "51 to 60 of 60"),
        ("per_page=100", 60, "1 to 60 of 60"),
        ("q=user-01", 10, "1 to 10 of 10 found"),
    ],
)
def test_the_pager_tells_where_it_is(client, make_crowd, args, shown, words):
    make_crowd(60)

    response = client.get(f"/leaderboard?{args}")

    assert len(rows(response)) == shown
    assert words in text(response.text)


def test_the_pages_hold_everyone_once(client, make_usage, make_crowd):
    people = make_crowd(60)
    make_usage("user-030", calls=3)

    pages = [names(client.get(f"/leaderboard?page={page}")) for page in (1, 2, 3)]

    assert pages[0][0] == "user-030"
    assert sorted(pages[0] + pages[1] + pages[2]) == people


def test_a_page_past_the_last_one_leads_back_to_it(client, two_each):
    response = client.get("/leaderboard?page=9")

    assert "Page 9 is past the last one" in text(response.text)
    assert 'href="/leaderboard"' in element(response, "empty-next")


def test_failed_calls_are_told_but_never_ranked(client, make_usage):
    make_usage("vera")
    make_usage("vera", calls=4, failed=True, prompt_tokens=9, completion_tokens=9)
    make_usage("otto", calls=5, failed=True)

    response = client.get("/leaderboard")

    assert names(response) == ["vera"]
    assert DEFAULT.items() <= rows(response)[0].items()
    assert DEFAULT.items() <= totals(response).items()
    assert totals(response)["username"] == "1 person, 9 failed calls not counted"


def test_calls_whose_usage_nobody_reported_are_told_and_not_taken_for_nothing(client, make_usage):
    make_usage("vera")
    make_usage("vera", calls=2, usage_known=False, prompt_tokens=0, completion_tokens=0)

    foot = totals(client.get("/leaderboard"))

    assert DEFAULT.items() <= foot.items()
    assert foot["username"] == "1 person, 2 calls with unknown usage"


def test_an_event_is_on_the_page_the_moment_it_is_taken(client, make_key):
    response = client.post("/api/v1/events", json=native(1), headers=make_key("ingest"))

    assert response.status_code == 200
    assert names(client.get("/leaderboard")) == ["vera"]
