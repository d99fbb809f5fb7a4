"""/admin/identities - unmapped names, mapped to people with a preview and an undo."""

import pytest
from conftest import HTMX, ON_ONE_DATABASE
from reading import names, persons, text, words_of

from models import User

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/admin/identities"
INSTALLATION = "3f2a9c0b1d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789abcd"


@pytest.fixture
def decide(client):
    """Decides about a name: decide("v.m", "merge", into="vera"); follows to the page after it."""

    def decide(name, do, **fields):
        path = f"{PAGE}/{name}/person"
        return client.post(path, data={"do": do} | fields, headers=OWN, follow_redirects=True)

    return decide


@pytest.fixture
def vera(make_usage):
    """Vera, who is known by more than one name."""
    make_usage("vera", display_name="Vera Molnár", email="vera@example.com", calls=3)
    make_usage(INSTALLATION, calls=2)
    return "vera"


def test_names_that_nobody_placed_are_listed_with_their_usage(client, vera, make_usage):
    make_usage("build-bot", calls=5)

    page = client.get(PAGE)

    assert persons(page) == ["build-bot", INSTALLATION]
    assert "5 5,500" in text(page.text)


def test_a_name_is_mapped_to_a_person_and_parted_again(client, decide, vera):
    page = decide(INSTALLATION, "merge", into="vera")
    assert f"{INSTALLATION} counts as vera from now on." in text(page.text)
    assert names(client.get("/leaderboard")) == ["Vera Molnár"]

    page = decide(INSTALLATION, "part")
    assert persons(page) == [INSTALLATION]
    assert names(client.get("/leaderboard")) == ["Vera Molnár", INSTALLATION]


def test_before_it_is_done_the_page_shows_what_would_change(client, vera):
    page = client.get(f"{PAGE}/{INSTALLATION}/person?into=vera")

    assert "API calls 2 3 5" in text(page.text)
    assert "Map to Vera Molnár" in page.text
    assert not User.select().where(User.merged_into.is_null(False)).exists()


def test_a_call_known_under_both_names_is_said_to_count_once(client, send, decide):
    call = {"id": "one", "time": "2026-11-22T10:00:00Z", "prompt_tokens": 5, "completion_tokens": 5}
    send([call | {"user": "vera"}, call | {"user": "v.m"}])

    page = client.get(f"{PAGE}/v.m/person?into=vera")
    assert "1 call is known under both names and would count once." in page.text
    decide("v.m", "merge", into="vera")

    assert client.get("/leaderboard").text.count('class="tb-row"') == 1


def test_a_suggestion_leads_straight_to_the_preview(client, vera, make_usage):
    make_usage("vera@example.com")

    assert f'href="{PAGE}/vera@example.com/person?into=vera"' in client.get(PAGE).text


def test_people_are_found_by_any_of_their_names(client, vera):
    for q in ("vera", "MOLN", "example.com"):
        page = client.get(f"{PAGE}/{INSTALLATION}/person", query_string={"q": q})
        assert "Vera Molnár</strong>" in page.text
    assert "Nobody matches" in client.get(f"{PAGE}/{INSTALLATION}/person?q=xyz").text


def test_people_found_are_counted_in_words(client, vera):
    path = f"{PAGE}/{INSTALLATION}/person?q="
    heard = [client.get(path + q, headers=HTMX) for q in ("vera", "xyz")]

    assert [words_of(one, "announcement") for one in heard] == ["1 person", "0 people"]


def test_somebody_new_is_made_and_shown_in_the_preview(client, decide, vera):
    page = decide(INSTALLATION, "create", username="Otto@Example.com", display_name="Otto")

    assert "Map to Otto" in page.text
    assert User.get(User.username == "otto@example.com").display_name == "Otto"


def test_a_name_that_is_a_person_leaves_the_list(client, decide, make_usage):
    make_usage("vera")

    assert persons(client.get(PAGE)) == ["vera"]
    assert persons(decide("vera", "confirm")) == []


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("name", "do", "into", "sentence"),
    [
        ("vera", "merge", "nobody-at-all", 'There is no user "nobody-at-all".'),
        ("vera", "merge", "vera", '"vera" and "vera" are one person already.'),
        ("vera", "part", "", '"vera" is not merged into anyone.'),
        ("ada", "merge", "vera", '"ada" has a role or a password; merge the other into it.'),
        ("vera", "create", "ada", 'There is a user "ada" already.'),
        ("vera", "dance", "", "must be merge, part, confirm or create"),
        ("who", "confirm", "", 'There is no user "who".'),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(decide, make_usage, name, do, into, sentence):
    make_usage("vera")

    response = decide(name, do, into=into, username=into)

    assert response.status_code == 422
    assert sentence in response.text.replace("&#34;", '"')


@ON_ONE_DATABASE
@pytest.mark.parametrize("page", ["0", "x", "-1", "9999999999", "1.5"])
def test_a_page_that_is_no_number_is_refused(client, page):
    assert client.get(f"{PAGE}?page={page}").status_code == 422


@ON_ONE_DATABASE
def test_many_names_come_in_pages(client, make_crowd):
    make_crowd(60)

    assert len(persons(client.get(PAGE))) == 50
    assert len(persons(client.get(f"{PAGE}?page=2"))) == 10
    assert persons(client.get(f"{PAGE}?q=user-03")) == [f"user-03{n}" for n in range(10)]


@ON_ONE_DATABASE
def test_typing_swaps_the_list_alone(client, vera):
    response = client.get(
        f"{PAGE}?q=3f2", headers=HTMX | {"HX-Target": "region", "HX-Trigger": "find"}
    )

    assert "<html" not in response.text
    assert persons(response) == [INSTALLATION]


@ON_ONE_DATABASE
def test_another_site_can_map_nobody(client, vera):
    path = f"{PAGE}/{INSTALLATION}/person"
    forged = {"Sec-Fetch-Site": "cross-site"}

    assert (
        client.post(path, data={"do": "merge", "into": "vera"}, headers=forged).status_code == 403
    )
    assert not User.select().where(User.merged_into.is_null(False)).exists()


@ON_ONE_DATABASE
def test_a_name_with_slashes_can_be_mapped(decide, make_usage, client):
    make_usage("team/bot")
    make_usage("vera")

    assert "counts as" in decide("team/bot", "merge", into="vera").text
    assert names(client.get("/leaderboard")) == ["vera"]
