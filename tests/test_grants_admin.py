"""/grants - who lets portals show the board, and that the audit knows of it."""

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, browser_of
from reading import persons, text, words_of

from models import AuditEntry
from usage import accounts, grants

pytestmark = ON_ONE_DATABASE
OWN_SITE = {"Sec-Fetch-Site": "same-origin"}
GIVEN = {
    "do": "create",
    "portal": "intranet",
    "origins": "https://a.example https://b.example",
    "projects": ["checkout"],
    "columns": ["calls", "cost"],
    "identity": "pseudonyms",
    "source": "ide",
    "days": "7",
}


@pytest.fixture
def ann(app, ada, make_project):
    """The browser of the admin of Checkout; there is Mobile as well."""
    make_project("checkout")
    make_project("mobile")
    accounts.create_user("ann", NOW)
    accounts.set_role("ann", "project_admin", ["checkout"])
    return browser_of(app, accounts.person("ann"))


def send(browser, **changed):
    data = {name: value for name, value in (GIVEN | changed).items() if value is not None}
    return browser.post("/grants", data=data, headers=OWN_SITE)


def test_a_project_admin_lets_a_portal_show_their_project(ann):
    assert send(ann).status_code == 303

    page = ann.get("/grants")
    assert persons(page) == ["intranet"]
    told = "checkout; calls, cost; names: pseudonyms; source=ide&days=7"
    assert told in text(page.text)
    assert grants.live("intranet").created_by == "ann"
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
    assert (entry.actor, entry.action, entry.subject) == ("ann", "grant created", "intranet")
    assert entry.detail == told


@pytest.mark.parametrize(
    "changed",
    [
        {"projects": []},
        {"projects": ["mobile"]},
        {"projects": ["checkout", "mobile"]},
        {"portal": ""},
        {"origins": ""},
        {"origins": "*"},
        {"columns": []},
        {"details": "yes"},
        {"identity": "hidden"},
        {"source": "fax"},
        {"days": "0"},
        {"do": "other"},
    ],
)
def test_what_a_project_admin_may_not_or_can_not_grant_is_refused(ann, changed):
    assert send(ann, **changed).status_code == 422
    assert grants.everyone() == []


def test_a_form_that_is_refused_is_answered_by_a_sentence_beside_the_field_alone(ann):
    asked = OWN_SITE | HTMX | {"HX-Target": "main"}
    refused = ann.post("/grants", data=GIVEN | {"days": "0"}, headers=asked)
    granted = ann.post("/grants", data=GIVEN, headers=asked)

    assert refused.status_code == 422
    assert words_of(refused, "problem-days") == "Must be a whole number from 1 to 3660."
    assert "<form" not in refused.text
    assert granted.status_code == 303


def test_a_super_admin_may_grant_everything(ann, client):
    assert send(client, projects=[]).status_code == 303

    assert grants.live("intranet").all_projects
    assert persons(ann.get("/grants")) == []
    revoked = ann.post("/grants", data={"do": "revoke", "portal": "intranet"}, headers=OWN_SITE)
    assert revoked.status_code == 422
    assert grants.live("intranet")


def test_revoking_ends_a_grant_and_is_told_in_the_audit(ann):
    send(ann)

    answer = ann.post("/grants", data={"do": "revoke", "portal": "intranet"}, headers=OWN_SITE)

    assert answer.status_code == 303
    assert grants.live("intranet") is None
    assert "revoked just now" in text(ann.get("/grants").text)
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
    assert (entry.action, entry.subject) == ("grant revoked", "intranet")


def test_a_hostile_name_of_a_portal_is_text(ann):
    send(ann, portal="<b>\"'&amp;")

    page = ann.get("/grants")

    assert "<b>" not in page.text
    assert persons(page) == ["<b>\"'&amp;"]
