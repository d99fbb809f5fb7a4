"""Who may read /api/v1/leaderboard and /api/v1/users/<username>, and what of it."""

import pytest
from conftest import ON_ONE_DATABASE

from usage import keys

BOARD, VERA = "/api/v1/leaderboard", "/api/v1/users/vera"
PATHS = pytest.mark.parametrize("path", [BOARD, VERA])


@ON_ONE_DATABASE
@PATHS
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer tb_wrong"}])
def test_without_a_live_key_nothing_is_told(client, make_usage, path, headers):
    make_usage("vera")

    # Not even to Ada's browser: programs and people have doors of their own.
    response = client.get(path, headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.get_json()["error"]["field"] is None
    assert "vera" not in response.text


@PATHS
@pytest.mark.parametrize("scopes", [("ingest",), ("embed",), ("embed", "ingest")])
def test_a_key_without_the_scope_read_may_not_read(anonymous, make_usage, make_key, path, scopes):
    make_usage("vera")

    response = anonymous.get(path, headers=make_key(*scopes))

    assert response.status_code == 403
    assert response.get_json() == {
        "error": {"field": None, "message": 'This key lacks the scope "read".'}
    }


@PATHS
def test_a_revoked_key_is_no_key(anonymous, make_usage, reader, path):
    make_usage("vera")
    assert anonymous.get(path, headers=reader).status_code == 200
    for key in keys.everyone():
        keys.revoke(key.name, key.created_at)

    assert anonymous.get(path, headers=reader).status_code == 401


def test_a_key_may_be_sent_in_either_header(anonymous, reader):
    token = reader["Authorization"].removeprefix("Bearer ")

    for headers in ({"X-API-Key": token}, {"Authorization": f"bearer  {token} "}):
        assert anonymous.get(BOARD, headers=headers).status_code == 200


def test_a_bound_key_sees_its_project_and_no_other(anonymous, make_usage, make_key):
    make_usage("vera", project="checkout", timezone="Europe/Berlin")
    make_usage("vera", project="mobile", calls=5)
    make_usage("max", project="mobile")
    make_usage("vera", calls=2)
    bound = make_key("read", project="checkout")

    def get(path):
        return anonymous.get(path, headers=bound)

    for path in (BOARD, f"{BOARD}?project=checkout"):
        answer = get(path).get_json()
        assert answer["scope"]["project"] == "checkout"
        assert answer["scope"]["timezone"] == "Europe/Berlin"
        assert answer["totals"]["calls"] == 1
    assert get(VERA).get_json()["standing"]["calls"] == 1
    for other in ("mobile", "all", "unassigned", "nowhere"):
        for path in (BOARD, VERA):
            assert get(f"{path}?project={other}").status_code == 404
    # Somebody who only worked for others is as unknown as somebody made up.
    stranger, nobody = get("/api/v1/users/max"), get("/api/v1/users/nobody")
    assert stranger.status_code == nobody.status_code == 404
    assert stranger.get_json() == nobody.get_json()


def test_a_key_that_is_not_bound_sees_all_projects(anonymous, make_usage, reader):
    make_usage("vera", project="checkout")
    make_usage("vera", project="mobile")
    make_usage("vera")

    assert anonymous.get(BOARD, headers=reader).get_json()["totals"]["calls"] == 3
