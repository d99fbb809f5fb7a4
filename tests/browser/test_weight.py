"""What a visit costs in bytes and requests."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

KILOBYTE = 1024


@pytest.fixture
def finished(visit):
    """A browser with nothing in its cache, and the requests that it has finished."""
    page, requests = visit("/healthz", locale="en-GB"), []
    page.on("requestfinished", lambda request: requests.append(request))
    return page, requests


def weight(request):
    sizes = request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


@pytest.mark.parametrize("path", ["/leaderboard", "/users/amara.okafor", "/overview"])
def test_the_first_view_is_light_and_all_ours(finished, path):
    page, requests = finished

    page.goto(path, wait_until="networkidle")

    assert 3 <= len(requests) <= 6
    assert {urlsplit(request.url).netloc for request in requests} == {urlsplit(page.url).netloc}
    assert sum(weight(request) for request in requests) <= 60 * KILOBYTE


def test_a_table_fragment_is_lighter_still(finished):
    page, requests = finished
    page.goto("/leaderboard")
    requests.clear()

    page.locator("#sort-cost").click()
    expect(page).to_have_url("/leaderboard?sort=cost")

    assert len(requests) == 1
    assert weight(requests[0]) <= 6 * KILOBYTE


def test_a_second_visit_loads_the_page_alone(finished):
    page, requests = finished
    page.goto("/leaderboard", wait_until="networkidle")
    requests.clear()

    page.goto("/users", wait_until="networkidle")

    assert sum(weight(request) for request in requests) <= 10 * KILOBYTE
