"""usage/looks.py - state and projects come with the session or key, and are never older."""

from datetime import timedelta

import pytest
from conftest import NOW, SECRET, assert_query_count, settings

from models import Project
from usage import accounts, changes, keys, looks, projects, sign_in, visible
from usage.sign_in import Browser

pytestmark = pytest.mark.usefixtures("app")
RATES = settings().rates
NAMES = ["Ärger & Söhne", 'The "100 %" project', "\\u0041 comes last"]


def named():
    return [project.name for project in visible.every(RATES)]


@pytest.fixture
def signed_in():
    """The look that somebody has who signs in now."""

    def look(user):
        token = sign_in.start_session(user, Browser(), SECRET, NOW, timedelta(days=1))
        return sign_in.session(token, SECRET, NOW).look

    return look


def test_whoever_runs_the_board_has_asked_for_all_of_it(ada, make_project, make_usage, signed_in):
    for name in NAMES:
        make_project(name)
    make_usage("vera")
    look, told = signed_in(ada), visible.every(RATES)

    assert look.state == changes.state() != changes.NOTHING
    assert sorted(named()) == sorted(NAMES)
    with looks.reused(look), assert_query_count(0):
        assert visible.every(RATES) == told
        assert changes.latest() == look.state


def test_every_project_is_as_it_is_stored(make_project):
    project = make_project("Atlas", "Asia/Tokyo")
    projects.set_identity(project, "hidden", 3, True)
    projects.set_rates(project, "1.25", "")

    (seen,) = visible.every(RATES)

    assert seen == visible.only(project.id, RATES)[0]
    assert (seen.timezone, seen.identity, seen.least_users) == ("Asia/Tokyo", "hidden", 3)
    assert seen.binds_all is True


def test_a_board_without_projects_is_asked_about_them_once(ada, signed_in):
    with looks.reused(signed_in(ada)), assert_query_count(0):
        assert visible.every(RATES) == ()


def test_after_a_look_a_change_is_seen_at_once(ada, make_project, signed_in):
    make_project("Atlas")
    look = signed_in(ada)
    with looks.reused(look):
        Project.update(name="Atlas II").execute()
        assert named() == ["Atlas"]

    assert named() == ["Atlas II"]
    with looks.reused(None):
        assert named() == ["Atlas II"]


def test_who_may_not_see_all_projects_is_told_of_none_along(make_project, signed_in):
    make_project("Atlas")
    max_ = accounts.create_user("max", NOW)
    accounts.set_role("max", "project_admin", ["atlas"])
    bound, free = (
        keys.find(keys.create(f"for {slug}", ["read"], NOW, slug), with_look=True)
        for slug in ("atlas", "")
    )

    assert signed_in(max_).projects is None
    assert bound.look.projects is None
    assert "Atlas" in free.look.projects


def test_a_key_that_only_sends_has_no_look():
    token = keys.create("gateway", ["ingest"], NOW)

    with assert_query_count(1):
        assert keys.find(token).look is None
