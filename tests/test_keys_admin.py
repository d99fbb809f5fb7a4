"""/admin/keys - keys made, shown once, and revoked in the browser."""

import re

import pytest
from conftest import NOW, ON_ONE_DATABASE, native, noted
from reading import persons, text, words_of

from models import AuditEntry, Key
from usage import keys

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/admin/keys"


@pytest.fixture
def post(client):
    """Sends a form of the keys page and follows to the page after it."""
    return lambda **fields: client.post(PAGE, data=fields, headers=OWN, follow_redirects=True)


def test_a_key_is_shown_once_and_works(post, client, anonymous, make_project):
    make_project("checkout")
    fields = {"project": "checkout", "user": "vera", "source": "api"}

    page = post(do="create", name="gateway", scopes=["ingest", "read"], **fields)

    token = words_of(page, "secret")
    assert re.fullmatch(r"tb_[\w-]{43}", token)
    assert page.headers["Cache-Control"] == "no-store"
    assert token not in client.get(PAGE).text
    headers = {"X-API-Key": token}
    assert anonymous.post("/api/v1/events", json=native(1), headers=headers).status_code == 200
    key = Key.get()
    assert (key.project.slug, key.default_user, key.default_source) == tuple(fields.values())
    (made,) = [one for one in noted() if one.action == "key created"]
    assert (made.actor, made.subject) == ("ada", "gateway")
    assert made.detail == "ingest read, project checkout"
    assert token not in str(list(AuditEntry.select().dicts()))


def test_keys_are_listed_and_end_when_revoked(post, client, anonymous):
    token = keys.create("ci", ["read"], NOW)
    assert persons(client.get(PAGE)) == ["ci"]

    page = post(do="revoke", name="ci")

    assert "revoked just now" in text(page.text)
    assert anonymous.get("/api/v1/leaderboard", headers={"X-API-Key": token}).status_code == 401
    assert [one.action for one in noted()][1:] == ["key revoked"]


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"do": "create", "name": "", "scopes": "read"}, "A key needs a name."),
        ({"do": "create", "name": "ci", "scopes": "read"}, 'There is a key named "ci" already.'),
        ({"do": "create", "name": "x"}, "A key needs a scope; choose from ingest, read, embed."),
        ({"do": "create", "name": "x", "scopes": "write"}, '"write" is not a scope'),
        (
            {"do": "create", "name": "x", "scopes": "read", "project": "none"},
            'There is no project "none".',
        ),
        ({"do": "create", "name": "x", "scopes": "read", "source": "web"}, "is not a source"),
        ({"do": "revoke", "name": "none"}, 'There is no live key named "none".'),
        ({"do": "dance"}, "must be create or revoke"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(post, form, sentence):
    keys.create("ci", ["read"], NOW)

    response = post(**form)

    assert response.status_code == 422
    assert sentence in text(response.text)
    assert [key.name for key in Key] == ["ci"]


@ON_ONE_DATABASE
def test_revoking_answers_with_a_redirect(client):
    keys.create("ci", ["read"], NOW)

    response = client.post(PAGE, data={"do": "revoke", "name": "ci"}, headers=OWN)

    assert (response.status_code, response.location) == (303, PAGE)
