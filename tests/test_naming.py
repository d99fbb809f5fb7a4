"""The identity policy of a project: how people are named, on every page and in every answer."""

import re
from datetime import timedelta

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, TODAY, browser_of
from reading import names, ranks, text, totals
from test_matrix import open_to
from visitors import embed_token

from models import Project, Pseudonym
from usage import accounts, merging, projects

BOARD = "/api/v1/leaderboard"
PEOPLE = {
    "vera": ("Vera Molnár", "vera@corp.com"),
    "zoe": ("Zoé Okafor", "zoe@corp.com"),
    "otto": ("Otto Hahn", "otto@corp.com"),
    "lise": ("Lise Meitner", "lise@corp.com"),
    "max": ("Max Ernst", "max@corp.com"),
}
EVERYONE = [word for name, words in PEOPLE.items() for word in (name, *words)]


@pytest.fixture
def world(make_project, make_usage):
    """Five people in Checkout, some of them equal; Max runs it."""
    make_project("Checkout", "UTC")
    calls = {"vera": 3, "zoe": 3, "otto": 3, "lise": 5, "max": 1}
    for name, (display_name, email) in PEOPLE.items():
        profile = {"display_name": display_name, "email": email}
        make_usage(name, project="checkout", calls=calls[name], **profile)
    accounts.set_role("max", "project_admin", ["checkout"])


@pytest.fixture
def max_(app, world):
    """Max, admin of Checkout."""
    return browser_of(app, accounts.person("max"))


@pytest.fixture
def reader(make_key, anonymous, world):
    """Asks the API as a portal of Checkout."""
    key = make_key("read", project="checkout")
    return lambda path: anonymous.get(path, headers=key)


def policy(identity, least=0, binds_all=False):
    projects.set_identity(projects.find("checkout"), identity, least, binds_all)


def others_in(response, but="max"):
    """Whoever else is named in the whole body."""
    mine = (but, *PEOPLE.get(but, ()))
    words = response.text.lower()
    return [w for w in EVERYONE if w not in mine and re.search(rf"\b{w.lower()}\b", words)]


@pytest.fixture
def embed(app, ada, anonymous, world):
    """Asks as the page of a portal that was granted Checkout by name."""
    token = embed_token(app, "portal", "checkout", NOW)
    return lambda path: anonymous.get(path, headers=token)


def everything(client, api, embed):
    """Every page, fragment, export and answer about people, with whatever leads on from them."""
    found = re.findall(r'href="(/users/contributor-\d+)"', client.get("/leaderboard").text)
    others = ("/users/max", "/users/zoe", "/views", "/budgets", "/notices", "/grants", "/account")
    for path in (*open_to("admin of A"), *others):
        for query in ("", "?sort=calls-asc&q=contributor", "?q=ver"):
            yield client.get(path + query)
            yield client.get(path + query, headers=HTMX | {"HX-Target": "region"})
    for path in ["/leaderboard", *found]:
        yield client.get(path)
        yield client.get(path, headers=HTMX | {"HX-Target": "main"})
    for path in open_to("read key of A"):
        yield from (api(path), api(f"{path}?q=ver"))
    for one in api("/api/v1/leaderboard").get_json()["standings"]:
        yield api(f"/api/v1/users/{one['username']}")
        yield embed(f"/embed/users/{one['username']}")
    for path in open_to("embed token of A"):
        yield from (embed(path), embed(f"{path}?q=ver"))


@pytest.mark.parametrize("identity", ["pseudonyms", "own"])
def test_nobody_else_is_named_in_anything_a_project_admin_or_portal_gets(
    max_, reader, embed, identity
):
    policy(identity)

    answers = list(everything(max_, reader, embed))

    assert len(answers) > 60
    for response in answers:
        assert response.status_code in (200, 404), response.request.path
        assert others_in(response) == [], response.request.path
        told = str(response.headers) + str(response.headers.getlist("Set-Cookie"))
        assert not re.search(r"\b(vera|zoe|otto|lise)\b", told), response.request.path


@ON_ONE_DATABASE
def test_not_even_other_admins_are_named_for_what_they_keep_here(app, ada, max_):
    accounts.set_role("vera", "project_admin", ["checkout"])
    vera, own = browser_of(app, accounts.person("vera")), {"Sec-Fetch-Site": "same-origin"}
    view = {"name": "Week", "screen": "leaderboard", "project": "checkout", "shared": "on"}
    given = {"portal": "Intranet", "origins": "https://a.example", "projects": "checkout"}
    given |= {"do": "create", "columns": "calls", "identity": "named"}
    for path, form in (("/views", view), ("/grants", given)):
        assert vera.post(path, data=form, headers=own).status_code == 303
    policy("pseudonyms")

    for path, kept in (("/views", "Week"), ("/grants", "Intranet")):
        assert kept in max_.get(path).text
        assert others_in(max_.get(path)) == []


def test_pseudonyms_are_the_same_people_with_the_same_numbers(max_):
    named = ranks(max_.get("/leaderboard"))
    policy("pseudonyms")
    page = max_.get("/leaderboard")

    assert [rank for rank, _ in ranks(page)] == [rank for rank, _ in named] == [1, 2, 2, 2, 5]
    assert names(page)[-1] == "Max Ernst"
    assert all(re.fullmatch(r"Contributor \d+", name) for name in names(page)[:-1])
    assert totals(page)["calls"] == 15


def test_a_pseudonym_stays_and_leads_to_its_person(max_, make_usage):
    policy("pseudonyms")
    first = names(max_.get("/leaderboard"))
    make_usage("new-one", project="checkout", calls=9)

    page = max_.get("/leaderboard")

    assert [name for name in names(page) if name in first] == first
    path = re.search(r'href="(/users/contributor-\d+)"', page.text)[1]
    details = max_.get(path)
    assert details.status_code == 200
    assert "9" in details.text


def test_the_pseudonym_of_a_name_that_was_merged_stands_for_nobody(max_, reader):
    policy("pseudonyms")
    before = {one["calls"]: one["username"] for one in reader(BOARD).get_json()["standings"]}

    merging.merge("lise", "max", NOW)

    for path in (f"/users/{before[5]}", f"/users.json/{before[5]}"):
        assert max_.get(path).status_code == 404
    assert reader(f"/api/v1/users/{before[5]}").status_code == 404
    assert {one["calls"] for one in reader(BOARD).get_json()["standings"]} == {3, 6}


@pytest.mark.parametrize("name", ["vera", "contributor-0", "contributor-999999", "contributor-x"])
def test_under_pseudonyms_a_real_name_finds_nobody(max_, reader, name):
    policy("pseudonyms")
    max_.get("/leaderboard")

    assert max_.get(f"/users/{name}").status_code == 404
    assert reader(f"/api/v1/users/{name}").status_code == 404


def test_searching_a_real_name_finds_no_pseudonym(max_):
    policy("pseudonyms")

    assert names(max_.get("/leaderboard?q=vera")) == []
    assert names(max_.get("/leaderboard?q=corp.com")) == ["Max Ernst"]
    assert len(names(max_.get("/leaderboard?q=contributor"))) == 4


def test_equals_are_ordered_by_pseudonym_and_not_by_name(max_):
    policy("pseudonyms")
    for user, number in (("vera", 30), ("zoe", 10), ("otto", 20)):
        row = {"project_id": Project.get().id, "user_id": accounts.person(user).id}
        Pseudonym.create(number=number, **row)

    assert names(max_.get("/leaderboard"))[1:4] == [f"Contributor {n}" for n in (10, 20, 30)]


def test_the_same_person_has_another_pseudonym_in_another_project(max_, make_usage, app):
    make_usage("vera", project="mobile")
    accounts.set_role("max", "project_admin", ["checkout", "mobile"])
    for slug in ("checkout", "mobile"):
        projects.set_identity(projects.find(slug), "pseudonyms", 0, False)
        max_.get(f"/leaderboard?project={slug}")

    vera = Pseudonym.select().where(Pseudonym.user_id == accounts.person("vera").id)
    assert len({row.project_id for row in vera}) == 2


def test_own_row_only_shows_the_own_row_and_the_totals(max_):
    policy("own")

    page = max_.get("/leaderboard")

    assert ranks(page) == [(5, "Max Ernst")]
    assert totals(page)["calls"] == 15
    assert max_.get("/users/vera").status_code == 404
    assert max_.get("/users/max").status_code == 200


@pytest.mark.parametrize(("least", "shown"), [(5, 5), (6, 0)])
def test_below_a_number_of_people_nothing_is_shown(max_, reader, least, shown):
    policy("hidden", least)

    page = max_.get("/leaderboard")

    assert len(names(page)) == shown
    assert ("Fewer than 6 people" in page.text) is not bool(shown)
    answer = reader("/api/v1/leaderboard").get_json()
    assert len(answer["standings"]) == answer["totals"]["users"] == shown
    assert bool(answer["totals"]["calls"]) is bool(shown)
    assert max_.get("/users/vera").status_code == (200 if shown else 404)


def test_a_narrow_scope_of_few_people_is_hidden_as_well(max_, make_usage):
    make_usage("vera", project="checkout", source="ide", calls=7)
    policy("hidden", 2)

    assert len(names(max_.get("/leaderboard"))) == 5
    page = max_.get("/leaderboard?source=ide")
    assert names(page) == []
    assert "Vera" not in page.text


def test_who_only_failed_makes_no_crowd_for_others_to_hide_in(max_, reader, make_usage):
    """Neither in the filter of sources nor in the tag of a page."""
    policy("hidden", 6)
    for number in range(5):
        make_usage(f"new-{number}", project="checkout", source="ide", failed=True)
    make_usage("vera", project="checkout", source="ide", calls=7)

    page = max_.get("/leaderboard")
    assert "Fewer than 6 people" in page.text
    assert "IDE 0 calls" in text(page.text)
    make_usage("vera", project="checkout", source="ide")
    assert max_.get("/leaderboard").headers["ETag"] == page.headers["ETag"]

    policy("hidden", 2)
    assert "IDE 0 calls" in text(max_.get("/leaderboard").text)
    make_usage("zoe", project="checkout", source="ide")
    assert "IDE 9 calls" in text(max_.get("/leaderboard").text)


def test_nobody_is_said_to_have_stopped_where_too_few_are_shown(max_, make_usage):
    for name in PEOPLE:
        make_usage(name, project="checkout", day=TODAY - timedelta(days=40))
    make_usage("ada", project="checkout", day=TODAY - timedelta(days=40))
    policy("hidden", 6)

    told = max_.get("/overview.json").get_json()

    assert told["before"]["totals"]["users"] == 6
    assert not told["quiet"]
    assert not told["newcomers"]


def test_merged_names_are_searched_where_few_would_be_hidden(max_):
    policy("hidden", 2)
    merging.merge("lise", "vera", NOW)

    assert names(max_.get("/leaderboard?q=lise")) == ["Vera Molnár"]


def test_a_name_that_was_only_used_elsewhere_is_found_by_nobody_here(
    max_, reader, embed, client, make_usage
):
    make_usage("falcon", project="secret")
    make_usage("v-lap", project="checkout")
    for name in ("falcon", "v-lap"):
        merging.merge(name, "vera", NOW)

    found = {"falcon": 404, "v-lap": 200}
    for name, status in found.items():
        shown = ["Vera Molnár"] * (status == 200)
        assert names(max_.get(f"/leaderboard?q={name}")) == shown
        assert names(embed(f"/embed/leaderboard?q={name}")) == shown
        assert max_.get(f"/users/{name}").status_code == status
        assert embed(f"/embed/users/{name}").status_code == status
        assert reader(f"/api/v1/users/{name}").status_code == status
        # Who sees everything finds people by any name.
        assert names(client.get(f"/leaderboard?project=checkout&q={name}")) == ["Vera Molnár"]
        assert client.get(f"/users/{name}?project=checkout").status_code == 200


def test_a_super_admin_sees_names_unless_they_are_bound_too(client, world):
    policy("pseudonyms")
    assert "Vera Molnár" in names(client.get("/leaderboard?project=checkout"))

    policy("pseudonyms", binds_all=True)

    for path in ("/leaderboard?project=checkout", "/leaderboard", "/users"):
        assert others_in(client.get(path), but="ada") == []
    assert client.get("/users/vera").status_code == 404


def test_a_bound_super_admin_reads_no_numbers_off_the_identities_either(client, world, make_usage):
    make_usage("v.m", project="checkout", calls=41)
    make_usage("v.m", project="open", calls=2)
    policy("pseudonyms", binds_all=True)

    listed = client.get("/admin/identities")
    shown = client.get("/admin/identities/v.m/person?into=vera")

    assert "41" not in text(listed.text)
    assert "43" not in text(listed.text)
    assert "41" not in text(shown.text)
    assert "2 API calls" in shown.text


def test_what_a_bound_project_would_set_aside_is_in_no_preview(client, world, send):
    call = {"id": "one", "time": "2026-11-22T10:00:00Z", "project": "checkout"}
    call |= {"prompt_tokens": 5, "completion_tokens": 5}
    send([call | {"user": "a.b"}, call | {"user": "b.a"}])
    policy("pseudonyms", binds_all=True)

    shown = client.get("/admin/identities/a.b/person?into=b.a").text

    assert "would count once" not in shown
    assert ">-1<" not in shown


@pytest.fixture
def portal(make_key, anonymous, world):
    """Asks the API as a portal that sees all projects."""
    key = make_key("read")
    return lambda path: anonymous.get(path, headers=key)


def test_a_portal_of_all_projects_is_bound_by_the_policy_of_each(portal, make_usage):
    make_usage("vera", project="open", calls=2)
    policy("pseudonyms")

    def usernames(path):
        return [one["username"] for one in portal(path).get_json()["standings"]]

    assert all(name.startswith("contributor-") for name in usernames(f"{BOARD}?project=checkout"))
    assert usernames(f"{BOARD}?project=open") == ["vera"]


@pytest.mark.parametrize("identity", ["pseudonyms", "own", "hidden"])
def test_no_sum_over_all_projects_tells_who_is_who_in_one(client, portal, make_usage, identity):
    make_usage("vera", project="open", calls=2)
    make_usage("zoe", calls=4)
    policy(identity, 6 if identity == "hidden" else 0, binds_all=True)

    assert names(client.get("/leaderboard")) == []
    assert totals(client.get("/leaderboard"))["calls"] == 21
    assert "Only the totals are shown here: some projects do not tell" in client.get("/users").text
    answer = portal(BOARD).get_json()
    assert (answer["standings"], answer["totals"]["calls"]) == ([], 21)
    for path in ("/users/vera", "/users/zoe", "/users/contributor-1"):
        assert client.get(path).status_code == 404
        assert portal(f"/api/v1{path}").status_code == 404
    # Where people are named they still are.
    for project, name in (("open", "Vera Molnár"), ("unassigned", "Zoé Okafor")):
        assert names(client.get(f"/leaderboard?project={project}")) == [name]


def test_where_all_projects_have_pseudonyms_so_have_their_sum_and_the_unassigned(
    client, portal, make_usage
):
    make_usage("zoe", calls=4)
    policy("pseudonyms", binds_all=True)

    for path in ("/leaderboard", "/leaderboard?project=unassigned"):
        page = client.get(path)
        assert names(page)
        assert all(name.startswith("Contributor ") for name in names(page))
        assert others_in(page, but="ada") == []
    assert others_in(portal(f"{BOARD}?project=unassigned"), but="ada") == []


def test_the_totals_of_own_row_only_are_shown_to_who_has_no_row(world, app):
    eve = accounts.create_user("eve", NOW)
    accounts.set_role("eve", "project_admin", ["checkout"])
    policy("own")

    page = browser_of(app, eve).get("/leaderboard")

    assert names(page) == []
    assert totals(page)["calls"] == 15
    assert "Only the totals are shown here: this project does not tell" in page.text


def test_unknown_policies_and_numbers_are_refused(world):
    for identity, least in (("secret", 0), ("hidden", 1), ("hidden", 1001)):
        with pytest.raises(accounts.Refused):
            policy(identity, least)


@ON_ONE_DATABASE
def test_numbers_do_not_tell_who_came_first(world, max_, make_crowd):
    make_crowd(40, project="checkout")
    policy("pseudonyms")
    max_.get("/leaderboard")

    drawn = [row.number for row in Pseudonym.select().order_by(Pseudonym.user_id)]
    assert drawn != sorted(drawn)
    assert len(set(drawn)) == len(drawn)
