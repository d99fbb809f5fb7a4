"""What a database can't do is told as it is: come back later, migrate first, or never."""

from contextlib import contextmanager

import pytest
from conftest import ON_ONE_DATABASE, native
from peewee import DataError, IntegrityError, ProgrammingError

from models import Grant, db
from usage import grants
from views import ingest

JSON = {"Content-Type": "application/json"}


@contextmanager
def unmigrated(change, undo):
    """The database as older code left it."""
    _alter(change)
    try:
        yield
    finally:
        _alter(undo)


def _alter(statement):
    # SQLite alters what this connection last saw: another of the pool may have changed it since.
    db.execute_sql("SELECT count(*) FROM users").fetchone()
    db.execute_sql(statement)


def without(table):
    """The database before it had that table."""
    return unmigrated(
        f"ALTER TABLE {table} RENAME TO later", f"ALTER TABLE later RENAME TO {table}"
    )


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/api/v1/events", "/ingest/litellm"])
def test_senders_keep_what_they_have_until_the_tables_are_made(anonymous, make_key, caplog, path):
    key = make_key("ingest") | JSON
    with without("keys"):
        response = anonymous.post(path, data=b"{}", headers=key)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert "flask --app app migrate" in response.text
    assert "flask --app app migrate" in caplog.text
    assert anonymous.post(path, data=b"{}", headers=key).status_code in (200, 422)


def test_a_column_that_is_missing_is_a_migration_that_is_missing(anonymous, make_key):
    key = make_key("ingest")
    rename = "ALTER TABLE events RENAME COLUMN {} TO {}"
    with unmigrated(rename.format("usage_known", "later"), rename.format("later", "usage_known")):
        response = anonymous.post("/api/v1/events", json=native(1), headers=key)

    assert response.status_code == 503
    assert "flask --app app migrate" in response.text
    assert anonymous.post("/api/v1/events", json=native(1), headers=key).json["accepted"] == 1


def test_a_page_of_a_board_without_tables_says_so_too(client):
    with without("daily_usage"):
        response = client.get("/leaderboard")
        ready = client.get("/readyz")

    assert (response.status_code, ready.status_code) == (503, 503)
    assert "flask --app app migrate" in ready.json["error"]["message"]
    assert "flask --app app migrate" in response.text
    assert client.get("/leaderboard").status_code == 200


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", ["/v1/traces", "/api/v1/events"])
@pytest.mark.parametrize("error", [DataError("bigint out of range"), OverflowError("bigint")])
def test_what_the_database_can_never_hold_is_refused_for_good(
    anonymous, make_key, monkeypatch, path, error
):
    def refuse(*_arguments):
        raise error

    monkeypatch.setattr(ingest, "take", refuse)
    response = anonymous.post(path, data=b"{}", headers=make_key("ingest") | JSON)

    assert response.status_code == 422
    assert "for the database" in response.text
    assert "bigint" not in response.text


@ON_ONE_DATABASE
def test_a_mistake_of_ours_stays_one(anonymous, make_key, monkeypatch):
    def mistake(*_arguments):
        raise ProgrammingError("syntax error at or near SELEKT")

    monkeypatch.setattr(ingest, "take", mistake)

    with pytest.raises(ProgrammingError):
        anonymous.post("/api/v1/events", data=b"{}", headers=make_key("ingest") | JSON)


def test_who_makes_the_same_at_the_same_moment_is_told_so(
    client, make_project, make_grant, monkeypatch
):
    make_project("checkout")
    make_grant("intranet")
    # Neither saw the other's when they looked.
    monkeypatch.setattr(grants, "live", lambda portal: None)
    form = {
        "do": "create",
        "portal": "intranet",
        "origins": "https://a.example",
        "projects": "checkout",
        "columns": "calls",
        "identity": "named",
    }

    response = client.post("/grants", data=form, headers={"Sec-Fetch-Site": "same-origin"})

    assert response.status_code == 409
    assert "Somebody made that at the same moment" in response.text
    assert Grant.select().count() == 1


@ON_ONE_DATABASE
def test_another_broken_rule_of_the_tables_is_a_mistake_of_ours(client, monkeypatch):
    def mistake(_portal):
        raise IntegrityError("NOT NULL constraint failed: grants.columns")

    monkeypatch.setattr(grants, "live", mistake)

    with pytest.raises(IntegrityError):
        client.get("/embed/frame?grant=intranet")
