"""usage/merging.py, usage/unmapped.py - names that senders used, and the people they stand for."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from threading import Barrier, Thread
from threading import Event as Signal

import pytest
from conftest import NOW, TODAY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import daily_rows

import models
from models import User
from usage import accounts, doubles, merging
from usage.accounts import Refused
from usage.analysis import analysis
from usage.ingest import one_person
from usage.ingest.event import NOBODY, Event
from usage.ingest.record import Key, Outcome, record
from usage.leaderboard import board
from usage.pricing import Rates
from usage.rollups import verify
from usage.scope import Scope
from usage.unmapped import identities

ACCEPTED, DUPLICATE, REPLACED, CLOSED = Outcome
DAY = timedelta(days=1)
INSTALLATION = "0f" * 32
pytestmark = pytest.mark.usefixtures("app")


def call(number, user, *also, tokens=100, **fields):
    """A telling of a call, under an id of its own and others."""
    fields = {"time": NOW, "replaces": True, "usage_known": tokens > 0} | fields
    return Event(id=f"call-{number}", user=user, also=also, prompt_tokens=tokens, **fields)


def span(id, parent, user):
    """A call as a span inside another."""
    parent = parent and f"trace:{parent}"
    return call(id, user, span=f"trace:{id}", parent_span=parent)


def send(*events):
    outcomes = record(events, "UTC", NOW)
    assert verify() == []
    return outcomes


def merge(name, into):
    merging.merge(name, into, NOW)
    assert verify() == []


def part(name):
    merging.part(name)
    assert verify() == []


def ask(**args):
    admin = User(role=accounts.SUPER_ADMIN)
    return Scope.from_args(
        args, accounts.horizon(admin, Rates(Decimal(3), Decimal(15)), "UTC", NOW)
    )


def shown(**args):
    """The rows of the board: username, answered calls and prompt tokens."""
    found = board(ask(**args)).standings
    return [(row.username, row.calls, row.prompt_tokens) for row in found]


def test_usage_of_a_merged_name_is_the_persons_and_goes_with_it_again():
    send(call(1, "vera"), call(2, INSTALLATION), call(3, INSTALLATION))

    merge(INSTALLATION, "vera")
    send(call(4, INSTALLATION))
    assert shown() == [("vera", 4, 400)]
    assert board(ask()).totals.users == 1

    part(INSTALLATION)
    assert shown() == [(INSTALLATION, 3, 300), ("vera", 1, 100)]


def test_a_person_without_usage_of_their_own_is_shown_by_their_own_names():
    accounts.create_user("vera", NOW, display_name="Vera Molnár", email="vera@example.com")
    send(call(1, INSTALLATION))
    merge(INSTALLATION, "vera")

    (row,) = board(ask()).standings
    assert (row.username, row.display_name, row.email) == (
        "vera",
        "Vera Molnár",
        "vera@example.com",
    )


@pytest.mark.parametrize("q", ["0F0F", "molnár", "vm@", "VERA"])
def test_a_person_is_found_by_any_of_their_names(q):
    send(call(1, "vera"), call(2, INSTALLATION, display_name="V. Molnár", email="vm@example.com"))
    send(call(3, "max"))
    merge(INSTALLATION, "vera")

    assert shown(q=q) == [("vera", 2, 200)]


@pytest.mark.parametrize("name", ["vera", INSTALLATION])
def test_an_analysis_covers_all_names_whichever_is_asked_for(name):
    send(call(1, "vera", source="ide"), call(2, INSTALLATION, source="cli"), call(3, "max"))
    merge(INSTALLATION, "vera")

    found = analysis(ask(), name)

    assert (found.standing.username, found.standing.calls, found.standing.rank) == ("vera", 2, 1)
    assert {part.key: part.counts.calls for part in found.by_source} == {"ide": 1, "cli": 1}


@pytest.mark.parametrize(
    "tellings",
    [
        [call(1, "vera"), call(1, "vm")],
        [call(1, "vera", "message"), call(2, "vm", "message")],
        [call(1, "vera", "call-2"), call(2, "vm")],
        [call(1, "vera"), call(2, "vm", "call-1")],
        [span("outer", "", "vera"), span("inner", "outer", "vm")],
        [span("inner", "outer", "vera"), span("outer", "", "vm")],
    ],
    ids=["same", "shared", "known", "told", "inside", "outside"],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_call_known_under_both_names_counts_once(tellings, before):
    for name in ("vera", "vm"):
        accounts.create_user(name, NOW)
    if before:
        assert {send(one)[0] for one in tellings} == {ACCEPTED}
        merge("vm", "vera")
    else:
        merge("vm", "vera")
        assert [send(one)[0] for one in tellings] == [ACCEPTED, DUPLICATE]

    assert shown() == [("vera", 1, 100)]
    assert {send(one)[0] for one in tellings} == {DUPLICATE}

    part("vm")
    assert shown() == [("vera", 1, 100), ("vm", 1, 100)]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("lighter", "heavier"),
    [
        ({"tokens": 90}, {"tokens": 100}),
        ({"tokens": 0}, {"tokens": 1}),
        ({"tokens": 200, "failed": True}, {"tokens": 1}),
    ],
    ids=["tokens", "unknown", "failed"],
)
def test_of_two_copies_the_one_that_says_more_counts(lighter, heavier, order):
    names = ("vera", "vm")[::order]
    copies = call(1, names[0], **lighter), call(1, names[1], **heavier)
    send(*copies)
    merge("vm", "vera")

    assert shown() == [("vera", 1, heavier["tokens"])]
    assert [row[1] for row in daily_rows().values()] == [0]
    assert send(call(1, names[0], tokens=500)) == [REPLACED]
    assert shown() == [("vera", 1, 500)]


def test_names_merged_in_a_chain_part_with_what_came_before():
    send(call(1, "a"), call(1, "b"), call(1, "c"), call(1, "d"))
    merge("b", "a")
    merge("d", "c")
    merge("a", "d")
    assert shown() == [("c", 1, 100)]
    assert [(one.name, one.into) for one in merging.merged()] == [
        ("a", "c"),
        ("b", "a"),
        ("d", "c"),
    ]

    part("a")
    assert shown() == [("a", 1, 100), ("c", 1, 100)]
    part("b")
    part("d")
    assert [row[0] for row in shown()] == ["a", "b", "c", "d"]
    assert merging.merged() == []


def test_a_vendors_sum_never_counts_beside_calls_of_the_same_person():
    sums = {"bucket": True, "calls": 10, "tokens": 5000}
    send(call("sum", "vera", **sums), call("other", "vera", **sums, model="o3"), call(1, "vm"))

    merge("vm", "vera")
    assert shown() == [("vera", 11, 5100)]
    send(call(2, "vm", model="o3"))
    assert shown() == [("vera", 2, 200)]

    part("vm")
    assert shown() == [("vera", 20, 10_000), ("vm", 2, 200)]


@pytest.mark.parametrize("other", [{}, {"project": "east"}], ids=["same-day", "another-day"])
@pytest.mark.parametrize("before", [True, False])
def test_a_vendors_sum_told_under_two_names_counts_once(make_project, before, other):
    make_project("east", "Pacific/Kiritimati")
    sums = {"bucket": True, "calls": 10, "tokens": 5000}
    tellings = [call("sum", "vera", **sums), call("sum", "vm", **sums | {"calls": 12} | other)]
    for name in ("vera", "vm"):
        accounts.create_user(name, NOW)
    if before:
        send(*tellings)
    merge("vm", "vera")
    for telling in () if before else tellings:
        send(telling)

    assert shown(to=str(TODAY + DAY), **{"from": str(TODAY)}) == [("vera", 12, 5000)]


@pytest.mark.parametrize(
    ("name", "into", "sentence"),
    [
        ("nobody", "vera", 'There is no user "nobody".'),
        ("vera", "nobody", 'There is no user "nobody".'),
        ("a\ud800", "vera", 'There is no user "a\ud800".'),
        ("vera", "VERA", 'There is no user "VERA".'),
        ("vera", "vera", '"vera" and "vera" are one person already.'),
        ("vera", "vm", '"vera" and "vm" are one person already.'),
        ("VM@Example.com", "max", '"vm@example.com" is a name of "vera"; part these two first.'),
        (NOBODY, "vera", '"unassigned" is the usage of nobody in particular'),
        ("vera", NOBODY, '"unassigned" is the usage of nobody in particular'),
        ("ada", "vera", '"ada" has a role or a password'),
        ("otto", "vera", '"otto" has a role or a password'),
        ("sample", "vera", "Sample data and real usage stay apart."),
    ],
)
def test_what_can_not_be_merged_is_refused_with_a_sentence(ada, name, into, sentence):
    send(*(call(1, user) for user in ("vera", "vm", "vm@example.com", "max", NOBODY)))
    accounts.create_user("sample", NOW, sample=True)
    accounts.create_user("otto", NOW, password_hash="a hash")
    merge("vm", "vera")
    merge("vm@example.com", "vm")
    before = daily_rows()

    for act in (merging.preview, merge):
        with pytest.raises(Refused) as refused:
            act(name, into)
        assert str(refused.value).startswith(sentence)
    assert daily_rows() == before


def test_parting_what_is_not_merged_is_refused():
    send(call(1, "vera"))

    with pytest.raises(Refused, match='"vera" is not merged into anyone'):
        merging.part("vera")


def test_whoever_was_signed_in_with_a_merged_name_no_longer_is():
    for name in ("vera", "vm"):
        user = accounts.create_user(name, NOW)
        for table in (models.Session, models.SignInLink):
            table.create(token_hash=name, user=user, created_at=NOW, expires_at=NOW)

    merge("vm", "vera")

    for table in (models.Session, models.SignInLink):
        assert [row.user.username for row in table.select()] == ["vera"]


def test_a_preview_says_what_a_merge_comes_to_and_changes_nothing():
    send(call(1, "vera", project="atlas"), call(2, "vera", time=NOW - timedelta(days=2)))
    send(call(1, "vm", tokens=90), call(3, "vm", tokens=7), call(4, "vm", failed=True))
    before = daily_rows()

    found = merging.preview("vm", "vera")

    assert daily_rows() == before
    assert (found.name.username, found.name.usage.calls, found.name.usage.days) == ("vm", 2, 1)
    assert (found.into.usage.prompt_tokens, found.into.usage.projects) == (200, 1)
    assert found.into.usage.first_time == NOW - timedelta(days=2)
    assert (found.set_aside, found.after.calls, found.after.prompt_tokens) == (1, 3, 207)
    merge("vm", "vera")
    assert shown() == [("vera", found.after.calls, found.after.prompt_tokens)]
    accounts.create_user("zoé", NOW)
    assert merging.preview("zoé", "vera").name.usage.last_time is None
    assert merging.preview("zoé", "vera").into.names == ("vm",)


@pytest.mark.parametrize(
    "merges",
    [
        (("v", "vera"), ("vm", "vera")),
        (("vm", "vera"), ("v", "vera")),
        (("vm", "v"), ("v", "vera")),
        (("v", "vm"), ("vm", "vera")),
    ],
)
def test_of_equal_copies_the_same_one_counts_whatever_the_order_of_merges(merges):
    accounts.create_user("vera", NOW)
    send(call(1, "vm", source="ide"), call(1, "v", source="cli"))

    for name, into in merges:
        preview = merging.preview(name, into)
        merge(name, into)
        assert (into, preview.after.calls, preview.after.prompt_tokens) in shown()

    assert [(key[2], row[0]) for key, row in daily_rows().items()] == [("v", 1)]
    for name in ("v", "vm"):
        part(name)
    assert len(daily_rows()) == 2


def test_a_preview_waits_for_nobody_who_stores():
    def store(tokens):
        record([call(1, "vera", tokens=tokens, model="gpt-5", bucket=True, calls=3)], "UTC", NOW)

    def store_again():
        with models.db.connection_context(), models.db.atomic():
            store(500)
            stored.set()
            looked.wait(30)

    send(call(2, "max"))
    store(100)
    stored, looked = Signal(), Signal()
    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(store_again)
        assert stored.wait(30)
        wait_at_most("100ms")
        try:
            found = merging.preview("vera", "max")
        finally:
            looked.set()
            wait_at_most("DEFAULT")

    sender.result()
    assert (found.set_aside, found.after.prompt_tokens) == (0, 200)


def wait_at_most(time):
    """How long this connection waits for locks; on SQLite nobody who reads waits for one."""
    if models.db.for_update:
        models.db.execute_sql(f"SET lock_timeout = {time if time == 'DEFAULT' else repr(time)}")


def test_commands_merge_and_part(run):
    send(call(1, "vera"), call(1, "vm"), call(2, "vm"))

    assert run("user", "merge", "vm", "vera") == (
        0,
        '"vm" is "vera" from now on.\nMoved 2 calls; set 1 aside that both had.\n',
        "",
    )
    assert shown() == [("vera", 2, 200)]
    assert run("user", "merge", "vm", "vera")[2] == (
        'Error: "vm" and "vera" are one person already.\n'
    )
    assert run("user", "merge", "--undo", "vm")[:2] == (0, '"vm" has a row of its own again.\n')
    assert run("user", "merge", "vm")[0] == run("user", "merge", "vm", "a", "--undo")[0] == 2


def test_names_that_say_nothing_of_a_person_are_listed_with_whose_they_might_be():
    send(
        call("x", NOBODY),
        *(call(n, INSTALLATION) for n in range(5)),
        *(call(n, "Vera.Molnar") for n in range(4)),
        *(call(n, "ada") for n in range(3)),
        *(call(n, "ada@example.com", display_name="Ada Lovelace") for n in range(9)),
        call(1, "vera@example.com", display_name="Vera Molnar"),
        call(1, "v.m@example.com", display_name="Vera Molnar", email="v.m@example.com"),
        call(2, "v.m@example.com"),
        call(1, "otto", display_name="Otto"),
    )

    rows, found = identities()

    assert [(one.kind, one.username[:8], one.calls, one.suggestion) for one in rows] == [
        (NOBODY, NOBODY[:8], 1, ""),
        ("installation", "0f0f0f0f", 5, ""),
        ("name", "Vera.Mol", 4, "v.m@example.com"),
        ("name", "ada", 3, "ada@example.com"),
        ("spelling", "vera@exa", 1, "v.m@example.com"),
    ]
    assert found == 5
    assert (rows[1].tokens, rows[1].last_time) == (500, NOW)
    assert [one.username for one in identities("MOLNAR", page=2, per_page=1)[0]] == [
        "vera@example.com"
    ]


def test_whoever_is_confirmed_or_mapped_is_no_longer_listed():
    send(*(call(1, name) for name in ("ada", "vera", "vm", "zoé")))

    merging.confirm("ada")
    merge("vm", "vera")

    assert [one.username for one in identities()[0]] == ["zoé"]
    with pytest.raises(Refused):
        merging.confirm("max")


NAMES = ("vera", "max", "vm")


@st.composite
def tellings(draw):
    """A telling of one of two calls under some of its ids and one of three names."""
    number = draw(st.integers(1, 2))
    ids = [f"{name}-{number}" for name in ("request", "message", "span")]
    id, *also = draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3, unique=True))
    user, tokens = draw(st.sampled_from(NAMES)), 100 * draw(st.integers(0, 2))
    fields = {"prompt_tokens": tokens, "usage_known": tokens > 0, "source": SOURCE[user]}
    return Event(id=id, also=tuple(also), user=user, time=NOW, replaces=True, **fields)


SOURCE = {"vera": "ide", "max": "cli", "vm": "ui"}


def components(things, ids_of):
    """Things that share an id, directly or through others."""
    groups = []
    for thing in things:
        ids, group = set(ids_of(thing)), [thing]
        for other in [one for one in groups if not one[0].isdisjoint(ids)]:
            groups.remove(other)
            ids, group = ids | other[0], other[1] + group
        groups.append((ids, group))
    return groups


def due(told, into):
    """Answered, unknown and tokens per name, when of each person's calls the best copy counts."""
    copies = []
    for name in NAMES:
        mine = [event for event in told if event.user == name]
        for ids, events in components(mine, lambda event: (event.id, *event.also)):
            copies.append((ids, name, max(event.prompt_tokens for event in events)))
    found = {}
    for person in NAMES:
        theirs = [copy for copy in copies if owner(copy[1], into) == person]
        for _, group in components(theirs, lambda copy: copy[0]):
            own = [(tokens, name == person, -NAMES.index(name), name) for _, name, tokens in group]
            tokens, *_, name = max(own)
            answered, unknown, total = found.get(name, (0, 0, 0))
            found[name] = answered + (tokens > 0), unknown + (not tokens), total + tokens
    return found


def owner(name, into):
    while name in into:
        name = into[name]
    return name


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.one_of(
            st.lists(tellings(), min_size=1, max_size=4),
            st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)),
        ),
        min_size=2,
        max_size=9,
    )
)
def test_linked_calls_merges_and_partings_in_any_order_count_once(steps):
    for table in reversed(models.TABLES):
        table.delete().execute()
    for name in NAMES:
        accounts.create_user(name, NOW)
    told, into = [], {}
    for step in steps:
        if isinstance(step, list):
            send(*step)
            told += step
        elif step[0] in into:
            part(step[0])
            del into[step[0]]
        elif owner(step[1], into) != step[0]:
            merge(*step)
            into[step[0]] = owner(step[1], into)
        found = {key[2]: (row[0], row[2], row[3]) for key, row in daily_rows().items()}
        assert found == due(told, into)
    assert not told or ACCEPTED not in send(*told)


def test_calls_of_two_names_that_a_later_record_links_count_once():
    def told(user, tokens, id, *also):
        known = {"prompt_tokens": tokens, "usage_known": tokens > 0, "source": SOURCE[user]}
        return Event(id=id, also=also, user=user, time=NOW, replaces=True, **known)

    for name in NAMES:
        accounts.create_user(name, NOW)
    send(told("max", 100, "message-2"), told("vera", 200, "request-2"))
    merge("vera", "max")

    send(told("vera", 0, "message-2", "request-2"))

    assert {key[2]: row[3] for key, row in daily_rows().items()} == {"vera": 200}


@pytest.mark.parametrize("user", ["kim", NOBODY])
def test_a_record_of_nobody_may_show_that_calls_of_two_names_are_one(user):
    send(call(1, "kim"), call(2, "lee", "request-3", tokens=200))
    merge("lee", "kim")

    send(call(1, user, "request-3"))

    assert [(key[2], row[0], row[3]) for key, row in daily_rows().items()] == [("lee", 1, 200)]


@pytest.mark.parametrize("also", [(), ("request-1",)])
def test_a_call_counts_again_once_the_copy_that_said_more_goes_to_somebody_else(also):
    key = Key("gateway", unsure=re.compile(INSTALLATION))
    record([call(1, "gateway", *also)], "UTC", NOW, key)
    send(call(1, "vera", *also, tokens=50))
    merge("gateway", "vera")
    assert shown() == [("vera", 1, 100)]

    record([call(1, "zoe", *also)], "UTC", NOW, key)

    assert verify() == []
    assert sorted(shown()) == [("vera", 1, 50), ("zoe", 1, 100)]


def test_the_same_call_under_two_names_at_once_counts_once(app):
    for name in ("vera", "vm"):
        accounts.create_user(name, NOW)
    merge("vm", "vera")
    outcomes, start = [], Barrier(4)

    def deliver(name):
        with models.db.connection_context():
            start.wait()
            for number in range(15):
                outcomes.append(record([call(number, name)], "UTC", NOW)[0])

    threads = [Thread(target=deliver, args=(name,)) for name in ("vera", "vm") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count(ACCEPTED) == 15
    assert shown() == [("vera", 15, 1500)]
    assert verify() == []


def test_a_merge_while_calls_arrive_counts_them_once():
    for name in ("vera", "vm"):
        accounts.create_user(name, NOW)
    start = Barrier(3)

    def deliver(name):
        with models.db.connection_context():
            start.wait()
            for number in range(20):
                record([call(number, name), call(f"{name}-{number}", name)], "UTC", NOW)

    def change():
        with models.db.connection_context():
            start.wait()
            for _ in range(3):
                merging.merge("vm", "vera", NOW)
                merging.part("vm")
            merging.merge("vm", "vera", NOW)

    threads = [Thread(target=deliver, args=(name,)) for name in ("vera", "vm")]
    threads.append(Thread(target=change))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert shown() == [("vera", 60, 6000)]
    assert verify() == []


@pytest.mark.parametrize(
    ("late", "calls"),
    [
        ([], 2),
        ([call(1, "vm")], 2),
        ([call(2, "vm", "call-1")], 1),
        ([call(1, "vm"), call(3, "vm")], 3),
    ],
    ids=["nothing", "call", "id", "always"],
)
def test_what_arrives_while_a_merge_looks_around_is_looked_at_too(monkeypatch, late, calls):
    send(call(1, "vera"), call(2, "vm"))
    comparisons, arriving, compare = [], iter(late), doubles.compare

    def compare_and_send(*whose):
        # Nobody who wants to store has to wait for it.
        assert not models.db.in_transaction()
        comparisons.append(compare(*whose))
        for event in islice(arriving, 1):
            send(event)
        return comparisons[-1]

    monkeypatch.setattr(doubles, "compare", compare_and_send)
    merge("vm", "vera")

    assert len(comparisons) == min(len(late) + 1, 2)
    assert shown() == [("vera", calls, 100 * calls)]


@pytest.mark.parametrize(
    ("act", "due"),
    [(merging.preview, [("vera", 1, 100), ("vm", 1, 100)]), (merge, [("vera", 1, 100)])],
)
def test_two_calls_may_turn_out_to_be_one_while_names_are_compared(monkeypatch, act, due):
    send(call(1, "vm"), call(2, "vm"), call(2, "vera"))
    arriving, copies = iter([call(1, "vm", "call-2")]), one_person.copies

    def deliver():
        with models.db.connection_context():
            send(*arriving)

    def copies_of_then(*asked):
        found = copies(*asked)
        sender = Thread(target=deliver)
        sender.start()
        sender.join()
        return found

    monkeypatch.setattr(one_person, "copies", copies_of_then)
    act("vm", "vera")

    assert shown() == due
