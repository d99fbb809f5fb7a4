"""Around the table: first run, empty states, hostile names, headers, weight and queries."""

import gzip
import re
from html import escape, unescape

import pytest
from conftest import HTMX, ON_ONE_DATABASE, assert_query_count, compressed, days_ago, settings
from reading import element, names, rows, text

import models
from models import User
from usage import samples

PAGES = ("/leaderboard", "/users", "/users/user-000", "/overview")
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; & </title></svg>",
    '=HYPERLINK("http://evil")',
    "javascript:alert(1)",
)


def test_a_board_without_usage_says_how_to_send_the_first(client):
    response = client.get("/leaderboard")

    words = text(response.text)
    assert "flask --app app key create my-first-key --scope ingest" in words
    assert "curl http://127.0.0.1:8000/api/v1/events" in words
    assert '"time": "2026-11-22T12:00:00Z"' in words
    assert "GENERIC_LOGGER_ENDPOINT=http://127.0.0.1:8000/ingest/litellm" in words
    assert "flask --app app import usage.csv" in words
    assert not element(response, "region")


def test_the_first_call_makes_room_for_the_table(client, make_usage):
    make_usage("vera")

    response = client.get("/leaderboard")

    assert "my-first-key" not in response.text
    assert names(response) == ["vera"]


@pytest.mark.parametrize(
    ("args", "title", "next_step"),
    [
        ("days=7", "No usage in this scope.", "/leaderboard?days=365"),
        ("days=3660&source=ui", "No usage in this scope.", "/leaderboard"),
        ("days=365&q=nobody", "Nobody here matches “nobody”.", "/leaderboard?days=365"),
    ],
)
def test_an_empty_table_says_why_and_what_next(client, make_usage, args, title, next_step):
    make_usage("vera", source="ide", day=days_ago(100))

    response = client.get(f"/leaderboard?{args}")

    assert title in text(response.text)
    assert f'href="{next_step}"' in element(response, "empty-next")


def test_sample_data_is_labelled_on_every_page_until_it_is_gone(client, make_usage):
    make_usage("vera")
    make_usage("invented", calls=2)
    User.update(sample=True).where(User.username == "invented").execute()

    for path in ("/leaderboard", "/users", "/users/vera"):
        assert "These people are invented" in client.get(path).text

    samples.remove()
    assert names(client.get("/leaderboard")) == ["vera"]
    assert "are invented" not in client.get("/leaderboard").text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_wherever_it_stands(client, make_usage, name):
    make_usage(name, display_name=name, email=name, project=name, provider=name, model=name)
    make_usage(name, test_type=name)
    list_page = client.get("/leaderboard")
    (row,) = rows(list_page)
    details = unescape(re.search(r'href="(/users/[^"]+)"', list_page.text)[1])

    assert (row["name"], row["username"]) == (name, name)
    for response in (
        list_page,
        client.get("/leaderboard", query_string={"q": name}, headers=HTMX),
        client.get(details),
        client.get(details, headers=HTMX),
        client.get("/overview"),
    ):
        assert response.status_code == 200
        # Escaped once in text and attributes alike; identical to itself when nothing is special.
        assert name == escape(name) or name not in response.text
        assert not re.search(r"<(img|b|script)\b(?![^>]*\bsrc=\"/assets/)", response.text)
        assert "49" not in text(re.sub(r"<svg.*?</svg>", "", response.text, flags=re.DOTALL))


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", [*PAGES, "/sign-in", "/nowhere", "/leaderboard?days=x"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_every_page_forbids_what_it_does_not_need(client, make_crowd, path, headers):
    make_crowd(1)

    response = client.get(path, headers=headers)

    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert {"HX-Request", "HX-History-Restore-Request"} <= set(response.vary)


@ON_ONE_DATABASE
def test_only_a_board_with_https_tells_browsers_to_stay_with_it(app, anonymous, monkeypatch):
    with monkeypatch.context() as during:
        public = settings(public_url="https://tally.example.com")
        during.setitem(app.extensions, "settings", public)
        told = anonymous.get("/sign-in").headers
        assert told.getlist("Strict-Transport-Security") == ["max-age=31536000"]

    assert "Strict-Transport-Security" not in anonymous.get("/sign-in").headers


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", PAGES)
def test_the_first_view_is_light_and_asks_nobody_else(client, make_crowd, path):
    make_crowd(100)
    packed = {"Accept-Encoding": "gzip"}

    page = client.get(path, headers=packed)
    html = gzip.decompress(page.data).decode()
    assets = re.findall(r'<(?:link rel="stylesheet" href|script src|img src)="([^"]+)"', html)
    weights = [compressed(client.get(asset, headers=packed)) for asset in assets]

    assert len(assets) == 2
    assert all(asset.startswith("/assets/") for asset in assets)
    assert compressed(page) + sum(weights) <= 60 * 1024


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("welcome", "packed"),
    [
        ("gzip;q=0", None),
        ("gzip; q=0.0, br;q=0", None),
        ("gzip;q=0, br;q=0.5", "br"),
        ("br;q=0, gzip;q=0.001", "gzip"),
    ],
)
def test_a_page_is_packed_only_as_its_reader_can_unpack_it(client, welcome, packed):
    for path in ("/leaderboard", "/account"):
        page = client.get(path, headers={"Accept-Encoding": welcome})

        assert page.headers.get("Content-Encoding") == packed


@ON_ONE_DATABASE
@pytest.mark.parametrize("name", ["board.css", "board.js"])
def test_a_bundle_is_kept_for_ever_under_its_hash(anonymous, name):
    address = re.search(rf'"(/assets/\w+/{name})"', anonymous.get("/sign-in").text)[1]

    plain = anonymous.get(address)
    packed = anonymous.get(address, headers={"Accept-Encoding": "gzip"})

    for response in (plain, packed):
        assert response.status_code == 200
        assert response.headers.getlist("Cache-Control") == ["public, max-age=31536000, immutable"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Accept-Encoding" in response.vary
        assert "Set-Cookie" not in response.headers
    assert plain.mimetype == ("text/css" if name.endswith("css") else "text/javascript")
    assert gzip.decompress(packed.data) == plain.data
    if name.endswith("css"):
        assert b"/*" not in plain.data
        assert compressed(packed) <= 8 * 1024


@ON_ONE_DATABASE
def test_a_bundle_of_another_release_is_gone_and_not_kept(anonymous):
    response = anonymous.get("/assets/0123456789ab/board.css")

    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("people", [1, 120])
@pytest.mark.parametrize(
    ("path", "queries"),
    [("/leaderboard", 1), ("/users", 1), ("/users/user-000", 4), ("/overview", 8)],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_page_asks_few_questions_however_many_people_there_are(
    client, make_crowd, path, queries, headers, people
):
    make_crowd(people, project="checkout")
    client.get("/leaderboard")

    # PostgreSQL is told first how much memory the days before, read by the overview, may take,
    # and how to add up the days themselves.
    told = 2 if path == "/overview" and models.db.for_update else 0

    with assert_query_count(queries + told):
        assert client.get(f"{path}?per_page=100", headers=headers).status_code == 200
