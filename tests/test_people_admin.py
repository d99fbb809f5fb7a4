"""/admin/people - who is on the board, their roles, and their ways in."""

import re
from threading import Thread

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, audited, browser_of, noted
from reading import persons, text, words_of

import models
from models import AuditEntry, SignInLink, User
from usage import accounts

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/admin/people"
LINK = re.compile(r"http://127.0.0.1:8000(/set-password/[\w-]{43})")


@pytest.fixture
def post(client):
    """Sends a form of the people pages: post("vera", do="disable")."""

    def post(name="", follow=True, **fields):
        path = f"{PAGE}/{name}" if name else PAGE
        return client.post(path, data=fields, headers=OWN, follow_redirects=follow)

    return post


@pytest.fixture
def vera(app):
    """Vera, a member."""
    return accounts.create_user("vera", NOW, display_name="Vera Molnár", email="vera@example.com")


def test_everyone_is_listed_with_their_role(client, vera, make_project):
    make_project("Check Out")
    accounts.create_user("max", NOW)
    accounts.set_role("max", "project_admin", ["check-out"])

    page = client.get(PAGE)

    assert persons(page) == ["Ada Lovelace", "max", "Vera Molnár"]
    words = text(page.text)
    assert "Super admin none just now" in words
    assert "max Project admin Check Out no" in words
    assert "Vera Molnár vera · vera@example.com Member none no" in words


def test_people_are_found_by_any_of_their_names(client, vera):
    for q in ("VERA", "Moln", "vera@example"):
        assert persons(client.get(PAGE, query_string={"q": q})) == ["Vera Molnár"]
    assert "Nobody matches “xyz”." in client.get(f"{PAGE}?q=xyz").text


@ON_ONE_DATABASE
def test_many_people_come_in_pages_and_typing_swaps_the_list_alone(client, make_crowd):
    make_crowd(60)

    assert len(persons(client.get(PAGE))) == 50
    assert len(persons(client.get(f"{PAGE}?page=2"))) == 11
    typed = HTMX | {"HX-Target": "region", "HX-Trigger": "find"}
    response = client.get(f"{PAGE}?q=user-03", headers=typed)
    assert "<html" not in response.text
    assert len(persons(response)) == 10


def test_who_is_invited_sets_a_password_with_a_link_that_is_shown_once(post, client, anonymous):
    page = post(username="Otto@Example.com", display_name="Otto", email="", role="member")

    assert page.status_code == 200
    (path,) = LINK.findall(page.text)
    assert "otto@example.com" in words_of(page, "main")
    assert "/set-password/" not in client.get(f"{PAGE}/otto@example.com").text
    token = path.rpartition("/")[2]
    assert token not in str(list(SignInLink.select().dicts()) + list(AuditEntry.select().dicts()))
    assert page.headers["Cache-Control"] == "no-store"

    form = {"password": "a few words to keep"}
    assert anonymous.post(path, data=form, headers=OWN).status_code == 302
    assert anonymous.post(path, data=form, headers=OWN).status_code == 410
    made = User.get(User.username == "otto@example.com")
    assert (made.display_name, made.email) == ("Otto", "Otto@Example.com")
    assert audited()[0] == ("ada", "user created", "otto@example.com", "Member")


def test_a_project_admin_is_invited_with_their_projects(post, make_project):
    make_project("checkout")

    page = post(username="max", role="project_admin", projects="checkout")

    assert "Project admin, known as max" in text(page.text)
    assert [project.slug for project in accounts.projects_run_by(accounts.person("max"))] == [
        "checkout"
    ]


def test_a_role_is_given_and_taken(post, vera, make_project):
    make_project("checkout")
    make_project("search")

    post("vera", do="role", role="project_admin", projects=["checkout", "search"])
    assert accounts.role_of(vera) == "project_admin"
    post("vera", do="role", role="super_admin", projects=["checkout"])
    assert accounts.role_of(accounts.person("vera")) == "super_admin"
    assert accounts.projects_run_by(vera) == []
    post("vera", do="role", role="member")
    assert accounts.role_of(accounts.person("vera")) == "member"

    assert audited() == [
        ("ada", "role changed", "vera", "Project admin of checkout, search"),
        ("ada", "role changed", "vera", "Super admin"),
        ("ada", "role changed", "vera", "Member"),
    ]


def test_somebody_disabled_is_out_at_once_and_may_come_back(app, post, client, vera):
    browser = browser_of(app, vera)

    page = post("vera", do="disable")
    assert "Disabled just now" in text(page.text)
    assert "disabled" in text(client.get(f"{PAGE}?q=vera").text)
    assert browser.get("/account").location == "/sign-in"
    assert post("vera", do="link").status_code == 422

    assert "Disabled" not in text(post("vera", do="enable").text).replace("Disabling", "")
    assert [entry[1] for entry in audited() if entry[0] == "ada"] == [
        "user disabled",
        "user enabled",
    ]


def test_a_new_link_to_set_a_password_is_shown_once(post, client, vera):
    page = post("vera", do="link")

    assert len(LINK.findall(page.text)) == 1
    assert not LINK.findall(client.get(f"{PAGE}/vera").text)
    assert audited() == [("ada", "password link made", "vera", "")]


def test_sessions_are_listed_and_ended(app, post, client, vera):
    first, second = browser_of(app, vera), browser_of(app, vera)
    page = client.get(f"{PAGE}/vera")
    starts = re.findall(r'name="session" value="(\w{16})"', page.text)
    assert len(starts) == 2

    post("vera", do="session", session=starts[0])
    left = [browser.get("/account").status_code for browser in (first, second)]
    assert sorted(left) == [200, 302]
    page = post("vera", do="session", session="all")
    assert "Not signed in anywhere." in page.text
    assert {browser.get("/account").status_code for browser in (first, second)} == {302}


@pytest.mark.parametrize("form", [{"do": "disable"}, {"do": "role", "role": "member"}])
def test_the_only_super_admin_stays(post, client, form):
    response = post("ada", **form)

    assert response.status_code == 422
    assert "is the only super admin." in response.text
    assert client.get(PAGE).status_code == 200
    assert audited() == []


@pytest.mark.parametrize("command", [["disable", "ada"], ["role", "ada", "member"]])
def test_the_only_super_admin_stays_on_the_command_line_as_well(run, ada, command):
    code, _, told = run("user", *command)

    assert (code, told) == (1, 'Error: "ada" is the only super admin.\n')


@pytest.mark.parametrize(
    ("lose", "how"), [(accounts.disable_user, NOW), (accounts.set_role, "member")]
)
def test_two_super_admins_who_go_at_once_leave_one(app, ada, lose, how):
    accounts.create_user("eve", NOW, role="super_admin")
    refused = []

    def go():
        with models.db.connection_context():
            try:
                lose("eve", how)
            except accounts.Refused as error:
                refused.append(str(error))

    other = Thread(target=go)
    with models.db.atomic():
        lose("ada", how)
        other.start()
        # Time enough for whoever doesn't wait; whoever waits is done after this transaction.
        other.join(0.3)
    other.join()

    assert refused == ['"eve" is the only super admin.']
    assert accounts.role_of(accounts.person("eve")) == "super_admin"


def test_one_of_two_super_admins_may_go(post):
    accounts.create_user("eve", NOW, role="super_admin")

    assert post("eve", do="disable").status_code == 200
    assert post("ada", do="disable").status_code == 422


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("name", "form", "sentence"),
    [
        ("", {"username": "vera", "role": "member"}, 'There is a user "vera" already.'),
        ("", {"username": " ", "role": "member"}, "A username needs at least one visible"),
        ("", {"username": "x" * 201, "role": "member"}, "The username must be at most 200"),
        ("", {"username": "unassigned", "role": "member"}, "is the usage of nobody"),
        ("", {"username": "max"}, '"" is not a role.'),
        ("", {"username": "max", "role": "king"}, '"king" is not a role.'),
        ("", {"username": "max", "role": "project_admin"}, "A project admin runs one or more"),
        ("vera", {"do": "role", "role": "project_admin", "projects": "x"}, "does not exist"),
        ("vera", {"do": "enable"}, 'There is no disabled user "vera".'),
        ("vera", {"do": "session", "session": "0" * 16}, "There is no such session."),
        ("vera", {"do": "dance"}, "must be role, disable, enable, link or session"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(post, vera, name, form, sentence):
    response = post(name, **form)

    assert response.status_code == 422
    assert sentence in text(response.text)
    assert User.select().count() == 2
    assert audited() == []


@ON_ONE_DATABASE
def test_who_is_not_on_the_board_is_not_found(client, post):
    assert client.get(f"{PAGE}/nobody-at-all").status_code == 404
    assert post("nobody-at-all", do="disable").status_code == 404


@ON_ONE_DATABASE
def test_a_form_answers_with_a_redirect_to_the_page(post, vera):
    response = post("vera", follow=False, do="disable")

    assert (response.status_code, response.location) == (303, f"{PAGE}/vera")


@ON_ONE_DATABASE
def test_a_name_with_slashes_has_a_page(client, make_usage):
    make_usage("team/bot")

    assert "known as team/bot" in client.get(f"{PAGE}/team/bot").text


def test_roles_are_given_on_the_command_line(run, ada, vera, make_project):
    make_project("checkout")

    args = ("user", "role", "vera", "project-admin", "--project", "checkout")
    told = 'The user "vera" is project admin of checkout from now on.\n'
    assert run(*args) == (0, told, "")
    assert accounts.role_of(vera) == "project_admin"
    assert run("user", "role", "vera", "super-admin")[0] == 0
    assert run("user", "role", "vera", "project-admin")[0] == 1
    assert run("user", "disable", "vera")[0] == run("user", "enable", "vera")[0] == 0
    assert accounts.role_of(accounts.person("vera")) == "super_admin"
    actions = [(one.actor, one.action, one.subject) for one in noted()]
    names = ("role changed", "role changed", "user disabled", "user enabled")
    assert actions == [("", name, "vera") for name in names]


def test_somebody_is_made_with_a_role_on_the_command_line(run, make_project):
    make_project("checkout")

    assert run("user", "create", "max", "--role", "project-admin", "--project", "checkout")[0] == 0
    assert run("user", "create", "eve", "--role", "super-admin")[0] == 0
    assert run("user", "create", "otto", "--role", "project-admin")[0] == 1

    roles = {user.username: accounts.role_of(user) for user in User}
    assert roles == {"max": "project_admin", "eve": "super_admin"}
