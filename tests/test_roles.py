"""What a project admin and a member see: their own, in every form, and nothing else."""

from datetime import timedelta

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, browser_of
from reading import facts, names, text, totals

from usage import accounts, merging, projects

READS = ("/leaderboard", "/users")


@pytest.fixture
def world(make_project, make_usage):
    """Two projects: vera and zoé in Checkout, otto and zoé in Mobile App."""
    make_project("Checkout", "Europe/Berlin")
    make_project("Mobile App", "UTC")
    make_usage("vera", project="checkout", calls=3, display_name="Vera", email="vera@corp.com")
    make_usage("zoe", project="checkout", display_name="Zoé")
    make_usage("zoe", project="mobile-app", calls=4, model="secret-model")
    make_usage("otto", project="mobile-app", calls=5, display_name="Otto", email="otto@corp.com")
    make_usage("nobody-in-particular", calls=2)


@pytest.fixture
def max_(app, world):
    """Max, admin of Checkout."""
    max_ = accounts.create_user("max", NOW)
    accounts.set_role("max", "project_admin", ["checkout"])
    return browser_of(app, max_)


@pytest.fixture
def vera(app, world):
    """Vera, a member with usage in Checkout."""
    return browser_of(app, accounts.person("vera"))


def test_a_project_admin_sees_their_project_alone(max_):
    page = max_.get("/leaderboard")

    assert names(page) == ["Vera", "Zoé"]
    assert totals(page)["calls"] == 4
    assert "Europe/Berlin" in page.text
    assert "otto" not in page.text.lower()


def test_a_project_admin_chooses_among_theirs_in_the_header(max_, app):
    accounts.set_role("max", "project_admin", ["checkout", "mobile-app"])

    page = max_.get("/leaderboard?project=mobile-app")

    assert names(page) == ["Otto", "Zoé"]
    assert 'value="mobile-app" selected' in page.text
    assert 'value="checkout"' in page.text
    assert 'id="tab-projects"' not in page.text
    assert 'id="chip-project"' not in page.text


@pytest.mark.parametrize("path", [*READS, "/users/vera"])
@pytest.mark.parametrize("project", ["mobile-app", "all", "unassigned", "made-up"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_project_of_others_does_not_exist_for_a_project_admin(max_, path, project, headers):
    response = max_.get(f"{path}?project={project}", headers=headers)

    assert response.status_code == 404
    assert "otto" not in response.text


@pytest.mark.parametrize("name", ["otto", "nobody-in-particular", "ada", "made-up"])
def test_a_person_of_other_projects_does_not_exist_for_a_project_admin(max_, name):
    assert max_.get(f"/users/{name}").status_code == 404


def test_somebody_in_both_projects_shows_what_they_did_in_this_one(max_):
    page = max_.get("/users/zoe")

    assert "secret-model" not in page.text
    assert page.status_code == 200


def test_a_project_admin_finds_nobody_of_others_by_searching(max_):
    assert names(max_.get("/leaderboard?q=otto")) == []


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/arrivals", "/admin/identities", "/admin/import"]
)
def test_the_admin_area_is_none_of_a_project_admins_business(max_, path):
    assert max_.get(path).status_code == 404


def test_a_member_begins_with_their_own_usage(vera):
    assert vera.get("/").location == "/users/vera"

    page = vera.get("/users/vera")

    assert page.status_code == 200
    assert "My usage" in page.text
    assert "#3" in page.text
    checkout = vera.get("/users/vera?project=checkout").text
    assert "#1" in checkout
    assert "of 2" in checkout


def test_a_member_sees_nobody_else(vera):
    for path in ("/users/vera", "/users/vera?project=checkout", "/users/vera?days=365"):
        page = vera.get(path).text
        for other in ("zoe", "Zoé", "otto", "Otto", "ada", "secret-model", "Mobile App"):
            assert other not in page

    for path in ("/leaderboard", "/users", "/users/zoe", "/users/otto", "/admin"):
        assert vera.get(path).status_code == 404


def test_a_member_chooses_among_the_projects_they_used(vera):
    assert vera.get("/users/vera?project=mobile-app").status_code == 404
    assert vera.get("/users/vera?project=made-up").status_code == 404
    assert 'value="checkout"' in vera.get("/users/vera").text


def test_a_member_counts_their_own_calls_by_source(vera, make_usage):
    make_usage("zoe", project="checkout", source="ide", calls=77)

    assert "77" not in text(vera.get("/users/vera").text)


def test_a_member_is_not_told_when_others_were_at_work(vera, make_usage):
    page = vera.get("/users/vera?project=checkout").text
    make_usage("zoe", project="checkout", time=NOW + timedelta(hours=1, minutes=7))

    assert vera.get("/users/vera?project=checkout").text == page


@pytest.mark.parametrize(("least", "rank"), [(2, "#1"), (3, "–")])
def test_a_members_rank_among_few_tells_nothing_of_them(vera, least, rank):
    projects.set_identity(projects.find("checkout"), "hidden", least, False)

    page = vera.get("/users/vera?project=checkout")

    assert facts(page)["Rank"].startswith(rank)
    assert facts(page)["API Calls"] == "3"


def test_a_member_without_usage_is_told_so(app, world):
    page = browser_of(app, accounts.create_user("new", NOW)).get("/users/new")

    assert page.status_code == 200
    assert "No usage in this scope." in page.text


@ON_ONE_DATABASE
def test_a_member_with_several_names_sees_them_as_one(app, world, make_usage):
    make_usage("v.m", project="mobile-app", calls=2)
    merging.merge("v.m", "vera", NOW)

    page = browser_of(app, accounts.person("vera")).get("/users/vera")

    assert 'value="mobile-app"' in page.text


@ON_ONE_DATABASE
def test_who_lost_their_projects_is_a_member(max_):
    accounts.set_role("max", "member")

    assert max_.get("/leaderboard").status_code == 404


@pytest.mark.parametrize(
    ("role", "projects"),
    [("project_admin", []), ("member", ["checkout"]), ("king", []), ("project_admin", ["x"])],
)
@ON_ONE_DATABASE
def test_a_role_that_makes_no_sense_is_refused(world, role, projects):
    accounts.create_user("max", NOW)

    with pytest.raises(accounts.Refused):
        accounts.set_role("max", role, projects)


@ON_ONE_DATABASE
def test_a_read_key_of_a_project_sees_that_project_alone(anonymous, make_key, world):
    key = make_key("read", project="checkout")

    answer = anonymous.get("/api/v1/leaderboard", headers=key).get_json()
    assert [one["username"] for one in answer["standings"]] == ["vera", "zoe"]
    for path in ("/api/v1/leaderboard?project=mobile-app", "/api/v1/users/otto"):
        assert anonymous.get(path, headers=key).status_code == 404
