"""Columns that a viewer adds: movement, trend and the like, on the page and in files."""

import re

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, assert_query_count, browser_of, days_ago
from reading import CELL, ROW, element, file_rows, names, text

from usage import accounts, merging, projects
from usage.charts import spark
from usage.scope import MORE_COLUMNS

ALL = ",".join(MORE_COLUMNS)
HEADS = ("Movement", "Trend", "Cached", "Failed", "Active Days", "Cost per Call", "Last Seen")
SUMMED = ("Cached", "Failed", "Cost per Call")


def added(response, *columns):
    """Per name in the table the words of its added cells."""
    found = {}
    for name, row in zip(names(response), ROW.findall(response.text), strict=True):
        words = [re.sub(r"\s+", " ", text(cell)) for cell in CELL.findall(row)[6:]]
        found[name] = words[: len(columns)] if columns else words
    return found


def told(client, args, path="/leaderboard.json"):
    """The rows of an answer by username."""
    standings = client.get(f"{path}?{args}").get_json()["standings"]
    return {one["username"]: one for one in standings}


@pytest.fixture
def moving(make_usage):
    """Otto overtook vera, mia stays third with fewer calls, kim is new and max is gone."""
    for user, before, now in (
        *(("vera", 9, 7), ("otto", 8, 30), ("mia", 3, 2), ("kim", 0, 1), ("max", 2, 0)),
    ):
        make_usage(user, calls=before, day=days_ago(35))
        make_usage(user, calls=now, day=days_ago(5), cache_read_tokens=250)
    make_usage("vera", day=days_ago(2), prompt_tokens=0, completion_tokens=0, failed=True)


def test_movement_tells_ranks_and_calls_against_the_window_before(client, moving):
    assert {
        name: words[0] for name, words in added(client.get("/leaderboard?columns=movement")).items()
    } == {
        "otto": "▲ 1 rank, calls +22",
        "vera": "▼ 1 rank, calls −2",
        "mia": "= same rank, calls −1",
        "kim": "new",
    }
    rows = told(client, "columns=movement")
    assert (rows["otto"]["rank_before"], rows["otto"]["calls_before"]) == (2, 8)
    assert (rows["kim"]["rank_before"], rows["kim"]["calls_before"]) == (None, 0)


def test_movement_follows_the_order_and_the_filters(client, make_usage):
    make_usage("vera", day=days_ago(3), prompt_tokens=9000)
    make_usage("otto", day=days_ago(3), calls=2, prompt_tokens=10)
    make_usage("vera", day=days_ago(9), prompt_tokens=10, source="ide")
    make_usage("otto", day=days_ago(9), calls=2, prompt_tokens=9000, source="ide")

    by_calls = added(client.get("/leaderboard?days=7&columns=movement"))
    by_tokens = added(client.get("/leaderboard?days=7&columns=movement&sort=prompt_tokens"))
    other_source = added(client.get("/leaderboard?days=7&columns=movement&source=unassigned"))

    assert by_calls["otto"][0].startswith("= same rank")
    assert by_tokens["vera"][0].startswith("▲ 1 rank")
    assert other_source["otto"][0] == "new"


@pytest.mark.parametrize("args", ["from=0001-01-01&to=2026-11-22", "days=3660"])
def test_there_may_be_no_days_before(client, make_usage, args):
    make_usage("vera")

    page = client.get(f"/leaderboard?{args}&columns={ALL}")

    assert added(page)["vera"][0] == ("new" if "days" in args else "– unknown")


def test_every_column_says_what_it_is_called(client, moving):
    page = client.get(f"/leaderboard?columns={ALL}")

    assert added(page)["vera"][2:7] == ["25 %", "1", "1", "$0.0045", "20 Nov, 12:00"]
    for head in HEADS:
        # Of the totals only some can be told.
        assert page.text.count(f'data-label="{head}"') == 4 + (head in SUMMED)
        assert re.search(rf'role="columnheader" class="tb-num tb-extra">{head}</th>', page.text)
    row = told(client, f"columns={ALL}")["vera"]
    assert (row["cached_share"], row["active_days"], row["cost_per_call"]) == (0.25, 1, "0.0045")
    assert row["last_seen"] == "2026-11-20T12:00:00Z"
    assert (sum(row["calls_by_day"]), len(row["calls_by_day"])) == (7, 30)


def test_the_days_of_a_person_are_those_of_all_their_names(client, make_usage):
    for number, user in enumerate(("vera", "vera-2")):
        make_usage(user, day=days_ago(1), source="ide")
        make_usage(user, day=days_ago(3 + number), project="checkout", source="ide")
    make_usage("vera", day=days_ago(6), source="cli")
    make_usage("vera", day=days_ago(7), failed=True, source="ide")
    merging.merge("vera-2", "vera", NOW)

    row = told(client, "columns=active_days,trend&source=ide&days=10")["vera"]

    assert row["active_days"] == 3
    assert row["calls_by_day"] == [0, 0, 0, 0, 0, 1, 1, 0, 2, 0]


def test_columns_stay_in_the_address_and_come_in_one_order(client, moving):
    page = client.get("/leaderboard?columns=failed,Cached,,cached", headers=HTMX)

    assert page.headers["HX-Push-Url"] == "/leaderboard?columns=cached,failed"
    assert "columns=cached,failed" in element(page, "sort-cost")
    for column in MORE_COLUMNS:
        box = element(page, f"column-{column}")
        assert ("checked" in box) is (column in ("cached", "failed"))
        # The filters send it along: a filter that changes leaves the columns as they are.
        assert 'name="columns"' in box
        assert 'form="filters"' in box


def test_a_form_names_each_column_by_itself(client, anonymous, reader, moving):
    asked = "columns=trend&columns=cached&columns=last_seen"
    page = client.get(f"/leaderboard?{asked}", headers=HTMX)
    (row, *_) = anonymous.get(f"/api/v1/leaderboard?{asked}", headers=reader).get_json()[
        "standings"
    ]

    assert page.headers["HX-Push-Url"] == "/leaderboard?columns=trend,cached,last_seen"
    assert {"calls_by_day", "cached_share", "last_seen"} < set(row)


def test_columns_are_handed_on_where_none_can_be_chosen(client, moving):
    for path in ("/overview", "/users/vera"):
        page = client.get(path, query_string={"columns": "cached"})
        assert '<input type="hidden" name="columns" value="cached" form="filters">' in page.text


def test_columns_can_be_chosen_though_nobody_is_found(client, moving):
    page = client.get("/leaderboard?columns=cached&q=nobody")

    assert "checked" in element(page, "column-cached")
    assert page.text.count('name="columns" value="cached" form="filters"') == 1


@ON_ONE_DATABASE
@pytest.mark.parametrize("columns", ["ranks", "cached;failed", "\x00", "movement,1", "cost"])
@pytest.mark.parametrize("path", ["/leaderboard", "/overview", "/leaderboard.csv"])
def test_an_unknown_column_is_refused_by_name(client, moving, columns, path):
    response = client.get(path, query_string={"columns": columns})

    assert response.status_code == 422
    assert "<strong>columns</strong> must be some of movement, trend" in response.text


def test_the_default_table_asks_and_shows_nothing_of_it(client, moving):
    client.get("/leaderboard")

    with assert_query_count(1):
        page = client.get("/leaderboard")

    assert "tb-extra" not in page.text


@pytest.mark.parametrize("columns", ["cached,failed,last_seen", ALL])
def test_columns_asked_for_again_ask_the_database_nothing_more(client, moving, columns):
    client.get(f"/leaderboard?columns={columns}")

    with assert_query_count(1):
        client.get(f"/leaderboard?columns={columns}")


def test_days_kept_for_a_page_know_of_a_new_call_at_once(client, moving, make_usage):
    def active_days():
        rows = file_rows(client.get("/leaderboard.csv?columns=active_days"))
        return {row["username"]: int(row["active_days"]) for row in rows}

    before = active_days()
    name = next(iter(before))
    make_usage(name, day=days_ago(11))

    assert active_days() == before | {name: before[name] + 1}


def test_files_hold_the_chosen_columns(client, moving):
    rows = told(client, f"columns={ALL}")
    filed = {
        row["username"]: row for row in file_rows(client.get(f"/leaderboard.csv?columns={ALL}"))
    }
    plain = file_rows(client.get("/leaderboard.csv"))[0]

    assert list(filed) == list(rows)
    for name, row in rows.items():
        days = " ".join(map(str, row["calls_by_day"]))
        assert filed[name]["calls_by_day"] == days
        for column in ("rank_before", "calls_before", "cached_share", "active_days"):
            assert filed[name][column] == ("" if row[column] is None else str(row[column]))
        for column in ("cost_per_call", "last_seen"):
            assert filed[name][column] == row[column]
    assert not {"rank_before", "calls_by_day", "last_seen"} & plain.keys()


def test_a_known_table_is_sent_again_when_only_its_columns_changed(client, moving, make_usage):
    tags = []
    for _ in range(2):
        page = client.get("/leaderboard?columns=movement")
        tags.append(page.headers["ETag"])
        known = client.get("/leaderboard?columns=movement", headers={"If-None-Match": tags[-1]})
        assert known.status_code == 304
        make_usage("otto", calls=5, day=days_ago(35))

    assert tags[0] != tags[1]


def test_where_too_few_took_part_before_nothing_is_told_of_it(app, make_usage):
    for user in ("vera", "otto"):
        make_usage(user, project="checkout")
    make_usage("vera", project="checkout", day=days_ago(40))
    accounts.create_user("ann", NOW)
    accounts.set_role("ann", "project_admin", ["checkout"])
    projects.set_identity(projects.find("checkout"), "hidden", 2, binds_all=False)
    client = browser_of(app, accounts.person("ann"))

    assert added(client.get("/leaderboard?columns=movement"))["vera"][0] == "– unknown"
    assert told(client, "columns=movement")["vera"]["calls_before"] is None


@pytest.mark.parametrize(
    ("values", "tops"),
    [
        ((), ""),
        ((0, 0), ""),
        ((1,), "0"),
        ((0, 5, 0, 10, 1), "73706"),
        ((1, 1000), "60"),
        (range(1, 31), "666554433221100"),
        (range(1, 3661), "666554433221100"),
    ],
)
def test_a_trend_shows_what_is_not_zero_in_fifteen_bars_at_most(values, tops):
    path = spark(values)

    assert "".join(re.findall(r"V(\d)h", path)) == tops
    width = sum(float(step) for step in re.findall(r"h([\d.]+)", path))
    assert width == pytest.approx(15 if tops else 0)
