"""/views - scopes under a name, private or shared, and one to begin with."""

import re

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, browser_of, noted
from reading import names, persons, text

from models import AuditEntry, SavedView
from usage import accounts, projects, saved_views

OWN = {"Sec-Fetch-Site": "same-origin"}
MENU = HTMX | {"HX-Target": "views"}


@pytest.fixture
def world(make_project, make_usage):
    """Vera in Checkout and in Mobile, each with an admin: max and eve."""
    for slug, admin in (("checkout", "max"), ("mobile", "eve")):
        make_project(slug.title())
        make_usage("vera", project=slug, source="ide")
        accounts.create_user(admin, NOW)
        accounts.set_role(admin, "project_admin", [slug])


@pytest.fixture
def browse(app, world):
    """The browser of a person by name."""
    return lambda name: browser_of(app, accounts.person(name))


def save(client, name="Week", screen="leaderboard", **fields):
    """Send the form that names a scope."""
    form = {"name": name, "screen": screen, **fields}
    return client.post("/views", data=form, headers=OWN)


def change(client, do, view="Week", name=""):
    """Do something with the view of that name, like giving it another."""
    id = SavedView.get(SavedView.name == view).id
    return client.post(f"/views/{id}", data={"do": do, f"name-{id}": name}, headers=OWN)


def test_a_scope_is_saved_under_a_name_and_leads_back_to_itself(client, world):
    saved = save(client, project="checkout", days="7", source="ide", sort="cost")

    address = "/leaderboard?project=checkout&source=ide&days=7&sort=cost"
    assert (saved.status_code, saved.location) == (303, address)
    assert names(client.get(saved.location)) == ["vera"]
    page = client.get("/views")
    assert persons(page) == ["Week"]
    assert f'href="{address.replace("&", "&amp;")}"' in page.text
    assert "Leaderboard · Checkout · IDE · last 7 days" in text(page.text)


@ON_ONE_DATABASE
def test_the_menu_beside_the_scope_lists_the_views_and_offers_to_save(client, world):
    save(client, "Week", project="checkout", days="7")
    board = client.get("/leaderboard?project=checkout&days=7")
    link = "/views?screen=leaderboard&amp;project=checkout&amp;days=7"
    assert f'<a href="{link}">Saved views</a>' in board.text
    assert 'hx-get="/views?screen=leaderboard" hx-include="#filters"' in board.text

    menu = client.get("/views?screen=leaderboard&project=checkout&days=7", headers=MENU)

    assert menu.text.lstrip().startswith('<div id="views"')
    assert 'aria-current="true">Week' in menu.text
    assert 'name="days" value="7"' in menu.text
    assert "Share with all who see the board of Checkout" in menu.text


@ON_ONE_DATABASE
def test_the_page_of_a_person_is_saved_as_well(client, world):
    saved = save(client, "Vera", "person", username="vera", days="90")

    assert saved.location == "/users/vera?days=90"
    assert "vera · All projects · last 90 days" in text(client.get("/views").text)
    at = "/views?screen=person&username=vera"
    assert f"{at}&days=90".replace("&", "&amp;") in client.get(saved.location).text
    assert 'aria-current="true">Vera' in client.get(f"{at}&days=90", headers=MENU).text


@ON_ONE_DATABASE
def test_the_overview_is_saved_as_well(client, world):
    saved = save(client, "Whole", "overview", project="checkout", shared="on")

    assert saved.location == "/overview?project=checkout"
    page = client.get(saved.location).text
    assert 'href="/views?screen=overview&amp;project=checkout"' in page
    assert "Overview · Checkout · last 30 days" in text(client.get("/views").text)


def test_a_view_says_its_project_whoever_has_which_default(browse, client):
    assert save(browse("max"), shared="on").location == "/leaderboard"

    assert 'href="/leaderboard?project=checkout"' in client.get("/views").text


@ON_ONE_DATABASE
def test_a_chosen_project_stays_chosen_when_a_filter_changes(browse):
    accounts.set_role("max", "project_admin", ["checkout", "mobile"])

    for path in ("/leaderboard", "/overview", "/users/vera"):
        page = browse("max").get(f"{path}?project=mobile").text
        assert '<input type="hidden" name="project" value="mobile" form="filters">' in page


def test_a_shared_view_is_seen_by_those_who_see_the_board_alone(browse, client):
    save(client, "Shared", project="checkout", days="7", shared="on")
    save(client, "Private", project="checkout")

    assert persons(browse("max").get("/views")) == ["Shared"]
    assert persons(browse("eve").get("/views")) == []
    assert persons(browse("vera").get("/views")) == []
    assert persons(client.get("/views")) == ["Private", "Shared"]
    assert "ada, shared with Checkout" in text(browse("max").get("/views").text)
    assert change(browse("eve"), "start", "Shared").status_code == 404
    assert change(browse("max"), "start", "Private").status_code == 404


@ON_ONE_DATABASE
def test_a_shared_view_is_changed_by_its_owner_and_super_admins_alone(browse, client):
    save(browse("max"), "Shared", shared="on")
    accounts.set_role("eve", "project_admin", ["mobile", "checkout"])

    for do in ("rename", "delete"):
        refused = change(browse("eve"), do, "Shared", name="Mine")
        assert refused.status_code == 422
        assert "belongs to max" in text(refused.text)
    assert change(client, "rename", "Shared", name="Ours").status_code == 303
    assert change(client, "delete", "Ours").status_code == 303

    assert not SavedView.select().exists()
    told = [(one.actor, one.action, one.subject) for one in noted()]
    assert [entry for entry in told if entry[1].startswith("view")] == [
        ("max", "view shared", "Shared"),
        ("ada", "view renamed", "Shared"),
        ("ada", "view deleted", "Ours"),
    ]


@ON_ONE_DATABASE
def test_what_is_one_s_own_is_not_in_the_audit(client, world):
    before = AuditEntry.select().count()

    save(client)
    change(client, "rename", name="Month")
    change(client, "delete", "Month")

    assert AuditEntry.select().count() == before


def test_the_front_door_leads_to_the_view_one_begins_with(app, client, world):
    save(client, days="7", default="on")

    assert client.get("/").location == "/leaderboard?days=7"
    assert browser_of(app, accounts.person("ada")).get("/").location == "/leaderboard?days=7"
    assert change(client, "usual").status_code == 303
    assert client.get("/").location == "/leaderboard"
    change(client, "start")
    change(client, "delete")
    assert client.get("/").location == "/leaderboard"


@ON_ONE_DATABASE
def test_a_member_saves_and_begins_with_their_own_page(browse):
    vera = browse("vera")
    save(vera, "Mine", "person", username="vera", days="7", default="on")

    assert vera.get("/").location == "/users/vera?days=7"
    assert persons(vera.get("/views")) == ["Mine"]
    menu = vera.get("/views?screen=person&username=vera", headers=MENU)
    assert "Share" not in menu.text


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "page",
    [
        *({"screen": screen} for screen in ("leaderboard", "overview", "users")),
        {"screen": "person", "username": "eve"},
    ],
)
def test_a_member_saves_no_other_page(browse, page):
    refused = save(browse("vera"), **page)

    assert refused.status_code == 422
    assert "You can save your own page, and no other." in text(refused.text)
    assert not SavedView.select().exists()


@ON_ONE_DATABASE
def test_the_view_of_somebody_who_is_not_shown_any_more_says_so_and_is_no_beginning(browse):
    max_ = browse("max")
    save(max_, screen="person", username="vera", default="on")
    assert max_.get("/").location == "/users/vera"

    projects.set_identity(projects.find("checkout"), "pseudonyms", 0, False)

    assert max_.get("/").location == "/leaderboard"
    assert "No longer fits: There is no such person here." in text(max_.get("/views").text)


def test_a_view_that_no_longer_fits_says_so_and_is_no_beginning(browse):
    eve = browse("eve")
    save(eve, project="mobile", default="on")
    accounts.set_role("eve", "project_admin", ["checkout"])

    assert 'Week No longer fits: There is no project "mobile" here.' in text(eve.get("/views").text)
    assert eve.get("/").location == "/leaderboard"
    menu = eve.get("/views?screen=leaderboard", headers=MENU)
    assert "leads nowhere any more" in menu.text
    accounts.set_role("eve", "member")
    assert "No longer fits: There is no such page for you any more." in text(eve.get("/views").text)
    assert eve.get("/").location == "/users/eve"
    SavedView.update(query="days=0").execute()
    assert change(eve, "delete").status_code == 303


@ON_ONE_DATABASE
def test_a_shared_view_that_no_longer_fits_names_nobody(browse):
    accounts.set_role("eve", "project_admin", ["checkout"])
    save(browse("eve"), "Shared", project="checkout", shared="on")
    assert "eve" in browse("max").get("/views").text

    SavedView.update(query="project=checkout&days=0").execute()

    page = browse("max").get("/views")
    assert "No longer fits" in page.text
    assert "eve" not in page.text


@ON_ONE_DATABASE
def test_whom_a_sharer_searched_for_stays_with_them_where_people_are_not_named(browse, client):
    projects.set_identity(projects.find("checkout"), "pseudonyms", 0, False)
    save(client, "Shared", project="checkout", q="vera", shared="on")

    assert "q=vera" in client.get("/views").text
    page = browse("max").get("/views")
    assert persons(page) == ["Shared"]
    assert "vera" not in page.text


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": ""}, "A view needs a name."),
        ({"name": "x" * 61}, "The name must be at most 60 characters."),
        ({"name": "Taken"}, 'You have a view "Taken" already.'),
        ({"screen": "audit"}, '"audit" is no page that can be saved'),
        ({"shared": "on"}, "choose the project first"),
        ({"shared": "on", "project": "unassigned"}, "choose the project first"),
        (
            {"shared": "on", "project": "checkout", "screen": "person", "username": "vera"},
            "can't be shared",
        ),
        ({"days": "0"}, "days must be a whole number"),
        ({"screen": "person", "username": " "}, "needs the username"),
        ({"screen": "person", "username": "x" * 201}, "needs the username"),
        ({"screen": "person", "username": "nobody-at-all"}, "There is no such person here."),
    ],
)
def test_what_can_not_be_saved_is_said_in_a_sentence(client, world, form, sentence):
    save(client, "Taken")

    response = save(client, **form)

    assert response.status_code == 422
    assert sentence in text(response.text)
    assert SavedView.select().count() == 1


@ON_ONE_DATABASE
def test_views_are_bounded_in_number(client, world, monkeypatch):
    monkeypatch.setattr(saved_views, "MOST", 2)
    save(client, "One")
    save(client, "Two")

    assert "You have 2 views; delete one first." in text(save(client, "Three").text)


@ON_ONE_DATABASE
def test_a_name_taken_or_missing_is_refused_when_renaming(client, world):
    save(client, "One")
    save(client, "Two")

    assert "already" in text(change(client, "rename", "One", name="Two").text)
    assert "needs a name" in text(change(client, "rename", "One", name=" ").text)
    assert "must be rename, delete, start or usual" in text(change(client, "dance", "One").text)


@ON_ONE_DATABASE
@pytest.mark.parametrize(("identity", "owner"), [("named", "eve"), ("own", "somebody else")])
def test_whose_a_shared_view_is_is_told_where_people_are_named(browse, identity, owner):
    accounts.set_role("eve", "project_admin", ["checkout"])
    projects.set_identity(projects.find("checkout"), identity, 0, False)
    save(browse("eve"), project="checkout", shared="on")

    page = browse("max").get("/views")

    assert f"{owner}, shared with Checkout" in text(page.text)
    assert bool(re.search(r"\beve\b", page.text)) is (owner == "eve")
    assert f'"Week" belongs to {owner}.' in text(change(browse("max"), "delete").text)
