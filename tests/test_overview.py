"""GET /overview - the scope as a whole: how it moved, what it consists of, who came and went."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import product
from urllib.parse import unquote

import pytest
import time_machine
from conftest import HTMX, NOW, ON_ONE_DATABASE, TODAY, browser_of, days_ago, settings
from reading import (
    breakdown,
    chart,
    chart_words,
    day_links,
    element,
    facts,
    file_rows,
    text,
    totals,
)

from usage import accounts, merging, projects
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.overview import Rest, overview
from usage.scope import Scope

HOURS = (0, 4, 12, 19, 23)
BREAKDOWNS = ("project", "source", "provider", "model", "test_type")


def names(response, id):
    """The names in the list of newcomers or of those gone quiet."""
    found = re.search(rf'id="{id}".*?<p class="tb-names">(.*?)</p>', response.text, re.S)
    return text(found[1]).removesuffix(".") if found else None


def admin_of(app, slug, policy="named", least=0):
    """The browser of somebody who runs the project, in which that policy holds."""
    accounts.create_user("max", NOW)
    accounts.set_role("max", "project_admin", [slug])
    projects.set_identity(projects.find(slug), policy, least, binds_all=False)
    return browser_of(app, accounts.person("max"))


def assert_link_keeps_its_word(client, address, calls, tokens, cost):
    """The leaderboard there adds up to the numbers beside the link."""
    foot = totals(client.get(address))
    found = foot["calls"], foot["prompt_tokens"] + foot["completion_tokens"], foot["cost"]
    assert found == (calls, tokens, cost), address


@pytest.fixture
def everywhere(make_usage, make_project):
    """Usage of four in three projects and zones, with rates of their own in one."""
    make_project("checkout", "Asia/Kolkata")
    make_project("mobile", "America/New_York")
    projects.set_rates(projects.find("checkout"), "7", "70")
    called = product(enumerate(("vera", "otto", "mia", "kim")), ("checkout", "mobile", ""), HOURS)
    events = [
        Event(
            id=f"{user}-{project}-{hour}",
            user=user,
            time=datetime(2026, 11, 21 - number, hour, 30, tzinfo=UTC),
            project=project,
            source=("ui", "cli", "ide", "api", "")[(number + hour) % 5],
            provider=("openai", "")[number % 2],
            model=f"model-{hour}",
            prompt_tokens=1000 + 7 * hour + number,
            completion_tokens=100,
        )
        for (number, user), project, hour in called
    ]
    record(events, "UTC", NOW)
    make_usage("vera", project="checkout", failed=True)
    merging.merge("kim", "mia", NOW)


@pytest.mark.parametrize(
    ("now", "args"),
    [
        (NOW, ""),
        (NOW.replace(hour=2), "days=3"),
        (NOW.replace(hour=23), "days=3&sort=cost"),
        (NOW.replace(hour=23), "project=checkout&days=2&prompt_cost=0.000001"),
    ],
)
def test_every_number_with_a_link_is_that_leaderboards_total(client, everywhere, now, args):
    with time_machine.travel(now, tick=False):
        page = client.get(f"/overview?{args}")
        linked = [row for by in BREAKDOWNS for row in breakdown(page, f"by-{by}") if row[1]]
        for _, *row in linked:
            assert_link_keeps_its_word(client, *row)
        days = {label: (calls, a, b) for label, calls, a, b in chart(page, "chart-days")}
        for label, address in day_links(page).items():
            calls, prompt, completion = days[label]
            foot = client.get(address)
            if calls:
                found = totals(foot)
                assert (found["calls"], found["prompt_tokens"]) == (calls, prompt), label
                assert found["completion_tokens"] == completion
            else:
                assert "No usage in this scope." in foot.text
        head = totals(client.get(re.search(r'href="([^"]+)"', element(page, "all-people"))[1]))
        assert facts(page)["API Calls"].startswith(f"{head['calls']:,} ")

    assert len(linked) >= (2 if "checkout" in args else 8)


def test_totals_are_set_beside_the_equal_window_before(client, make_usage):
    make_usage("vera", calls=30, day=days_ago(1))
    make_usage("otto", calls=20, day=days_ago(7))
    make_usage("otto", calls=100, day=days_ago(14))

    page = client.get("/overview?days=7")

    assert facts(page) == {
        "People": "1 ±0",
        "API Calls": "30 +10 (+50 %)",
        "Prompt Tokens": "30,000 +10,000 (+50 %)",
        "Completion Tokens": "3,000 +1,000 (+50 %)",
        "Approx. Cost": "$0.14 +$0.04 (+50 %)",
        "Prompt From Cache": "0 % was 0 %",
    }
    assert "Compared with 9 Nov to 15 Nov 2026, the 7 days before. Today is not over yet." in text(
        page.text
    )


@pytest.mark.parametrize(("before", "shown"), [(0, "+30"), (19, "+11"), (20, "+10 (+50 %)")])
def test_a_small_base_gives_no_percentage(client, make_usage, before, shown):
    make_usage("vera", calls=30)
    make_usage("vera", calls=before, day=days_ago(40))

    page = client.get("/overview")

    assert facts(page)["API Calls"] == f"30 {shown}"
    assert ("fewer than 20 calls" in text(page.text)) is (before < 20)


def test_only_a_window_that_holds_today_is_not_over_yet(client, make_usage):
    make_usage("vera", day=days_ago(2))

    for args, said in (("days=7", True), ("from=2026-11-19&to=2026-11-21", False)):
        assert ("Today is not over yet" in client.get(f"/overview?{args}").text) is said


@pytest.mark.parametrize("first", ["0001-01-01", "1000-01-01"])
def test_the_calendar_may_begin_within_the_window(client, make_usage, first):
    make_usage("vera")

    page = client.get(f"/overview?from={first}&to=2026-11-22")

    assert facts(page)["API Calls"] == "1"
    assert "Nothing can be told of the days before." in text(page.text)


def test_newcomers_and_the_quiet_are_told_by_the_two_windows(client, make_usage):
    make_usage("steady", day=days_ago(1))
    make_usage("steady", day=days_ago(8))
    make_usage("new", calls=2, day=days_ago(6))
    make_usage("back", day=days_ago(0))
    make_usage("back", day=days_ago(20))
    make_usage("gone", day=days_ago(7))
    make_usage("long-gone", day=days_ago(14))
    make_usage("only-failed", day=days_ago(3), failed=True)

    page = client.get("/overview?days=7")

    assert names(page, "newcomers") == "new , back"
    assert names(page, "quiet") == "gone"
    address = re.search(r'href="(/users/gone[^"]*)"', page.text)[1].replace("&amp;", "&")
    assert facts(client.get(address))["API Calls"] == "1"


def test_most_active_are_the_first_five_of_the_leaderboard(client, make_usage):
    for number in range(7):
        make_usage(f"user-{number}", calls=10 - number)

    page = client.get("/overview?sort=cost-asc&q=user-6&page=3")

    found = breakdown(page, "active-heading")
    assert [row[0] for row in found] == [f"user-{number}" for number in range(5)]
    assert found[0][2:] == [10, 11_000, "0.045"]
    assert unquote(found[0][1]) == "/users/user-0?sort=cost-asc"


def test_a_long_breakdown_ends_with_the_rest_and_the_file_has_it_all(client, make_usage):
    for number in range(12):
        make_usage("vera", calls=12 - number, model=f"model-{number:02}")

    shown = breakdown(client.get("/overview"), "by-model")
    kept = [row for row in file_rows(client.get("/overview.csv")) if row["by"] == "model"]

    assert [row[0] for row in shown] == [*(f"model-{number:02}" for number in range(7)), "5 more"]
    assert sum(row[2] for row in shown) == 78
    assert [row["value"] for row in kept] == [f"model-{number:02}" for number in range(12)]


def test_days_without_data_are_no_zeros(client, make_usage):
    make_usage("vera", day=days_ago(3))
    make_usage("vera", day=days_ago(1), project="checkout")

    page = client.get("/overview?from=2026-11-17&to=2026-11-23")

    assert [day[1] for day in chart(page, "chart-days")] == [None, None, 1, 0, 1, 0, None]
    assert "Where lines are missing there is no data." in page.text
    assert list(day_links(page)) == [
        f"{d} Nov 2026" for d in ("Thu 19", "Fri 20", "Sat 21", "Sun 22")
    ]
    # A person has the board's days, and their own zeros.
    other = client.get("/users/vera?from=2026-11-19&to=2026-11-21")
    assert [day[1] for day in chart(other, "chart-days")] == [1, 0, 1]


@pytest.mark.parametrize(("night", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_is_a_day_when_the_clocks_change(client, make_project, night, hours):
    make_project("checkout", "Europe/Berlin")
    evening = datetime(night.year, night.month, night.day - 2, 22, tzinfo=UTC)
    about = {"project": "checkout", "prompt_tokens": 10, "completion_tokens": 1}
    times = [evening + timedelta(hours=hour) for hour in range(72)]
    record([Event(id=str(time), user="vera", time=time, **about) for time in times], "UTC", NOW)

    asked = {"project": "checkout", "from": str(night), "to": str(night)}
    told = client.get("/overview.json", query_string=asked).get_json()
    days = {"from": str(night - timedelta(3)), "to": str(night + timedelta(2))}
    page = client.get("/overview", query_string=asked | days)

    assert told["totals"]["calls"] == told["by_day"][0]["calls"] == hours
    assert told["before"]["totals"]["calls"] == 24
    assert len(chart(page, "chart-days")) == 6
    assert sum(day[1] or 0 for day in chart(page, "chart-days")) == 72
    assert "Europe/Berlin" in text(page.text)


def test_an_empty_board_shows_how_to_send_usage(client, make_usage):
    assert 'id="paste-curl"' in client.get("/overview").text

    make_usage("vera")

    assert 'id="paste-curl"' not in client.get("/overview").text


def test_an_empty_scope_says_so_and_leads_back(client, make_usage):
    make_usage("vera", day=days_ago(8))

    page = client.get("/overview?days=7")

    assert "No usage in this scope." in page.text
    assert 'href="/overview?from=2026-11-09&to=2026-11-15"' in element(page, "empty-next")
    for args, further in (
        ("days=7&source=ide", "/overview?source=ide&days=365"),
        ("from=0001-01-01&to=0001-01-01", "/overview"),
    ):
        page = client.get(f"/overview?{args}")
        assert "No usage in this scope." in page.text
        assert f'href="{further}"' in element(page, "empty-next")


@pytest.mark.parametrize("headers", [HTMX, HTMX | {"HX-Target": "main"}])
def test_a_filter_replaces_the_region_and_the_address(client, make_usage, headers):
    make_usage("vera", source="ide")

    response = client.get("/overview?source=ide&days=30", headers=headers)

    assert "<html" not in response.text
    assert response.headers["HX-Push-Url"] == "/overview?source=ide"
    assert element(response, "region")


# What an identity policy leaves of it


def test_with_too_few_people_there_is_nothing_but_that(app, make_usage):
    make_usage("vera", project="checkout", calls=7)
    client = admin_of(app, "checkout", "hidden", 2)

    page, told = client.get("/overview"), client.get("/overview.json").get_json()

    assert "Fewer than 2 people used AI here." in text(page.text)
    assert 'days=365"' in element(page, "empty-next")
    assert not {"vera", "7"} & set(text(page.text.split('id="region"')[1]).split())
    assert told["totals"]["calls"] == 0
    assert not any(told[f"by_{by}"] for by in (*BREAKDOWNS, "day"))
    assert not any(told[name] for name in ("most_active", "newcomers", "quiet"))


def test_what_too_few_used_is_told_without_its_name(app, make_usage):
    for user in ("vera", "otto"):
        make_usage(user, project="checkout", source="ide", model="usual", day=days_ago(1))
    make_usage("vera", project="checkout", source="cli", model="rare", calls=2, day=days_ago(2))
    make_usage("otto-2", project="checkout", source="ide", model="rare", failed=True)
    merging.merge("otto-2", "otto", NOW)
    client = admin_of(app, "checkout", "hidden", 2)

    page, told = client.get("/overview"), client.get("/overview.json").get_json()

    assert "rare" not in page.text
    assert "rare" not in str(told)
    assert [row[:3] for row in breakdown(page, "by-source")] == [
        ["IDE", "/leaderboard?source=ide", 2],
        ["1 of few people", None, 2],
    ]
    assert [(day["day"], day["calls"]) for day in told["by_day"]] == [("2026-11-21", 2)]
    assert chart(page, "chart-days")[-3:] == [
        ["Fri 20 Nov 2026", None, None, None],
        ["Sat 21 Nov 2026", 2, 2000, 200],
        ["Sun 22 Nov 2026", None, None, None],
    ]
    # The window before had too few: how far it was from there would tell.
    assert told["before"] is None


def test_pseudonyms_and_own_rows_hold_here_too(app, make_usage):
    make_usage("vera", project="checkout", calls=3, display_name="Vera Molnár")
    make_usage("otto", project="checkout", day=days_ago(40))
    client = admin_of(app, "checkout", "pseudonyms")
    page = client.get("/overview")

    assert re.fullmatch(r"Contributor \d+", names(page, "newcomers"))
    assert re.fullmatch(r"Contributor \d+", names(page, "quiet"))
    assert not re.search("vera|otto", page.text, re.I)

    projects.set_identity(projects.find("checkout"), "own", 0, binds_all=False)
    page, told = client.get("/overview"), client.get("/overview.json").get_json()

    assert names(page, "newcomers") is None
    assert not breakdown(page, "active-heading")
    assert told["most_active"] is told["newcomers"] is told["quiet"] is None
    assert told["totals"]["calls"] == 3


def test_a_project_that_binds_super_admins_is_kept_from_the_list_of_projects(client, make_usage):
    for user in ("vera", "otto", "mia"):
        make_usage(user, project="mobile")
    make_usage("vera", project="checkout", calls=5)
    projects.set_identity(projects.find("checkout"), "hidden", 2, binds_all=True)

    shown = breakdown(client.get("/overview"), "by-project")

    assert [row[0] for row in shown] == ["mobile", "1 of few people"]


# Files


def test_files_say_what_the_page_says(client, everywhere):
    page = client.get("/overview?days=4&source=ide")
    told = client.get("/overview.json?days=4&source=ide").get_json()
    kept = file_rows(client.get("/overview.csv?days=4&source=ide"))

    assert facts(page)["API Calls"].startswith(f"{told['totals']['calls']} ")
    for by in BREAKDOWNS:
        shown = [row[2:] for row in breakdown(page, f"by-{by}")]
        parts = told[f"by_{by}"]
        assert (
            shown
            == [
                [one["calls"], one["prompt_tokens"] + one["completion_tokens"], one["cost"]]
                for one in parts
            ]
            or len(parts) > 8
        )
        rows = [row for row in kept if row["by"] == by]
        assert [(row["value"], row["calls"], row["cost"]) for row in rows] == [
            (one[by] or "unassigned", str(one["calls"]), one["cost"]) for one in parts
        ]
    before = next(row for row in kept if row["by"] == "total before")
    assert int(before["calls"]) == told["before"]["totals"]["calls"]
    assert {row["to"] for row in kept} == {str(TODAY)}
    assert [row["value"] for row in kept if row["by"] == "most active"] == [
        one["username"] for one in told["most_active"]
    ]


@ON_ONE_DATABASE
def test_the_chart_says_in_words_what_it_shows(client, make_usage):
    make_usage("vera", calls=3)

    title, description = chart_words(client.get("/overview?days=2"), "chart-days")

    assert title == "Activity by Day"
    assert description.startswith("21 Nov 2026 to 22 Nov 2026: 3 calls")


@ON_ONE_DATABASE
def test_a_project_that_comes_up_meanwhile_has_its_name_in_the_next_answer(ada, make_usage):
    make_usage("vera", project="checkout")
    before = Scope.from_args({}, accounts.horizon(ada, settings().rates, "UTC", NOW))
    make_usage("otto", project="mobile", calls=2)

    found = overview(before)

    assert [(part.key, part.counts.calls) for part in found.by_project[1:]] == [(Rest(1), 2)]
    assert sum(part.counts.calls for part in found.by_project) == found.totals.calls == 3
