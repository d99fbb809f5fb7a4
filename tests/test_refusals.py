"""What means nothing is refused by name, in the form the question was asked; never a 500."""

import re
from io import BytesIO

import pytest
from conftest import HTMX, ON_ONE_DATABASE
from peewee import OperationalError
from reading import element, names, text, words_of

from usage import columns

pytestmark = ON_ONE_DATABASE
INPUTS = ("prompt_cost", "completion_cost", "days", "q", "from", "to")
BAD = [
    ("source", "source=web"),
    ("days", "days=0"),
    ("days", "days=3661"),
    ("days", "days=seven"),
    ("from", "from=2026-11-05&to=2026-11-04"),
    ("from", "from=yesterday&to=2026-11-04"),
    ("to", "from=2026-11-05"),
    ("to", "from=2026-11-05&to=2026-11-24"),
    ("sort", "sort=tokens"),
    ("q", "q=%00"),
    ("page", "page=0"),
    ("per_page", "per_page=26"),
    ("prompt_cost", "prompt_cost=-1"),
    ("completion_cost", "completion_cost=1.0000001"),
    ("source", "source=ui&source=cli"),
    ("prompt_cost", "prompt_cost=2&prompt_cost=3"),
]
PATHS = ("/leaderboard", "/users", "/users/vera")


@pytest.mark.parametrize(("field", "args"), BAD)
@pytest.mark.parametrize("path", PATHS)
def test_a_page_says_which_value_means_nothing(client, make_usage, path, field, args):
    make_usage("vera")

    response = client.get(f"{path}?{args}")

    assert response.status_code == 422
    assert "<html" in response.text
    said = text(response.text)
    assert any(f"{field} {so} " in said for so in ("must", "is needed", "is given"))


@pytest.mark.parametrize(("field", "args"), BAD)
@pytest.mark.parametrize("path", PATHS)
def test_htmx_keeps_the_last_good_table_and_is_told_beside_the_input(
    client, make_usage, path, field, args
):
    make_usage("vera")

    response = client.get(f"{path}?{args}", headers=HTMX)

    assert response.status_code == 422
    assert response.headers["HX-Reswap"] == "none"
    assert "HX-Push-Url" not in response.headers
    assert "<table" not in response.text
    place = f"problem-{field}" if field in INPUTS else "notice"
    assert 'hx-swap-oob="innerHTML"' in element(response, place)
    assert field in INPUTS or field in words_of(response, place)
    told = words_of(response, place).lower().removeprefix(f"{field} ")
    assert told.startswith(("must", "is n", "is g"))


@pytest.mark.parametrize("path", PATHS)
def test_every_sentence_has_a_place_and_the_next_good_value_takes_it_away(client, make_usage, path):
    make_usage("vera")
    searchable = path != "/users/vera"

    page = client.get(path)
    part = client.get(path, headers=HTMX | {"HX-Trigger": "by-last"})

    for name in INPUTS:
        assert bool(element(page, f"problem-{name}")) == (searchable or name != "q")
        if searchable or name != "q":
            assert words_of(part, f"problem-{name}") == ""


def test_leading_zeros_do_not_smuggle_a_huge_number_in(client):
    assert client.get("/leaderboard?days=000000000001000000000").status_code == 422


@pytest.mark.parametrize("path", [*PATHS, "/users/nobody"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_unknown_project_is_not_found(client, make_usage, path, headers):
    make_usage("vera", project="checkout")

    response = client.get(f"{path}?project=storefront", headers=headers)

    assert response.status_code == 404
    assert "vera" not in response.text


@pytest.mark.parametrize(
    "args", ["q=<script>alert(1)</script>", 'project="><script>alert(1)', "sort=<script>", "q='x='"]
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_hostile_value_is_not_repeated_as_markup(client, make_usage, args, headers):
    make_usage("vera")

    response = client.get(f"/leaderboard?{args}", headers=headers)

    assert "<script>" not in response.text
    assert "'x='" not in response.text


@pytest.mark.parametrize(
    ("path", "headers", "shape"),
    [
        ("/nowhere", {}, "<html"),
        ("/nowhere", HTMX, '<p id="notice"'),
        ("/api/v1/nowhere", {}, '{"error":{"field":null,"message":'),
        ("/assets/123/board.css", {}, "<html"),
    ],
)
def test_an_unknown_address_is_refused_in_the_form_of_the_question(client, path, headers, shape):
    response = client.get(path, headers=headers)

    assert response.status_code == 404
    assert shape in response.text
    assert re.search("There is no (page at this address|such file)\\.", response.text)


@pytest.mark.parametrize(
    ("path", "shape"), [("/leaderboard", "<html"), ("/api/v1/leaderboard", '{"error":')]
)
def test_a_mistake_of_ours_is_owned_up_to_without_a_word_of_its_inside(
    app, client, reader, monkeypatch, path, shape
):
    def mistake(*_arguments, **_named):
        raise RuntimeError("an inside that is nobody's business")

    monkeypatch.setattr(columns, "board", mistake)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    # A search of its own: what another test was shown of an empty board may be kept.
    headers = reader if "api" in path else {}
    response = client.get(f"{path}?q=mistake", headers=headers)

    assert response.status_code == 500
    assert shape in response.text
    assert "Something went wrong on the server" in response.text
    assert "inside" not in response.text


@pytest.mark.parametrize("path", ["/leaderboard", "/api/v1/leaderboard"])
def test_the_wrong_method_is_refused_with_the_right_ones(client, path):
    response = client.delete(path, headers={"Sec-Fetch-Site": "same-origin"})

    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize(("headers", "shape"), [({}, "<html"), (HTMX, '<p id="notice"')])
def test_a_busy_database_is_told_and_worth_another_try(
    client, make_usage, monkeypatch, headers, shape
):
    make_usage("vera")

    def busy(_scope):
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(columns, "board", busy)
        response = client.get("/leaderboard", headers=headers)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert shape in response.text
    assert "locked" not in response.text
    assert names(client.get("/leaderboard")) == ["vera"]


@pytest.mark.parametrize("path", ["/sign-in", "/account/password", "/admin/people"])
def test_a_form_that_is_far_too_large_is_refused_before_it_is_kept(client, path):
    form = {"name": "ada", "file": (BytesIO(b"x" * 300_000), "large")}

    assert (
        client.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 413
    )
