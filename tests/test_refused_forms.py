"""A refused form: the sentence beside the field it is about, and all that was typed kept."""

import re

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE
from reading import element, text, words_of

from usage import keys, projects

pytestmark = ON_ONE_DATABASE
OWN = {"Sec-Fetch-Site": "same-origin"}
SWAPS = OWN | HTMX | {"HX-Target": "main"}
PEOPLE = {"username": "otto", "display_name": "Otto", "email": "o@x.org", "role": "member"}
KEY = {"do": "create", "name": "gateway", "scopes": "read", "user": "vera", "fields": "scopes"}
PRICE = {"do": "set", "provider": "acme", "model": "m", "prompt": "1", "completion": "2"}
GRANT = {"do": "create", "portal": "p", "origins": "https://p.org", "columns": "calls"}
GRANT |= {"identity": "named", "fields": ["projects", "columns", "details"]}
BUDGET = {"do": "set", "user": "", "project": "checkout", "amount": "20", "basis": "rates"}
POLICY = {"do": "identity", "identity": "hidden", "least_users": "5"}
VIEW = {"screen": "leaderboard", "days": "7", "name": "Week"}
# Where, what is sent, and the field that is refused.
FORMS = [
    ("/admin/people", PEOPLE | {"username": "ada"}, "username"),
    ("/admin/people", PEOPLE | {"email": "x" * 321}, "email"),
    ("/admin/people", PEOPLE | {"role": "king"}, "role"),
    ("/admin/people", PEOPLE | {"role": "project_admin", "fields": "projects"}, "projects"),
    ("/admin/keys", KEY | {"name": "ci"}, "name"),
    ("/admin/keys", KEY | {"scopes": []}, "scopes"),
    ("/admin/keys", KEY | {"project": "none"}, "project"),
    ("/admin/keys", KEY | {"source": "tv"}, "source"),
    ("/grants", GRANT | {"portal": " "}, "portal"),
    ("/grants", GRANT | {"origins": "portal"}, "origins"),
    ("/grants", GRANT | {"projects": "none"}, "projects"),
    ("/grants", GRANT | {"columns": []}, "columns"),
    ("/grants", GRANT | {"identity": "x"}, "identity"),
    ("/grants", GRANT | {"days": "0"}, "days"),
    ("/admin/prices", PRICE | {"model": "*"}, "model"),
    ("/admin/prices", PRICE | {"prompt": ""}, "prompt"),
    ("/admin/prices", PRICE | {"completion": ""}, "completion"),
    ("/admin/prices", PRICE | {"cache_read": "much"}, "cache_read"),
    ("/admin/prices", PRICE | {"start": "soon"}, "start"),
    ("/admin/prices", PRICE | {"above": "all"}, "above"),
    ("/admin/projects", {"name": "Checkout", "timezone": ""}, "name"),
    ("/admin/projects", {"name": "New", "timezone": "Berlin"}, "timezone"),
    ("/admin/projects/checkout", {"do": "zone", "timezone": "Berlin"}, "timezone"),
    ("/admin/projects/checkout", {"do": "rates", "prompt_cost": "-1"}, "prompt_cost"),
    ("/admin/projects/checkout", {"do": "rates", "completion_cost": "x"}, "completion_cost"),
    ("/admin/projects/checkout", POLICY | {"least_users": "1"}, "least_users"),
    ("/admin/projects/checkout", POLICY | {"identity": "x"}, "identity"),
    ("/admin/webhooks", {"do": "add", "url": "ftp://x"}, "url"),
    ("/admin/webhooks", {"do": "add", "url": "https://x.org", "project": "none"}, "project"),
    ("/admin/import", {"do": "import", "user": "vera", "fields": "files"}, "files"),
    ("/admin/import", {"do": "import", "format": "xml"}, "format"),
    ("/admin/import", {"do": "import", "project": "all"}, "project"),
    ("/admin/identities/vera/person", {"do": "create", "username": "ada"}, "username"),
    ("/budgets", BUDGET | {"amount": "much"}, "amount"),
    ("/budgets", BUDGET | {"project": "", "user": "nobody-at-all"}, "user"),
    ("/account/password", {"password": "short"}, "password"),
    ("/views", VIEW | {"name": " "}, "name"),
]


@pytest.fixture
def world(make_usage):
    """A project with usage of Vera, and a key."""
    make_usage("vera", project="checkout")
    keys.create("ci", ["read"], NOW)


def send(client, path, form, headers=OWN):
    """Send a form, which has to be refused."""
    response = client.post(path, data=form, headers=headers)
    assert response.status_code == 422
    return response


@pytest.mark.parametrize(("path", "form", "field"), FORMS)
def test_the_refused_field_of_the_page_is_marked_described_and_focused(
    client, world, path, form, field
):
    page = send(client, path, form)

    (refused,) = re.findall(r"<[^>]*aria-invalid[^>]*>", page.text)
    assert f'name="{field}"' in refused
    assert 'aria-invalid="true" autofocus' in refused
    assert f"problem-{field}" in re.search('aria-describedby="(.*?)"', refused)[1].split()
    assert re.fullmatch(r'["A-Z].*\.', words_of(page, f"problem-{field}"))
    assert words_of(page, "notice") == ""


@pytest.mark.parametrize(("path", "form", "field"), FORMS)
def test_htmx_is_told_beside_a_field_that_the_page_has(client, world, path, form, field):
    page = send(client, path, form)
    told = send(client, path, form, SWAPS)

    place = f"problem-{field}"
    assert element(told, place) == f'<span id="{place}" hx-swap-oob="innerHTML">'
    assert words_of(told, place) == words_of(page, place)
    assert text(told.text) == words_of(told, place)


def test_what_was_typed_ticked_and_chosen_is_there_again(client, world):
    chosen = {"columns": ["calls", "cost"], "details": [], "source": "ide", "projects": "checkout"}
    page = send(client, "/grants", GRANT | chosen | {"portal": "intranet", "origins": "<here>"})

    assert 'value="intranet"' in element(page, "portal")
    assert 'value="<here>"' in element(page, "origins")
    ticked = re.findall(r'name="(\w+)" value="(\w+)" checked', page.text)
    assert ticked == [("projects", "checkout"), ("columns", "calls"), ("columns", "cost")]
    assert '<option value="ide" selected>' in page.text


def test_the_other_forms_of_the_page_keep_what_is_stored(client, world):
    projects.set_identity(projects.find("checkout"), "pseudonyms", 0, True)

    form = {"do": "rates", "prompt_cost": "7", "completion_cost": "much"}
    page = send(client, "/admin/projects/checkout", form)

    assert 'value="7"' in element(page, "prompt_cost")
    assert 'value="UTC"' in element(page, "timezone")
    assert '<option value="pseudonyms" selected>' in page.text
    assert 'name="binds_all" value="1" checked' in page.text


def test_a_password_is_not_sent_back(client, world):
    page = send(client, "/account/password", {"password": "tooshort"})

    assert "tooshort" not in page.text


@pytest.mark.parametrize("headers", [OWN, SWAPS], ids=["page", "htmx"])
def test_what_is_about_no_field_is_said_above_the_form(client, world, headers):
    page = send(client, "/admin/keys", {"do": "revoke", "name": "gone"}, headers)

    assert words_of(page, "notice") == 'There is no live key named "gone".'
    assert ("autofocus" in element(page, "notice")) is (headers is OWN)
    assert 'aria-invalid="true"' not in page.text


def test_a_field_that_is_not_shown_takes_no_sentence_away(client):
    form = PEOPLE | {"role": "project_admin", "projects": "none", "fields": "projects"}

    page = send(client, "/admin/people", form)

    assert not element(page, "problem-projects")
    assert words_of(page, "notice") == "One of these projects does not exist."


def test_a_view_whose_name_is_taken_finds_its_form_again(client, world):
    form = VIEW | {"default": "on", "project": "checkout", "shared": "on"}
    assert client.post("/views", data=form, headers=OWN).status_code == 303

    page = send(client, "/views", form)

    assert words_of(page, "problem-name") == 'You have a view "Week" already.'
    assert 'value="Week"' in element(page, "name")
    assert "autofocus" in element(page, "name")
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', page.text))
    assert hidden == {"screen": "leaderboard", "days": "7", "project": "checkout"}
    assert page.text.count(" checked>") == 2

    corrected = hidden | {"name": "Week of checkout"}
    assert client.post("/views", data=corrected, headers=OWN).status_code == 303


def test_a_name_refused_when_renaming_is_marked_in_the_form_of_that_view(client, world):
    for name in ("One", "Two"):
        client.post("/views", data=VIEW | {"name": name}, headers=OWN)

    page = send(client, "/views/1", {"do": "rename", "name-1": "Two"})

    assert words_of(page, "problem-name-1") == 'You have a view "Two" already.'
    assert 'value="Two"' in element(page, "name-1")
    assert 'aria-invalid="true"' in element(page, "name-1")
    assert page.text.count("<details open>") == 1
    assert "aria-invalid" not in element(page, "name-2")


def test_the_holder_of_a_link_finds_the_form_again(client, anonymous, world):
    page = client.post("/admin/people", data=PEOPLE, headers=OWN)
    link = re.search(r"/set-password/[\w.-]+", page.text)[0]

    page = send(anonymous, link, {"password": "short"})

    assert 'aria-invalid="true" autofocus' in element(page, "password")
    assert words_of(page, "problem-password") == "A password needs 12 to 200 characters."
