"""The identifiers of one project in every parameter, asked by the admin and a key of another."""

import pytest
from conftest import HTMX, ON_ONE_DATABASE
from test_routes import ROUTES
from visitors import WORDS, leaks

from usage.scope import ARGUMENTS

pytestmark = ON_ONE_DATABASE
# Lists of what one runs oneself, whatever is asked.
ASK_NOTHING = ("/grants",)
FORMS = ({}, HTMX, HTMX | {"HX-Target": "main"})


def open_to(visitor):
    """The addresses of A that this visitor of A reads, and the same ones with Otto for Vera.

    What everybody who signs in may read, such as their own account, asks for no project.
    """
    paths = [
        path
        for (method, _), (path, told) in ROUTES.items()
        if method == "GET" and told[visitor] == 200 and 200 not in (told["nobody"], told["member"])
        if path not in ASK_NOTHING
    ]
    return sorted({path.replace("vera", user) for path in paths for user in ("vera", "otto")})


@pytest.mark.parametrize("visitor", ["admin of A", "read key of A", "embed token of A"])
@pytest.mark.parametrize("value", WORDS["B"])
def test_no_name_of_another_project_brings_anything_of_it(visitors, visitor, value):
    client, key = visitors.arrive(visitor)
    assert len(open_to(visitor)) > 1
    for path in open_to(visitor):
        for parameter in ARGUMENTS:
            for headers in FORMS:
                response = client.get(path, query_string={parameter: value}, headers=key | headers)

                where = path, parameter, headers, response.status_code
                if response.status_code == 200:
                    assert parameter == "q", where
                    assert "otto" not in path, where
                else:
                    assert response.status_code in (404, 422), where
                # What was asked for stands in links and inputs again.
                assert not leaks(visitor, response.text, but=(value,)), where


@pytest.mark.parametrize("path", ["/leaderboard", "/users", "/api/v1/leaderboard"])
@pytest.mark.parametrize("value", WORDS["B"])
def test_searching_for_another_project_finds_no_row(visitors, path, value):
    client, key = visitors.arrive("read key of A" if path.startswith("/api") else "admin of A")

    response = client.get(path, query_string={"q": value}, headers=key)

    assert response.status_code == 200
    assert not leaks("admin of B", response.text, but=("checkout",))
