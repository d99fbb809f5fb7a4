"""GET /users and /users/<username> - the list of people, and one person in detail."""

import re
from html import unescape

import pytest
from conftest import HTMX, NOW, days_ago
from reading import chart, chart_words, element, facts, names, rows, text, totals

from usage import accounts

CHARTS = {
    "chart-source": "Trigger Source Distribution",
    "chart-provider": "Token Usage by AI Providers",
    "chart-tokens": "Total Tokens Distribution",
    "chart-test-type": "Token Usage by Test Type",
    "chart-days": "Activity by Day",
}


@pytest.fixture
def vera_at_work(make_usage):
    """Vera on two days, by several ways, behind max."""
    make_usage("max", calls=9)
    fields = {"display_name": "Vera Kowalska", "project": "checkout"}
    make_usage(
        *("vera", days_ago(2), 3),
        **fields | {"source": "ide", "provider": "openai", "model": "gpt-5", "test_type": "Unit"},
    )
    make_usage(
        *("vera", days_ago(0), 2),
        **fields | {"source": "cli", "provider": "anthropic", "model": "haiku", "test_type": "UI"},
    )
    make_usage("vera", days_ago(0), **fields)
    make_usage("vera", days_ago(1), 4, **fields | {"failed": True, "source": "cli"})


def test_the_list_of_people_is_the_ranked_table(client, vera_at_work):
    people, board = client.get("/users"), client.get("/leaderboard")

    assert "<h1" in people.text
    assert "User Analysis" in text(people.text)
    assert rows(people) == rows(board)
    assert totals(people) == totals(board)


def test_the_list_of_people_can_be_searched_and_keeps_its_address(client, vera_at_work):
    response = client.get("/users?q=KOWAL", headers=HTMX)

    assert names(response) == ["Vera Kowalska"]
    assert response.headers["HX-Push-Url"] == "/users?q=KOWAL"


def test_the_summary_bar_is_the_persons_row(client, vera_at_work):
    response = client.get("/users/vera")

    assert facts(response) == {
        "Rank": "#2 of 2",
        "Source": "IDE",
        "API Calls": "6",
        "Prompt Tokens": "6,000",
        "Completion Tokens": "600",
        "Approx. Cost": "$0.03",
    }
    assert 'title="$0.027"' in response.text


def test_each_chart_has_words_and_a_data_table(client, vera_at_work):
    response = client.get("/users/vera")

    for id, title in CHARTS.items():
        assert f'aria-labelledby="{id}-title {id}-desc"' in response.text
        heading, words = chart_words(response, id)
        assert heading == title
        assert len(words) > 20
        assert chart(response, id)


def test_the_data_tables_hold_the_numbers_and_add_up_to_the_summary(client, vera_at_work):
    response = client.get("/users/vera?days=3")

    sources = {source: calls for source, calls, _share in chart(response, "chart-source")}
    tokens = {kind: count for kind, count, _share in chart(response, "chart-tokens")}
    assert sources == {"IDE": 3, "CLI": 2, "Unassigned": 1}
    assert tokens == {"Prompt": 6000, "Completion": 600}
    assert chart(response, "chart-provider") == [
        ["openai", 3000, 300],
        ["anthropic", 2000, 200],
        ["Unassigned", 1000, 100],
    ]
    assert chart(response, "chart-test-type") == [
        ["Unit", 3000, 300],
        ["UI", 2000, 200],
        ["Unassigned", 1000, 100],
    ]
    days = chart(response, "chart-days")
    assert [day[1:] for day in days] == [[3, 3000, 300], [0, 0, 0], [3, 3000, 300]]


def test_models_failures_and_moments_are_told(client, vera_at_work):
    response = client.get("/users/vera")
    told = facts(response, "tb-list")

    models = re.search(
        r'<table[^>]* aria-labelledby="models-heading">(.*?)</table>', response.text, re.S
    )
    assert "gpt-5 3 3,000 300" in text(models[1])
    assert "haiku 2 2,000 200" in text(models[1])
    assert "Unassigned 1 1,000 100" in text(models[1])
    assert told["Failed calls"] == "4"
    assert told["First seen"] == "20 Nov 2026, 12:00"
    assert told["Last seen"] == "22 Nov 2026, 12:00"


def test_moments_are_told_in_the_zone_of_the_project(client, make_project, make_usage):
    make_project("Checkout", "Asia/Kolkata")
    make_usage("vera", project="checkout")

    told = facts(client.get("/users/vera?project=checkout"), "tb-list")

    assert told["First seen"] == "22 Nov 2026, 17:30"


@pytest.mark.parametrize(
    ("args", "calls", "rank"),
    [
        ("", "6", "#2 of 2"),
        ("days=1", "3", "#2 of 2"),
        ("source=ide", "3", "#1 of 1"),
        ("source=unassigned", "1", "#2 of 2"),
        ("project=checkout", "6", "#1 of 1"),
        (f"from={days_ago(2)}&to={days_ago(1)}", "3", "#1 of 1"),
    ],
)
def test_the_filters_of_the_table_apply(client, vera_at_work, args, calls, rank):
    summary = facts(client.get(f"/users/vera?{args}"))

    assert (summary["API Calls"], summary["Rank"]) == (calls, rank)


def test_rates_re_price_a_person_too(client, vera_at_work):
    summary = facts(client.get("/users/vera?prompt_cost=1000&completion_cost=0"))

    assert summary["Approx. Cost"] == "$6.00"


@pytest.mark.parametrize(
    "args", ["source=ui", "project=unassigned", "from=2020-01-01&to=2020-01-02"]
)
def test_a_person_without_usage_in_the_scope_is_told_so(client, vera_at_work, args):
    response = client.get(f"/users/vera?{args}")

    assert response.status_code == 200
    assert "No usage in this scope." in text(response.text)
    assert facts(response)["Rank"] == "– not ranked"
    assert '<svg class="tb-chart-plot' not in response.text


def test_only_failed_calls_make_nobody_ranked_and_break_no_chart(client, make_usage):
    make_usage("vera")
    make_usage("otto", calls=2, failed=True)

    response = client.get("/users/otto")

    assert facts(response)["Rank"] == "– not ranked"
    assert facts(response, "tb-list")["Failed calls"] == "2"


def test_unknown_usage_is_told_as_unknown(client, make_usage):
    make_usage("vera")
    make_usage("vera", usage_known=False, prompt_tokens=0, completion_tokens=0)

    assert facts(client.get("/users/vera"), "tb-list")["Calls with unknown usage"] == "1"


def test_somebody_who_never_used_anything_has_a_page_too(client, make_usage):
    make_usage("vera")
    accounts.create_user("ines", NOW, display_name="Ines")

    response = client.get("/users/ines")

    assert response.status_code == 200
    assert "Ines did not use AI here" in text(response.text)
    assert 'href="/users/ines?days=365"' in element(response, "empty-next")


def test_a_window_of_centuries_shows_the_days_that_were(client, make_usage):
    make_usage("vera", day=days_ago(3))

    response = client.get("/users/vera?from=0001-01-01&to=2026-11-23")

    assert response.status_code == 200
    assert chart(response, "chart-days")[0][1] == 1


def test_details_keep_the_scope_and_the_way_back(client, make_usage):
    make_usage("vera", source="ide")

    board = client.get("/leaderboard?source=ide&days=7&sort=cost&q=v&per_page=50")
    link = unescape(re.search(r'href="(/users/[^"]+)"', board.text)[1])

    assert link == "/users/vera?source=ide&days=7&sort=cost&per_page=50"
