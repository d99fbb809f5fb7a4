"""flask demo - sample data on an empty board, and off it again."""

import pytest
from conftest import NOW, settings
from reading import names

from models import DailyUsage, Event, Project, ProjectAdmin, Pseudonym, User, WeeklyUsage
from usage import accounts, demo, grants, naming, webhooks
from usage.scope import Scope


@pytest.fixture(scope="module")
def some_events():
    """The last calls of the sample, made once."""
    return list(demo.events(NOW))[-300:]


@pytest.fixture(autouse=True)
def _few_events(monkeypatch, some_events):
    """A part of the sample is enough here."""
    monkeypatch.setattr(demo, "events", lambda now: iter(some_events))


def test_demo_fills_an_empty_board_once_and_leaves_it_empty_again(run, client):
    assert run("demo")[1].startswith("Loaded 300 sample events;")
    assert len(names(client.get("/leaderboard"))) > 5
    assert run("demo") == (0, "The board holds usage already, so no sample data was added.\n", "")
    assert Event.select().count() == 300
    assert run("verify")[0] == 0

    assert run("demo", "--remove") == (0, "The sample data is gone.\n", "")
    tables = (Event, DailyUsage, WeeklyUsage, Project)
    assert [table.select().count() for table in tables] == [0, 0, 0, 0]
    assert [user.username for user in User] == ["ada"]


def test_demo_leaves_a_board_with_usage_alone(run, make_usage):
    make_usage("vera")

    assert "no sample data was added" in run("demo")[1]
    assert run("demo", "--remove")[0] == 0
    assert [user.username for user in User] == ["vera"]
    assert Event.select().count() == DailyUsage.select().count() == 1


def test_own_usage_in_a_sample_project_survives_the_removal(run, make_usage):
    run("demo")
    make_usage("vera", project="checkout")

    run("demo", "--remove")

    assert [project.slug for project in Project] == ["checkout"]
    assert Event.select().count() == 1


def test_nothing_said_of_sample_projects_holds_for_those_that_come_after(
    run, ada, make_grant, make_project
):
    run("demo")
    accounts.create_user("max", NOW)
    accounts.set_role("max", "project_admin", [project.slug for project in Project])
    make_grant()
    webhooks.add("https://chat.example.com/hook", "checkout", (), "a secret", NOW)

    run("demo", "--remove")
    for name in ("alpha", "beta", "gamma", "delta", "epsilon"):
        make_project(name)

    # SQLite gives these the ids of those that are gone.
    assert accounts.role_of(accounts.person("max")) == accounts.MEMBER
    assert grants.permission(grants.live("portal")).projects == ()
    assert grants.in_words(grants.live("portal")).startswith("no project;")
    assert webhooks.everyone() == []


def test_nothing_said_of_sample_people_holds_for_those_who_come_after(run, ada):
    run("demo")
    sample = User.get(User.sample)
    accounts.set_role(sample.username, "project_admin", ["checkout"])
    horizon = accounts.everything(settings().rates, "UTC", NOW)
    naming.numbers(Scope.from_args({}, horizon), [sample.id])

    run("demo", "--remove")

    assert not ProjectAdmin.select().exists()
    assert not Pseudonym.select().exists()


def test_a_key_of_a_sample_project_keeps_it(run, ada, make_key):
    run("demo")
    make_key("read", project="checkout")

    assert run("demo", "--remove")[0] == 0

    assert [(project.slug, project.sample) for project in Project] == [("checkout", False)]
