"""GET /api/v1/leaderboard and /api/v1/users/<username> - the same numbers for programs."""

import json

import pytest
from conftest import ON_ONE_DATABASE, assert_query_count, days_ago, native

BOARD, VERA = "/api/v1/leaderboard", "/api/v1/users/vera"
PATHS = pytest.mark.parametrize("path", [BOARD, VERA])


@pytest.fixture
def contract(client, make_project, make_key):
    """Two people's usage of a project whose days are Berlin's."""
    make_project("Checkout", "Europe/Berlin")
    small = native(0, user="ada", display_name="Ada Lovelace", project="checkout", source="ide")
    small |= {"provider": "openai", "model": "gpt-4.1-mini", "cache_read_tokens": 3000}
    small |= {"prompt_tokens": 4000, "completion_tokens": 200}
    big = native("big", user="ada", project="checkout", test_type="Unit", cache_read_tokens=6000)
    big |= {"prompt_tokens": 12_000, "completion_tokens": 600, "cache_write_tokens": 5000}
    big |= {"reasoning_tokens": 64}
    lost = native("lost", user="ada", project="checkout", failed=True, time="2026-11-20T10:00:00Z")
    tiny = native(1, project="checkout", prompt_tokens=10, completion_tokens=1)
    events = [small | {"id": f"small-{n}"} for n in range(6)]
    events += [big, lost, tiny, tiny | {"id": "again"}]
    answer = client.post("/api/v1/events", json=events, headers=make_key("ingest"))
    assert answer.get_json()["accepted"] == 10


SCOPE = {
    "project": "checkout",
    "source": "all",
    "from": "2026-10-24",
    "to": "2026-11-22",
    "days": 30,
    "timezone": "Europe/Berlin",
    "as_of": "2026-11-22T10:00:00Z",
}
RATES = {"prompt": "3.00", "completion": "15.00"}
ADA = {
    "rank": 1,
    "username": "ada",
    "display_name": "Ada Lovelace",
    "calls": 7,
    "failed_calls": 1,
    "prompt_tokens": 36_000,
    "completion_tokens": 1_800,
    "cache_read_tokens": 24_000,
    "cache_write_tokens": 5_000,
    "reasoning_tokens": 64,
    "cost": "0.135",
}


def counts(calls, prompt, completion, read=0, write=0, reasoning=0, cost="0.00", failed=0):
    """The counters of a breakdown's entry."""
    return {
        "calls": calls,
        "failed_calls": failed,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cache_read_tokens": read,
        "cache_write_tokens": write,
        "reasoning_tokens": reasoning,
        "cost": cost,
    }


MANY = counts(6, 24_000, 1_200, 18_000, cost="0.09")
BIG = counts(1, 12_000, 600, 6_000, 5_000, 64, "0.045")
LOST = counts(0, 0, 0, failed=1)
BIG_AND_LOST = BIG | {"failed_calls": 1}


def assert_same(response, expected):
    """The same JSON, the order of its names included."""
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert json.dumps(response.get_json()) == json.dumps(expected)


def test_the_leaderboard_has_the_shape_of_the_contract(anonymous, contract, reader):
    vera = ADA | counts(2, 20, 2, cost="0.00009")
    vera |= {"rank": 2, "username": "vera", "display_name": ""}
    totals = {"users": 2} | counts(9, 36_020, 1_802, 24_000, 5_000, 64, "0.13509", failed=1)

    assert_same(
        anonymous.get(f"{BOARD}?project=checkout", headers=reader),
        {
            "scope": SCOPE,
            "rates": RATES,
            "totals": totals,
            "standings": [ADA, vera],
            "page": 1,
            "per_page": 25,
            "pages": 1,
        },
    )


def test_a_person_has_the_shape_of_the_contract(anonymous, contract, reader):
    all_but_lost = counts(7, 36_000, 1_800, 24_000, 5_000, 64, "0.135")

    assert_same(
        anonymous.get("/api/v1/users/ada?project=checkout", headers=reader),
        {
            "scope": SCOPE,
            "rates": RATES,
            "standing": ADA,
            "by_source": [{"source": "ide"} | MANY, {"source": None} | BIG_AND_LOST],
            "by_provider": [{"provider": "openai"} | MANY, {"provider": None} | BIG_AND_LOST],
            "by_model": [{"model": "gpt-4.1-mini"} | MANY, {"model": None} | BIG_AND_LOST],
            "by_test_type": [
                {"test_type": None} | MANY | {"failed_calls": 1},
                {"test_type": "Unit"} | BIG,
            ],
            "by_day": [{"day": "2026-11-20"} | LOST, {"day": "2026-11-22"} | all_but_lost],
        },
    )


def test_nothing_is_an_answer_too(anonymous, reader):
    answer = anonymous.get(BOARD, headers=reader).get_json()

    assert answer["scope"] | {"project": "all", "timezone": "UTC", "as_of": None} == answer["scope"]
    assert answer["totals"] == {"users": 0} | counts(0, 0, 0)
    assert (answer["standings"], answer["pages"]) == ([], 1)


def test_unknown_usage_is_named_where_there_is_any(anonymous, make_usage, reader):
    make_usage("vera")
    make_usage("vera", usage_known=False, prompt_tokens=0, completion_tokens=0)

    answer = anonymous.get(VERA, headers=reader).get_json()

    assert answer["standing"]["unknown_calls"] == 1
    assert answer["standing"]["calls"] == 1


def test_money_is_exact_text(anonymous, make_usage, reader):
    make_usage("vera", prompt_tokens=1, completion_tokens=0)
    make_usage("max", prompt_tokens=10**12, completion_tokens=10**12, calls=3)

    args = "prompt_cost=0.000001&completion_cost=999999.999999"
    answer = anonymous.get(f"{BOARD}?{args}", headers=reader).get_json()

    assert answer["rates"] == {"prompt": "0.000001", "completion": "999999.999999"}
    assert [one["cost"] for one in answer["standings"]] == ["3000000000000.00", "0.000000000001"]
    assert answer["totals"]["cost"] == "3000000000000.000000000001"


def test_the_parameters_of_the_page_apply(anonymous, make_usage, make_crowd, reader):
    make_crowd(30)
    make_usage("max", day=days_ago(3), source="ide", calls=2)
    make_usage("vera", day=days_ago(3), source="ide")

    def usernames(args):
        answer = anonymous.get(f"{BOARD}?{args}", headers=reader).get_json()
        return [one["username"] for one in answer["standings"]]

    assert usernames("source=ide&sort=calls-asc") == ["vera", "max"]
    assert usernames("q=ver") == ["vera"]
    assert len(usernames("page=2")) == 7
    assert len(usernames("per_page=50")) == 32
    assert len(usernames("days=1&per_page=50")) == 30
    assert usernames(f"from={days_ago(4)}&to={days_ago(3)}") == ["max", "vera"]


@ON_ONE_DATABASE
@PATHS
@pytest.mark.parametrize(
    ("field", "args"),
    [
        ("source", "source=web"),
        ("days", "days=0"),
        ("to", "from=2026-11-05"),
        ("sort", "sort=tokens"),
        ("q", "q=%00"),
        ("page", "page=0"),
        ("per_page", "per_page=1000"),
        ("prompt_cost", "prompt_cost=NaN"),
        ("completion_cost", "completion_cost=-1"),
        ("day", "day=7"),
        ("", "=7"),
        ("days", "days=7&days=8"),
        ("source", "source=ui&source=cli"),
        ("project", "project=&project=all"),
        ("q", "q=vera&columns=trend&columns=failed&q=vera"),
    ],
)
def test_a_bad_or_unknown_argument_is_refused_by_name(
    anonymous, make_usage, reader, path, field, args
):
    make_usage("vera")

    response = anonymous.get(f"{path}?{args}", headers=reader)

    assert response.status_code == 422
    assert list(response.get_json()) == ["error"]
    assert list(response.get_json()["error"]) == ["field", "message"]
    assert response.get_json()["error"]["field"] == field
    assert response.get_json()["error"]["message"]


@pytest.mark.parametrize(("path", "queries"), [(BOARD, 1), (VERA, 6)])
def test_an_answer_asks_few_questions_however_many_people_there_are(
    anonymous, make_usage, make_crowd, reader, path, queries
):
    make_usage("vera")
    make_crowd(120, project="checkout")
    anonymous.get(BOARD, headers=reader)

    with assert_query_count(queries):
        assert anonymous.get(path, headers=reader).status_code == 200
