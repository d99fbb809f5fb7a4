"""Grants: who may give which, and what they can't be."""

import pytest
from conftest import NOW, ON_ONE_DATABASE, settings

from usage import accounts, grants, naming, tokens
from usage.accounts import Refused
from usage.scope import InvalidScope

pytestmark = ON_ONE_DATABASE


@pytest.fixture
def world(make_project):
    make_project("checkout")
    make_project("mobile")


@pytest.fixture
def horizon_of(world):
    """What the admin of these projects may see."""

    def horizon(*slugs):
        person = accounts.create_user("-".join(slugs), NOW)
        accounts.set_role(person.username, "project_admin", slugs)
        return accounts.horizon(person, settings().rates, "UTC", NOW)

    return horizon


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("https://portal.example", "https://portal.example"),
        ("HTTPS://Portal.Example:443/", "https://portal.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(world, make_grant, given, told):
    assert make_grant(origins=(given,)).origins == told
    assert grants.allows_origin(told)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "portal.example",
        "https://*.example",
        "https://a.example/path",
        "https://u@a",
        "",
        "https://a.example; script-src *",
        "https://a.example https://b.example",
        "javascript:x",
        f"https://{'a' * 270}.example",
    ],
)
def test_what_is_no_origin_is_refused(world, make_grant, origin):
    with pytest.raises(Refused):
        make_grant(origins=(origin,))
    assert not grants.allows_origin(origin)


@pytest.mark.parametrize(
    "changed",
    [
        {"portal": " "},
        {"portal": "x" * 101},
        {"origins": ()},
        {"origins": [f"https://{number}.example" for number in range(21)]},
        {"columns": ()},
        {"columns": ("email",)},
        {"columns": ("cost",), "details": True},
        {"identity": "open"},
        {"identity": naming.HIDDEN},
        {"locked": {"project": "mobile"}},
        {"locked": {"project": "all"}},
    ],
)
def test_a_grant_that_means_nothing_is_refused(world, make_grant, changed):
    with pytest.raises(Refused):
        make_grant(**changed)
    assert grants.live("portal") is None


@pytest.mark.parametrize("locked", [{"days": "0"}, {"source": "x"}, {"sort": "cost"}])
def test_a_lock_that_means_nothing_is_refused_by_name(world, make_grant, locked):
    with pytest.raises(InvalidScope) as refused:
        make_grant(locked=locked)
    assert refused.value.field in locked


def test_a_portal_has_one_grant(world, make_grant):
    make_grant()
    with pytest.raises(Refused):
        make_grant()


def test_project_admins_grant_and_revoke_their_own_projects_alone(world, make_grant, horizon_of):
    mine = horizon_of("checkout")
    fields = {"portal": "theirs", "horizon": mine}
    given = {"origins": ("https://a.example",), "locked": {}, "columns": ("calls",)}
    given |= {"identity": "named", "details": False, "creator": "checkout"}
    (checkout,) = (one.id for one in mine.projects)
    make_grant("all", projects=())
    make_grant("mobile", projects=("mobile",))
    make_grant("both", projects=("checkout", "mobile"))
    for ids in ([], [checkout + 1], [checkout, checkout + 1]):
        with pytest.raises(Refused):
            grants.create(projects=ids, **fields, **given)

    grants.create(projects=[checkout], **fields, **given)

    assert [one.portal for one in grants.visible(mine)] == ["theirs"]
    for portal in ("all", "mobile", "both", "none"):
        with pytest.raises(Refused):
            grants.revoke(portal, mine)
    grants.revoke("theirs", mine)
    assert grants.live("theirs") is None
    with pytest.raises(Refused):
        grants.revoke("theirs", mine)


def test_a_token_says_what_was_signed_for_its_purpose(app):
    token = tokens.sign("embed", {"a": 1}, "a secret of some length", NOW)

    assert tokens.read("embed", token, "a secret of some length", NOW)["a"] == 1
    assert tokens.read("other", token, "a secret of some length", NOW) is None
    assert tokens.read("embed", token, "another secret entirely", NOW) is None
