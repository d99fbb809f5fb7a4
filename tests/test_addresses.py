"""The address is the state: canonical, shareable, and kept up to date by htmx."""

import pytest
from conftest import HTMX, ON_ONE_DATABASE
from reading import element, text, words_of

pytestmark = ON_ONE_DATABASE
LONG = "/leaderboard?source=ide&days=7&sort=cost&q=er&per_page=50&prompt_cost=2.50"


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("", "/leaderboard"),
        ("?days=30&source=all&sort=activity&page=1&per_page=25&q=&project=", "/leaderboard"),
        ("?prompt_cost=3&completion_cost=15.000&days=030", "/leaderboard"),
        ("?per_page=50&days=7", "/leaderboard?days=7&per_page=50"),
        ("?days=7&from=2026-11-01&to=2026-11-02", "/leaderboard?days=7"),
        (
            "?to=2026-11-02&from=2026-11-01&days=",
            "/leaderboard?from=2026-11-01&to=2026-11-02",
        ),
        ("?q=%20vera%20k%20&utm_source=mail", "/leaderboard?q=vera+k"),
        ("?prompt_cost=.5&source=IDE", "/leaderboard?source=ide&prompt_cost=0.50"),
        (LONG.removeprefix("/leaderboard"), LONG),
    ],
)
def test_htmx_is_told_the_canonical_address(client, make_usage, asked, canonical):
    make_usage("vera")

    response = client.get(f"/leaderboard{asked}", headers=HTMX)

    assert response.headers["HX-Push-Url"] == canonical


@pytest.mark.parametrize("path", ["/leaderboard", "/users", "/users/vera"])
@pytest.mark.parametrize(
    ("trigger", "header"),
    [
        ("", "HX-Push-Url"),
        ("source-ide", "HX-Push-Url"),
        ("filters", "HX-Push-Url"),
        ("date-range", "HX-Push-Url"),
        ("prompt_cost", "HX-Replace-Url"),
        ("completion_cost", "HX-Replace-Url"),
        ("by-last", "HX-Replace-Url"),
        ("q", "HX-Replace-Url"),
        ("last-days", "HX-Replace-Url"),
    ],
)
def test_a_choice_adds_to_the_history_and_a_keystroke_rewrites_it(
    client, make_usage, path, trigger, header
):
    make_usage("vera")

    response = client.get(f"{path}?days=7", headers=HTMX | {"HX-Trigger": trigger})

    told = {name: value for name, value in response.headers if name.startswith("HX-")}
    assert told == {header: f"{path}?days=7"}


def test_a_page_tells_htmx_nothing(client, make_usage):
    make_usage("vera")

    response = client.get("/leaderboard?days=7")

    assert not [name for name, _ in response.headers if name.startswith("HX-")]


def test_the_same_address_shows_the_same_region_with_and_without_htmx(client, make_usage):
    make_usage("vera", calls=2, source="ide", display_name="Vera")
    make_usage("max", source="cli")

    page, part = client.get(LONG), client.get(LONG, headers=HTMX)

    region = part.text[: part.text.index("</section>")].strip()
    assert region.startswith('<section id="region"')
    assert region in page.text


@pytest.mark.parametrize("way", ["HX-History-Restore-Request", "HX-Boosted"])
def test_back_and_plain_links_get_the_whole_page(client, make_usage, way):
    make_usage("vera")

    for path in ("/leaderboard", "/users", "/users/vera"):
        assert "<html" in client.get(path, headers=HTMX | {way: "true"}).text


def test_view_details_swaps_in_the_view_without_the_page_around_it(client, make_usage):
    make_usage("vera")

    response = client.get("/users/vera?days=7", headers=HTMX | {"HX-Target": "main"})

    assert response.headers["HX-Push-Url"] == "/users/vera?days=7"
    assert "<title>vera · Tallyboard</title>" in response.text
    assert "<h1" in response.text
    assert "<html" not in response.text


@pytest.mark.parametrize(
    ("args", "chips"),
    [
        ("", {}),
        ("sort=cost&q=v&prompt_cost=1", {}),
        ("project=checkout", {"project": "/leaderboard"}),
        (
            "project=checkout&source=ide&days=7",
            {
                "project": "/leaderboard?source=ide&days=7",
                "source": "/leaderboard?project=checkout&days=7",
                "dates": "/leaderboard?project=checkout&source=ide",
            },
        ),
        ("from=2026-11-01&to=2026-11-02&sort=cost", {"dates": "/leaderboard?sort=cost"}),
    ],
)
def test_each_active_filter_is_a_chip_that_removes_it(client, make_usage, args, chips):
    make_usage("vera", project="checkout")

    response = client.get(f"/leaderboard?{args}")

    for name in ("project", "source", "dates"):
        chip = element(response, f"chip-{name}")
        assert bool(chip) == (name in chips)
        assert not chip or f'href="{chips[name]}"' in chip
    assert words_of(response, "filters-active")[:1] == (str(len(chips)) if chips else "")


@pytest.mark.parametrize("path", ["/leaderboard", "/users", "/users/vera"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_reset_returns_to_the_defaults_and_rests_when_they_are_in_force(
    client, make_usage, path, headers
):
    make_usage("vera")

    there = element(client.get(f"{path}?sort=cost", headers=headers), "reset-filter")
    here = element(client.get(path, headers=headers), "reset-filter")

    assert f'href="{path}"' in there
    assert "aria-disabled" not in there
    assert 'aria-disabled="true"' in here
    assert "href" not in here


def test_by_last_shows_the_days_or_the_two_dates(client, make_usage):
    make_usage("vera")

    days = client.get("/leaderboard?days=7")
    dates = client.get("/leaderboard?from=2026-01-05&to=2026-03-02")

    assert 'value="7"' in element(days, "by-last")
    assert words_of(days, "by-last-unit") == "days"
    assert 'value=""' in element(dates, "by-last")
    assert words_of(dates, "by-last-unit") == "5 Jan to 2 Mar 2026"


def test_the_scope_stands_there_in_words(client, make_usage, make_project):
    make_project("Checkout", "Europe/Berlin")
    make_usage("vera", project="checkout", source="ide")

    response = client.get("/leaderboard?project=checkout&source=ide&days=7")

    assert "Checkout · IDE · 16 Nov to 22 Nov 2026, Europe/Berlin" in text(response.text)
    assert 'datetime="2026-11-22T12:00:00+00:00" title="22 Nov 2026, 13:00"' in response.text
