"""usage/answers.py - what is kept for the overview is what the database says, at every request."""

from decimal import Decimal

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, TODAY, assert_query_count, browser_of, days_ago

import models
from models import Project, User
from usage import (
    accounts,
    merging,
    overview,
    prices,
    projects,
    pruning,
    repricing,
    rezoning,
    rollups,
    samples,
    sums,
    uncosted,
)
from usage.answers import Answers
from usage.pricing import Rates
from usage.scope import Scope

RATES = {"prompt": "3", "completion": "15"}
BASES = ("list", "reported")


@pytest.fixture
def process(monkeypatch):
    """Lets another process answer from now on: one that has read nothing yet, or has before."""

    def process(answers=None):
        answers = Answers() if answers is None else answers
        for asker in (overview, uncosted):
            monkeypatch.setattr(asker, "answers", answers)
        return answers

    return process


@pytest.fixture
def used(make_usage):
    """Usage of four names in two projects and two windows, at the end of a day in Europe."""
    late = NOW.replace(hour=23, minute=30)
    for user in ("vera", "otto", "max"):
        make_usage(user, project="checkout", model="usual", calls=2, time=late)
    make_usage("vm", project="checkout", model="rare", source="ide", provider="openai")
    make_usage("vera", project="checkout", model="rare", day=days_ago(3))
    make_usage("otto", project="atlas", day=days_ago(40))
    User.update(sample=True).where(User.username == "otto").execute()


def checkout():
    return projects.find("checkout")


def move():
    rezoning.begin(checkout(), "Pacific/Kiritimati")
    while Project.get_by_id(checkout().id).rezone_after is not None:
        rezoning.advance(checkout())


def price():
    prices.set_price("openai", "rare", RATES)
    list(repricing.recompute(days_ago(9), TODAY))


def prune():
    pruning.begin(days_ago(2), NOW)
    list(pruning.drop())


CHANGES = {
    "call": lambda send: send("vera", project="checkout", model="new"),
    "failed call": lambda send: send("kim", project="checkout", failed=True),
    "call elsewhere": lambda send: send("vera", project="atlas"),
    "earlier day": lambda send: send("vera", project="checkout", day=days_ago(50)),
    "name": lambda send: send("vera", project="atlas", display_name="Vera K."),
    "merge": lambda send: merging.merge("vm", "vera", NOW),
    "zone": lambda send: move(),
    "prices": lambda send: price(),
    "prune": lambda send: prune(),
    "policy": lambda send: projects.set_identity(checkout(), "named", 0, binds_all=True),
    "no names": lambda send: projects.set_identity(checkout(), "pseudonyms", 0, binds_all=True),
    "samples": lambda send: samples.remove(),
    "rebuild": lambda send: rollups.rebuild(),
}
SAME = {"prune", "rebuild"}


@pytest.mark.parametrize("name", CHANGES)
def test_after_any_change_every_process_says_what_the_database_says(
    client, used, make_usage, process, name
):
    projects.set_identity(checkout(), "hidden", 2, binds_all=True)
    questions = [
        f"/overview.json?{args}{more}"
        for args in ("", "project=checkout&days=3", "project=checkout&source=ide")
        for more in ("", "&cost=list")
    ]

    def ask():
        told = [client.get(question).get_json() for question in questions]
        whole = accounts.everything(Rates(Decimal(3), Decimal(15)), "UTC", NOW)
        missing = [uncosted.uncosted(Scope.from_args({"cost": one}, whole)) for one in BASES]
        return missing + [one and {k: v for k, v in one.items() if k != "as_of"} for one in told]

    here, there = process(), process()
    before = ask()
    process(here)
    assert ask() == before

    CHANGES[name](make_usage)
    after = ask()
    process()
    fresh = ask()

    assert after == fresh
    process(there)
    assert ask() == fresh
    assert (after == before) is (name in SAME)


def test_what_was_kept_for_one_viewer_is_told_to_another_as_they_may_know_it(
    app, client, used, process
):
    process()
    told = client.get("/overview.json?project=checkout").get_json()
    projects.set_identity(checkout(), "hidden", 2, binds_all=False)
    accounts.create_user("mia", NOW)
    accounts.set_role("mia", "project_admin", ["checkout"])

    other = browser_of(app, accounts.person("mia")).get("/overview?project=checkout")
    again = client.get("/overview.json?project=checkout").get_json()

    assert "rare" in str(told["by_model"])
    assert again["by_model"] == told["by_model"]
    assert "usual" in other.text
    assert "2 of few people" not in other.text
    assert "openai" not in other.text.split('id="region"')[1]


def test_asking_again_at_other_rates_reads_no_daily_rows(client, used, process):
    process()
    client.get("/overview")

    # The session with its look, and budgets.
    with assert_query_count(2):
        assert client.get("/overview?prompt_cost=7", headers=HTMX).status_code == 200


def test_who_has_the_overview_already_gets_it_again_only_when_it_changed(client, used, make_usage):
    def ask(tag):
        return client.get("/overview?days=7", headers={"If-None-Match": tag})

    tag = client.get("/overview?days=7").headers["ETag"]
    assert (ask(tag).status_code, ask(tag).data) == (304, b"")

    # Of the window before, whose calls stand beside the others.
    make_usage("vera", project="checkout", day=days_ago(10))

    assert ask(tag).status_code == 200


def test_usage_of_another_project_leaves_what_is_kept(client, used, make_usage, process):
    process()
    client.get("/overview?project=checkout")
    make_usage("vera", project="atlas")
    client.get("/overview?project=checkout")

    with assert_query_count(2):
        client.get("/overview?project=checkout")


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_postgresql_adds_up_many_days_without_sorting_their_rows(used):
    horizon = accounts.horizon(
        User(role=accounts.SUPER_ADMIN), Rates(Decimal(3), Decimal(15)), "UTC", NOW
    )

    def sorts():
        return models.db.execute_sql("SHOW enable_sort").fetchone()[0]

    with models.db.atomic():
        assert sums.by_day(Scope.from_args({}, horizon))
        assert sorts() == "off"
    assert sorts() == "on"


@ON_ONE_DATABASE
def test_only_days_on_which_somebody_called_are_read_again(used, make_usage):
    horizon = accounts.horizon(
        User(role=accounts.SUPER_ADMIN), Rates(Decimal(3), Decimal(15)), "UTC", NOW
    )
    scope, answers, asked = Scope.from_args({"days": "9"}, horizon), Answers(), []

    def question(scope, days=()):
        asked.append(set(days))
        return sums.by_day(scope, days)

    def due():
        return sums.by_day(scope)

    assert answers.by_day(question, scope) == due()
    make_usage("vera", project="checkout", day=days_ago(3))
    make_usage("kim", project="atlas", day=days_ago(5), failed=True)
    make_usage("kim", day=days_ago(9))
    assert answers.by_day(question, scope) == due()
    merging.merge("vm", "vera", NOW)
    assert answers.by_day(question, scope) == due()
    rollups.rebuild()
    assert answers.by_day(question, scope) == due()

    assert asked == [set(), {days_ago(3), days_ago(5)}, set()]


def test_what_a_transaction_did_is_neither_hidden_from_it_nor_kept(app, used, make_usage):
    horizon = accounts.horizon(
        User(role=accounts.SUPER_ADMIN), Rates(Decimal(3), Decimal(15)), "UTC", NOW
    )

    def calls():
        found = overview.overview(Scope.from_args({}, horizon))
        return sum(part.counts.calls for part in found.by_model)

    before = calls()
    with models.db.atomic() as transaction:
        make_usage("vera", project="checkout")
        assert calls() == before + 1
        transaction.rollback()

    assert calls() == before


def test_not_even_that_one_of_few_was_at_work_is_told_by_a_tag(client, make_usage):
    make_usage("vera", project="checkout")
    projects.set_identity(checkout(), "hidden", 2, binds_all=True)

    assert "ETag" not in client.get("/overview?project=checkout").headers


@ON_ONE_DATABASE
def test_no_more_rows_are_kept_than_was_said(client, used, process):
    answers = process(Answers(most_rows=80))
    for days in range(1, 9):
        client.get(f"/overview?project=checkout&days={days}")

    # Whatever was asked for last is kept, however large it is.
    assert 0 < len(answers) <= 80
