"""GET /leaderboard - the page and its table fragment."""

import re

import pytest
from conftest import HTMX, days_ago



def names(response):
    return re.findall(r'<span class="tb-name">(.*?)</span>', response.text)


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


def test_history_restore_returns_the_whole_page(client):
    response = client.get("/leaderboard", headers=HTMX | {"HX-History-Restore-Request": "true"})

    assert "<html" in response.text


@pytest.mark.parametrize(
    ("days", "seen"), [("1", False), ("7", True), ("30", True), ("3660", True)]
)
def test_the_window_decides_which_days_count(client, make_usage, days, seen):
    make_usage("vera", day=days_ago(6))

    assert ("vera" in names(client.get(f"/leaderboard?days={days}"))) is seen
