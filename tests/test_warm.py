"""usage/warm.py - numbers kept in memory are those in the database, at every single request."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from conftest import HTMX, NOW, ON_ONE_DATABASE, ROOT, assert_query_count, empty_tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import names, rows

import models
from models import Change, DailyUsage, Project, User
from usage import (
    accounts,
    changes,
    facts,
    leaderboard,
    merging,
    projects,
    ranking,
    rezoning,
    rollups,
    samples,
    warm,
    weekly,
)
from usage.counting import COUNTERS
from usage.daily import in_scope, per_user
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.pricing import Rates
from usage.ranking import Order
from usage.scope import Scope
from usage.warm import Store

RATES = Rates(Decimal(3), Decimal(15))
PEOPLE = ("ada", "max", "vera", "vm", "otto")
WARM = 1  # The session, with the projects and the state of the board.
QUESTIONS = (
    {},
    {"project": "checkout"},
    {"project": "checkout", "source": "cli", "sort": "cost"},
    {"project": "unassigned", "days": "3"},
    {"source": "unassigned", "sort": "prompt_tokens-asc"},
    {"cost": "list"},
)
pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def ask(monkeypatch):
    """Asks a store, as if it were this process's own, for all that pages show of a scope."""

    def ask(store, **args):
        monkeypatch.setattr(warm, "store", store)
        admin = User(role=accounts.SUPER_ADMIN)
        try:
            scope = Scope.from_args(args, accounts.horizon(admin, RATES, "UTC", NOW))
        except LookupError:
            return None
        return leaderboard.standings(scope), facts.calls_by_source(scope)

    return ask


def call(number, user="vera", **fields):
    fields = {"time": NOW, "prompt_tokens": 1000, "completion_tokens": 100} | fields
    return Event(id=f"call-{number}", user=user, **fields)


def send(*events):
    return record(events, "UTC", NOW)


def test_sums_that_no_float_holds_are_right_to_the_last_token(ask):
    send(call(1), call(2, time=NOW - timedelta(days=1)))
    DailyUsage.update(prompt_tokens=2**52, completion_tokens=2**60 + 1).execute()
    weekly.rebuild(range(100))

    (standings, totals), _sources = ask(Store())

    (row,) = standings
    assert (row.prompt_tokens, row.completion_tokens) == (2**53, 2**61 + 2)
    assert (totals.prompt_tokens, totals.completion_tokens) == (2**53, 2**61 + 2)


def seen(answer):
    """Username and calls of everyone in an answer."""
    return {row.username: row.calls for row in answer[0][0]}


EVENTS = st.builds(
    call,
    st.integers(0, 12),
    st.sampled_from([*PEOPLE, "unassigned"]),
    # The last ones are out of sight in every question.
    time=st.integers(0, 24 * 5 + 9).map(
        lambda hours: NOW - timedelta(hours=hours if hours <= 24 * 5 else hours * 24)
    ),
    project=st.sampled_from(["", "checkout", "atlas"]),
    source=st.sampled_from(["", "cli", "ide"]),
    failed=st.booleans(),
    display_name=st.sampled_from(["", "Vera K."]),
    replaces=st.booleans(),
    prompt_tokens=st.integers(0, 3).map(lambda n: 500 * n),
)
TWO = st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=2, unique=True)
STEPS = st.one_of(
    st.tuples(st.just("record"), st.lists(EVENTS, min_size=1, max_size=4)),
    st.tuples(st.just("record"), st.lists(EVENTS, min_size=1, max_size=4)),
    st.tuples(st.just("create"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("merge"), TWO),
    st.tuples(st.just("part"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("zone"), st.sampled_from(["Pacific/Kiritimati", "America/New_York"])),
    st.tuples(st.just("sample"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("rebuild"), st.none()),
)


def take(action, value):
    """One step in the life of a board."""
    try:
        if action == "record":
            send(*value)
        elif action == "create":
            accounts.create_user(value, NOW)
        elif action == "merge":
            merging.merge(*value, NOW)
        elif action == "part":
            merging.part(value)
        elif action == "zone":
            _move(projects.find("checkout"), value)
        elif action == "sample":
            User.update(sample=True).where(User.username == value).execute()
            samples.remove()
        elif action == "rebuild":
            rollups.rebuild()
    except accounts.Refused:
        pass


def _move(project, timezone):
    rezoning.begin(project, timezone)
    while Project.get_by_id(project.id).rezone_after is not None:
        rezoning.advance(project)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STEPS, st.booleans()), min_size=2, max_size=9))
def test_whatever_happens_every_process_answers_as_if_it_had_just_read_everything(ask, steps):
    empty_tables()
    often, seldom = Store(), Store(most_rows=6 + 2 * warm.LEAST_ROWS)
    for step, both in steps:
        take(*step)
        assert weekly.differing(range(1, 100)) == set()
        for args in QUESTIONS:
            fresh = ask(Store(), **args)
            assert ask(often, **args) == fresh
            assert not both or ask(seldom, **args) == fresh


def test_writers_and_readers_at_once_never_see_less_than_was_acknowledged(app, ask):
    store, others, rounds = Store(), Store(), range(12)
    admin = User(role=accounts.SUPER_ADMIN)
    scope = Scope.from_args({}, accounts.horizon(admin, RATES, "UTC", NOW))

    def write(writer):
        with models.db.connection_context():
            for turn in rounds:
                send(*(call(f"{writer}-{turn}-{n}", f"{writer}-{n}") for n in range(3)))
                for kept in (store, others):
                    with kept.tally(scope) as tally:
                        mine = {tally.names[one].username: row for one, row in tally.people.items()}
                        assert [mine[f"{writer}-{n}"][0] for n in range(3)] == [turn + 1] * 3
                        columns = list(zip(*mine.values(), strict=True))[: len(COUNTERS)]
                        assert tally.aggregate.totals == [sum(column) for column in columns]
        return True

    models.db.close()
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(write, ["a", "b", "c", "d"]))

    assert ask(store) == ask(others) == ask(Store())
    assert ask(store)[0][1].calls == 4 * 3 * len(rounds)


@pytest.mark.parametrize(
    "again",
    ["sort=cost-asc", "prompt_cost=7", "page=2", "q=user-01", "per_page=50&q=nobody&sort=calls"],
)
def test_sorting_pricing_paging_and_searching_ask_the_database_nothing(client, make_crowd, again):
    make_crowd(60)
    client.get("/leaderboard")

    with assert_query_count(WARM):
        assert client.get(f"/leaderboard?{again}", headers=HTMX).status_code == 200


def test_those_who_used_more_are_not_read_again(client, make_crowd, make_usage):
    make_crowd(300, project="checkout")
    client.get("/leaderboard")
    make_usage("user-007", calls=3, project="checkout")

    # The version in the snapshot, and the log for names, tally and facts: it tells how much more.
    with assert_query_count(WARM + 4):
        response = client.get("/leaderboard")

    assert names(response)[0] == "user-007"
    assert rows(response)[0]["calls"] == 4


def test_of_those_who_changed_otherwise_only_they_are(client, make_crowd):
    make_crowd(300, project="checkout")
    client.get("/leaderboard")
    others = {"time": NOW - timedelta(days=1), "project": "checkout", "source": "cli"}
    more = {"prompt_tokens": 9000, "completion_tokens": 1, "replaces": True}
    send(Event(id="of-user-007", user="user-007", **others, **more))

    # And those users' rows.
    with assert_query_count(WARM + 5):
        response = client.get("/leaderboard?sort=prompt_tokens")

    assert names(response)[0] == "user-007"
    assert rows(response)[0]["calls"] == 1


MORE = {"prompt_tokens": 9000, "source": "cli", "replaces": True}


@pytest.mark.parametrize(
    "sent",
    [
        # In turn: otherwise and then more, more and then otherwise, one in each project.
        [[call(1, **MORE)], [call(2, project="checkout")]],
        [[call(2, project="checkout")], [call(1, **MORE)]],
        [[call(1, **MORE), call(2, project="atlas")]],
        [[call(1, **MORE)], [call(2, project="atlas")]],
    ],
)
def test_what_changed_otherwise_and_grew_is_read_as_it_is(ask, sent):
    store = Store()
    send(call(1, project="checkout"), call(0, "max", project="atlas"))
    ask(store)

    for events in sent:
        send(*events)

    assert ask(store) == ask(Store())


@pytest.mark.parametrize("few", [ranking.FEW, 1])
def test_an_order_follows_all_that_moved_since_it_was_asked_for(ask, few, monkeypatch):
    monkeypatch.setattr(ranking, "FEW", few)
    store, sorts = Store(), [{"sort": "calls"}, {"sort": "prompt_tokens"}, {"sort": "cost-asc"}]
    send(*(call(number, name, **MORE) for number, name in enumerate(PEOPLE)))
    for args in sorts:
        ask(store, **args)

    for number, name in enumerate(["otto", "otto", "vera", "new"], start=20):
        send(call(number, name, prompt_tokens=number * 300))
        assert ask(store, **sorts[0]) == ask(Store(), **sorts[0])

    for args in sorts:
        assert ask(store, **args) == ask(Store(), **args)


def test_usage_of_another_project_changes_nothing(ask, make_usage):
    store = Store()
    make_usage("vera", project="checkout")
    ask(store, project="checkout")
    scope = Scope.from_args(
        {"project": "checkout"}, accounts.horizon(User(role="super_admin"), RATES, "UTC", NOW)
    )
    with store.tally(scope) as tally:
        content = tally.content

    make_usage("vera", project="atlas")

    with store.tally(scope) as tally:
        assert tally.content == content
    assert seen(ask(store, project="checkout")) == {"vera": 1}


def test_what_a_transaction_did_is_neither_hidden_from_it_nor_kept(ask):
    store = Store()
    send(call(1))
    ask(store)

    with models.db.atomic() as transaction:
        send(call(2))
        assert seen(ask(store)) == {"vera": 2}
        transaction.rollback()

    assert seen(ask(store)) == {"vera": 1}


@pytest.mark.parametrize("before", [(), (call(2, time=NOW - timedelta(days=99)),)])
def test_a_name_comes_to_somebody_who_was_never_on_the_board(ask, before):
    store = Store()
    send(call(1, "vm"))
    ask(store)
    accounts.create_user("vera", NOW)
    if before:
        send(*before)

    merging.merge("vm", "vera", NOW)

    assert seen(ask(store)) == {"vera": 1}


def test_a_name_told_later_is_on_every_warm_page(ask):
    store = Store()
    send(call(1))
    ask(store)

    # The call is known already: nothing but the name is new.
    send(call(1, display_name="Vera K."))

    assert [row.display_name for row in ask(store)[0][0]] == ["Vera K."]


def test_a_refresh_that_fails_half_way_is_done_anew(ask, monkeypatch):
    store = Store()
    send(call(1))
    ask(store)
    send(call(2), call(3, "max"))

    with monkeypatch.context() as patch:
        patch.setattr(store.names, "learn", None)
        with pytest.raises(TypeError):
            ask(store)

    assert seen(ask(store)) == {"vera": 2, "max": 1}


def test_more_than_the_log_holds_is_read_anew(ask, monkeypatch):
    monkeypatch.setattr(changes, "KEPT", 2)
    monkeypatch.setattr(changes, "PRUNED_EVERY", 1)
    store = Store()
    for number in range(4):
        send(call(number, f"user-{number}"))
        if number == 0:
            ask(store)

    assert Change.select().count() == 2
    assert seen(ask(store)) == {f"user-{number}": 1 for number in range(4)}


def test_a_change_of_very_many_people_is_told_as_one_of_everybody(ask, monkeypatch, make_crowd):
    monkeypatch.setattr(changes, "MOST_PEOPLE", 3)
    store = Store()
    send(call(1))
    ask(store)

    make_crowd(5)

    assert "null" in Change.select(Change.touched).order_by(Change.version.desc()).scalar()
    assert len(seen(ask(store))) == 6


def test_the_scope_that_was_asked_for_least_lately_goes_first(ask, make_crowd):
    make_crowd(4, project="checkout")
    store = Store(most_rows=10 + 2 * warm.LEAST_ROWS)
    for days in ("1", "2", "3", "1", "4"):
        ask(store, days=days)

    kept = [key[1] for key in store.kept()]
    assert [(NOW.date() - first).days + 1 for first in kept] == [1, 4]


@ON_ONE_DATABASE
def test_scopes_in_which_nobody_did_anything_are_let_go_as_well(ask):
    store = Store(most_rows=3 * warm.LEAST_ROWS)

    for days in range(1, 10):
        ask(store, days=str(days))

    assert len(store.kept()) == 3


@ON_ONE_DATABASE
def test_the_scope_asked_for_last_is_kept_however_large_it_is(ask, make_crowd):
    make_crowd(5)
    store = Store(most_rows=1)

    ask(store)
    ask(store, days="7")

    assert len(store.kept()) == 1


@ON_ONE_DATABASE
def test_who_writes_numbers_has_to_tell(app):
    with pytest.raises(RuntimeError, match=r"changes\.noted"):
        rollups.add({})


@ON_ONE_DATABASE
def test_only_few_modules_write_daily_rows_or_what_people_are_called():
    """Each of them tells the change log; whoever adds another has to do so as well."""
    writes = ("DailyUsage.insert", "DailyUsage.update", "DailyUsage.delete", "User.delete")
    writes += ("User.update(**", "User.update(known", "User.update(owner_id", "in (DailyUsage, ")
    found = {
        file.stem: text
        for file in (ROOT / "usage").rglob("*.py")
        if any(word in (text := file.read_text()) for word in writes)
    }

    assert sorted(found) == ["identity", "merging", "oidc", "rollups", "samples"]
    assert all("changes.touch" in text for text in found.values())


@pytest.mark.parametrize("args", [{}, {"project": "checkout"}])
def test_a_few_people_are_read_by_their_own_index(make_crowd, args):
    empty_tables(without_traces=True)
    make_crowd(100, project="checkout")
    query = in_scope(DailyUsage.select(DailyUsage.user), of_super_admin(args), of_few=True)

    plan = plan_of(query.where(DailyUsage.user.in_([1, 2])))

    assert "dailyusage_user_id_day" in plan


@ON_ONE_DATABASE
def test_a_few_days_of_everyone_are_found_without_going_through_all_days(make_crowd):
    make_crowd(100)
    scope = of_super_admin({"days": "7"})

    plan = plan_of(per_user(in_scope(DailyUsage.select(DailyUsage.user), scope), scope))

    assert "(user_id=? AND day>? AND day<?)" in plan
    assert "GROUP BY" not in plan


def of_super_admin(args):
    admin = accounts.horizon(User(role=accounts.SUPER_ADMIN), RATES, "UTC", NOW)
    return Scope.from_args(args, admin)


def plan_of(query):
    # An empty table's plan is anybody's guess, and so small a one is read as a whole.
    models.db.execute_sql("ANALYZE")
    sql, values = query.sql()
    with models.db.atomic():
        if models.db.for_update:
            models.db.execute_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN" if models.db.for_update else "EXPLAIN QUERY PLAN"
        return str(models.db.execute_sql(f"{explain} {sql}", values).fetchall())


@ON_ONE_DATABASE
def test_ranks_are_told_of_a_page_of_a_search_and_of_everyone_alike():
    scores = [9, 7, 7, 7, 4, 4, 1]
    order = Order(range(len(scores)), lambda some: ((-scores[one], f"name-{one}") for one in some))

    assert list(order.ranks(order.people)) == [1, 2, 2, 2, 5, 5, 7]
    assert list(order.ranks([2, 3, 4])) == [2, 2, 5]
    assert list(order.ranks([1, 3, 5, 6])) == [2, 2, 5, 7]
    assert [order.rank(one) for one in order.people] == [1, 2, 2, 2, 5, 5, 7]
