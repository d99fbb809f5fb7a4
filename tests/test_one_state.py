"""Numbers that several questions find are of one state of the board, whatever comes in between."""

import csv
import re
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from itertools import count

import pytest
from conftest import NOW
from peewee import OperationalError
from reading import words_of

from models import db
from usage import accounts, analysis, columns, leaderboard, merging, overview
from usage.ingest.event import Event
from usage.ingest.record import record

LISTS = ("project", "source", "provider", "model", "test_type", "day")
numbers = count()


def elsewhere():
    """Another thread counts one more call of vera's, of a model without a price."""

    def write():
        with db.connection_context():
            call = Event(id=f"meanwhile-{next(numbers)}", user="vera", time=NOW, model="unheard-of")
            record([call.but(prompt_tokens=10, completion_tokens=1)], "UTC", NOW)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(write).result()


@pytest.fixture(params=[1, 100], ids=["once", "always"])
def meanwhile(request, monkeypatch):
    """After a question of a module, a call is counted: the first times that it is asked."""

    def after(module, name):
        ask, times = getattr(module, name), iter(range(request.param))

        def asked(*args, **more):
            found = ask(*args, **more)
            if next(times, None) is not None:
                elsewhere()
            return found

        monkeypatch.setattr(module, name, asked)

    return after


@pytest.mark.parametrize("name", ["_before", "standings"])
def test_the_parts_of_an_overview_come_to_its_totals(client, make_usage, meanwhile, name):
    make_usage("vera", project="checkout", calls=3)
    meanwhile(overview, name)

    found = client.get("/overview.json").get_json()

    sums = {by: sum(part["calls"] for part in found[f"by_{by}"]) for by in LISTS}
    assert sums == dict.fromkeys(LISTS, found["totals"]["calls"])
    assert found["totals"]["calls"] > 3


def test_added_columns_are_of_the_state_of_their_rows(client, make_usage, reader, meanwhile):
    make_usage("vera", calls=3)
    meanwhile(columns, "board")

    answer = client.get("/api/v1/leaderboard?columns=trend", headers=reader).get_json()

    (row,) = answer["standings"]
    assert sum(row["calls_by_day"]) == row["calls"] > 3


def test_a_person_has_the_rank_of_the_calls_that_are_told(client, make_usage, reader, meanwhile):
    make_usage("ada", calls=4, prompt_tokens=1)
    make_usage("vera", calls=3, prompt_tokens=100)
    meanwhile(analysis, "_rows")

    standing = client.get("/api/v1/users/vera", headers=reader).get_json()["standing"]

    assert standing["calls"] > 3
    assert standing["rank"] == 1


def test_who_has_no_calls_yet_has_no_rank_of_calls_that_are_not_told(
    client, make_usage, reader, meanwhile
):
    make_usage("ada", calls=4)
    accounts.create_user("vera", NOW)
    meanwhile(analysis, "_rows")

    standing = client.get("/api/v1/users/vera", headers=reader).get_json()["standing"]

    assert bool(standing["calls"]) == bool(standing["rank"])


def test_a_person_has_the_rank_of_the_names_that_are_told(client, make_usage, reader, monkeypatch):
    for name, calls in (("ada", 5), ("vera", 3), ("wim", 4)):
        make_usage(name, calls=calls)
    find, found = analysis.visible_user, count()

    def merged_after(*args):
        whom = find(*args)
        if next(found) == 0:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(merge).result()
            client.get("/api/v1/leaderboard", headers=reader)
        return whom

    def merge():
        with db.connection_context():
            merging.merge("wim", "vera", NOW)

    monkeypatch.setattr(analysis, "visible_user", merged_after)

    standing = client.get("/api/v1/users/vera", headers=reader).get_json()["standing"]

    assert (standing["calls"], standing["rank"]) == (7, 1)


def test_files_hold_one_state_however_long_they_are(client, make_crowd, monkeypatch):
    make_crowd(500)
    ask = columns.added_columns

    def asked(*args):
        elsewhere()
        return ask(*args)

    monkeypatch.setattr(columns, "added_columns", asked)

    text = client.get("/leaderboard.csv?columns=trend,movement").get_data(as_text=True)

    rows = list(csv.DictReader(StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == 500
    assert all(sum(map(int, row["calls_by_day"].split())) == int(row["calls"]) for row in rows)


@pytest.mark.parametrize("form", ["csv", "json", "tsv"])
def test_a_file_is_whole_or_none_at_all(client, make_crowd, monkeypatch, form):
    make_crowd(500)
    ask, asked = columns._days, count()

    def fails_in_the_middle(*args):
        if next(asked) == 1:
            raise OperationalError("server closed the connection")
        return ask(*args)

    monkeypatch.setattr(columns, "_days", fails_in_the_middle)

    answer = client.get(f"/leaderboard.{form}?columns=trend")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert client.get(f"/leaderboard.{form}?columns=trend").status_code == 200


def test_the_models_named_come_to_the_calls_without_a_cost(client, make_usage, meanwhile):
    make_usage("vera", model="unheard-of", calls=3)
    meanwhile(leaderboard, "_page")

    said = words_of(client.get("/leaderboard?cost=reported"), "basis")

    without, of_model = re.search(r"(\d+) calls have no .* unheard-of (\d+)", said).groups()
    assert int(without) == int(of_model) > 3
