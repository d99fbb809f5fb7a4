"""usage/ingest/same_call.py - one call told under several ids, by several roads, counts once."""

import itertools
from threading import Barrier, Thread

import pytest
from conftest import NOW, assert_query_count, empty_tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import daily_rows

import models
from models import User
from usage.ingest.call_names import names_of_all
from usage.ingest.event import NOBODY, Event
from usage.ingest.fields import OPAQUE
from usage.ingest.record import NO_KEY, Key, Outcome, record
from usage.ingest.same_call import resolve
from usage.rollups import verify

ACCEPTED, DUPLICATE, REPLACED, CLOSED = Outcome
NUMBER = "f" * 64
# On SQLite; PostgreSQL also takes a lock.
LOOKED_UP = 13
pytestmark = pytest.mark.usefixtures("app")


def call(id, *also, tokens=100, user="vera", **fields):
    """A telling of a call: its id, and the other ids that this road knows of it."""
    fields |= {"prompt_tokens": tokens, "usage_known": tokens > 0}
    return Event(id=id, also=also, user=user, time=NOW, **fields)


def at(name):
    """The place of a span in its trace."""
    return f"{'0' * 32}:{name.encode().hex():0>16}"


def span(name, parent="", tokens=100, id="", **fields):
    """A call as the span of a trace, with the id of its answer if it is known."""
    fields |= {"span": at(name), "parent_span": parent and at(parent)}
    return call(id or at(name), *[at(name)] if id else (), tokens=tokens, **fields)


def send(*events, key=NO_KEY):
    return record(events, "UTC", NOW, key)


def counted():
    """Per person: answered calls, calls of unknown usage, and tokens."""
    assert verify() == []
    sums = {}
    for key, row in daily_rows().items():
        sums.setdefault(key[2], []).append((row[0], row[2], row[3]))
    return {user: tuple(map(sum, zip(*rows, strict=True))) for user, rows in sums.items()}


@pytest.mark.parametrize(
    "tellings",
    [
        [call("request", "message"), call("message")],
        [call("request"), call("message", "request")],
        [call("request", "message"), call("other", "message")],
        [call("request", "message"), call("message", "request"), call("request")],
        [call("request"), call("message", "request"), call("message")],
    ],
    ids=["own", "stored", "shared", "crosswise", "through-another"],
)
def test_a_call_is_known_again_by_any_of_its_ids(tellings):
    outcomes = [send(telling)[0] for telling in tellings]

    assert outcomes == [ACCEPTED, *[DUPLICATE] * len(tellings[1:])]
    assert counted() == {"vera": (1, 0, 100)}


def test_a_call_of_whom_the_key_names_is_whose_the_same_batch_says_it_is():
    send(call("request", user="robot"), call("request"), key=Key("robot"))

    assert counted() == {"vera": (1, 0, 100)}


def test_other_ids_of_another_person_are_another_call():
    send(call("request", "message"), call("message", user="max"))

    assert counted() == {"vera": (1, 0, 100), "max": (1, 0, 100)}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("together", [True, False])
def test_a_span_inside_a_span_of_equal_tokens_is_the_same_call(order, together):
    spans = [span("outer"), span("inner", parent="outer")][::order]

    outcomes = send(*spans) if together else [send(one)[0] for one in spans]

    assert outcomes == [ACCEPTED, DUPLICATE]
    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_call_that_three_instrumentations_tell_counts_once(order, together):
    # OTel's own around OpenInference, which knows no id, around that of the provider's library.
    tellings = [
        span("a", id="message", replaces=True),
        span("b", parent="a", replaces=True),
        span("c", parent="b", id="message", replaces=True),
    ]
    told = [tellings[place] for place in order]

    outcomes = send(*told) if together else [send(one)[0] for one in told]

    assert outcomes[0] == ACCEPTED
    assert counted() == {"vera": (1, 0, 100)}


def test_spans_side_by_side_or_of_other_tokens_are_calls_of_their_own():
    send(
        span("agent", tokens=300), span("a", parent="agent"), span("b", parent="agent", tokens=200)
    )

    assert counted() == {"vera": (3, 0, 600)}


FAMILIES = {
    "two calls beside each other": (2, [span("a", "agent"), span("b", "agent")]),
    "two calls in one of the same size": (2, [span("o"), span("a", "o"), span("b", "o")]),
    "and one of them told again inside": (
        2,
        [span("o"), span("a", "o"), span("b", "o"), span("c", "a")],
    ),
    "two answers in a span that has one of them": (
        2,
        [span("o", id="m1"), span("a", "o", id="m1"), span("b", "o", id="m2")],
    ),
    "one answer told by two beside each other": (
        1,
        [span("o"), span("a", "o", id="m1"), span("b", "o", id="m1")],
    ),
    "another answer inside is another call": (2, [span("o", id="m1"), span("a", "o", id="m2")]),
    "a failure inside a stream of unknown usage": (
        0,
        [span("o", tokens=0), span("a", "o", tokens=0, failed=True)],
    ),
}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("parent", ["agent", "chain"])
@pytest.mark.parametrize("id", ["", "message"])
def test_a_framework_and_the_library_below_it_tell_the_same_call_anywhere_in_a_trace(
    id, parent, together, order
):
    spans = [span("outside", parent, teller="a"), span("library", "agent", id=id, teller="b")]
    spans = spans[::order]

    for batch in [spans] if together else [[one] for one in spans]:
        send(*batch)

    assert [send(one)[0] for one in spans] == [DUPLICATE, DUPLICATE]
    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("replaces", [True, False])
def test_the_model_is_that_which_was_asked_for_whoever_tells_it(replaces, together, order):
    tellings = [
        call("message", "a", model="gpt-4.1-2025-04-14", replaces=replaces),
        call("message", "b", model="gpt-4.1", tokens=99),
    ][::order]

    for batch in [tellings] if together else [[one] for one in tellings]:
        send(*batch)

    assert verify() == []
    assert {model for *_, model, _ in daily_rows()} == {"gpt-4.1"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_two_instrumentations_beside_each_other_tell_the_same_calls(order):
    tellings = [
        span("a", "agent", id="m1"),
        span("b", "agent"),
        span("c", "agent", id="m2", tokens=200),
        span("d", "agent", tokens=200),
    ]

    for place in order:
        send(tellings[place])

    assert counted() == {"vera": (2, 0, 300)}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("certain", [None, True])
def test_two_answers_of_one_size_are_two_calls_whoever_tells_one_of_them_again(certain, order):
    tellings = [
        span("a", "agent", id="m1", certain=certain),
        span("b", "agent", id="m2", certain=certain),
        span("c", "agent"),
    ]

    for place in order:
        send(tellings[place])

    assert counted() == {"vera": (2, 0, 200)}


def test_what_a_framework_tells_in_another_trace_or_of_other_tokens_is_another_call():
    send(span("library", "agent", id="message", certain=True))

    send(span("outside", "agent", tokens=99))
    send(call(f"{'1' * 32}:{'1' * 16}", span=f"{'1' * 32}:{'1' * 16}"))

    assert counted() == {"vera": (3, 0, 299)}


GPT = {"provider": "openai", "model": "o3"}
CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4"}
MAKERS = {
    "two makers": (2, [GPT, CLAUDE]),
    "two makers, one with the answer's id": (2, [GPT, CLAUDE | {"id": "msg"}]),
    "two makers, and one that a third tells again": (2, [GPT, CLAUDE, CLAUDE]),
    "two makers, and one that knows no person": (2, [GPT | {"user": NOBODY}, GPT, CLAUDE]),
    "both, and a third that knows neither": (2, [GPT, CLAUDE, {}, {"teller": "2"}]),
    "makers without models": (2, [{"provider": "openai"}, {"provider": "anthropic"}]),
    "one that is not told": (1, [GPT, {}]),
    "a model under the name of its gateway": (1, [{"provider": "openai", "model": "x"}, CLAUDE]),
    "one interface for another's model": (1, [GPT | {"model": "claude-4"}, CLAUDE]),
    "who serves it": (1, [{"provider": "azure", "model": "gpt-4.1"}, GPT]),
    "whose cloud it is": (1, [{"provider": "bedrock", "model": "claude-4"}, CLAUDE]),
    "google's cloud": (1, [{"provider": "google", "model": "claude-4"}, CLAUDE]),
}


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_answers_of_one_size_by_two_makers_are_two_calls_of_a_trace(name, data):
    start_over()
    calls, tellings = MAKERS[name]
    spans = [
        span(f"{place}", f"around {place}", **{"teller": f"{place}"} | said)
        for place, said in enumerate(tellings)
    ]

    in_batches(data, spans)

    assert counted() == {"vera": (calls, 0, 100 * calls)}


@pytest.mark.parametrize("owners", [("vera", "vera"), ("vera", NOBODY), (NOBODY, "vera")])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("together", [True, False])
def test_what_the_library_of_the_provider_tells_goes_for_certain(together, order, owners):
    tellings = [
        call("message", "a", tokens=101, certain=False, user=owners[0]),
        call("message", "b", tokens=100, certain=True, replaces=True, user=owners[1]),
        call("message", "a", tokens=101, certain=False, user=owners[0]),
    ]
    told = [tellings[place] for place in order]

    for batch in [told] if together else [[one] for one in told]:
        send(*batch)

    assert counted() == {"vera": (1, 0, 100)}


def start_over():
    empty_tables()


def in_batches(data, events, key=NO_KEY):
    """The events in any order and batches, all of it twice."""
    told = data.draw(st.permutations(events * 2))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(told)), max_size=3)))
    for start, end in itertools.pairwise([0, *cuts, len(told)]):
        send(*told[start:end], key=key)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_spans_around_each_other_come_to_the_same_calls_in_any_order_and_batches(name, data):
    start_over()
    calls, spans = FAMILIES[name]

    in_batches(data, spans)

    unknown = sum(not (one.usage_known or one.failed) for one in spans)
    assert counted() == {"vera": (calls, unknown, 100 * calls)}


@st.composite
def towers(draw):
    """Calls of equal tokens side by side, each told by a span in a span in a span."""
    layers = draw(st.lists(st.booleans(), min_size=1, max_size=3))
    others = draw(st.sampled_from([NOBODY, "robot"]))
    user, told = draw(st.integers(0, len(layers) - 1)), []
    for call in range(draw(st.integers(1, 3))):
        parent = "agent"
        for layer, knows_its_id in enumerate(layers):
            name, id = f"{call}-{layer}", f"answer-{call}" if knows_its_id else ""
            whose = {"user": "vera" if layer == user else others, "teller": f"{layer}"}
            told.append(span(name, parent, id=id, **whose))
            parent = name
    return told


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(towers(), st.data())
def test_calls_that_several_instrumentations_tell_each_count_once_for_whom_one_names(told, data):
    start_over()

    in_batches(data, told, Key(stand_in="robot"))

    calls = sum(one.parent_span == at("agent") for one in told)
    assert counted() == {"vera": (calls, 0, 100 * calls)}


@st.composite
def traces(draw):
    """Calls of one trace, some of equal tokens: each told by the same tellers, in any place."""
    tellers = draw(st.dictionaries(st.sampled_from("abc"), st.booleans(), min_size=1))
    people = st.sampled_from([NOBODY, "robot"])
    user, told = draw(st.sampled_from(sorted(tellers))), []
    tokens = [100, 100, *draw(st.lists(st.sampled_from([100, 200]), max_size=2))]
    for number, size in enumerate(tokens):
        around = ["agent", f"chain-{number}"]
        for teller, knows_its_id in tellers.items():
            name, parent = f"{teller}-{number}", draw(st.sampled_from(around))
            around.append(name)
            whose = {"user": "vera" if teller == user else draw(people), "teller": teller}
            id = f"answer-{number}" if knows_its_id else ""
            told.append(span(name, parent, size, id, **whose))
    return tokens, told


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traces(), st.data())
def test_calls_of_equal_tokens_stay_as_many_as_any_instrumentation_tells(trace, data):
    start_over()
    tokens, told = trace

    in_batches(data, told, Key(stand_in="robot"))

    assert counted() == {"vera": (len(tokens), 0, sum(tokens))}


def alike(id, teller, tokens=100):
    """A call that another road knows by its session and its size alone."""
    return call(id, tokens=tokens, alike=f"session: {tokens}", teller=teller, replaces=True)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 3), st.integers(1, 3), st.data())
def test_calls_that_are_alike_are_as_many_as_any_road_tells(logged, written, data):
    start_over()
    logs = [alike(f"log {number}", "log") for number in range(logged)]
    lines = [alike(f"line {number}", "file") for number in range(written)]

    in_batches(data, logs + lines)

    calls = max(logged, written)
    assert counted() == {"vera": (calls, 0, 100 * calls)}


def test_a_call_that_another_road_tells_whole_may_have_grown_to_it():
    send(alike("log", "log"))
    send(alike("line", "file", tokens=1))
    send(alike("line", "file"))

    assert counted() == {"vera": (1, 0, 100)}


def test_a_call_is_known_again_in_the_same_batch():
    assert send(call("request"), call("message", "request")) == [ACCEPTED, DUPLICATE]

    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("order", [1, -1])
def test_a_call_of_nobody_is_whose_another_road_says(order):
    for telling in [call("request", "message", user=NOBODY), call("request", "message")][::order]:
        send(telling)

    assert counted() == {"vera": (1, 0, 100)}
    assert send(call("message", "request", user=NOBODY)) == [DUPLICATE]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("together", [True, False])
def test_a_call_of_an_installations_number_is_whose_another_road_says(order, together):
    told = [call("request", user=NUMBER), call("request", "message")][::order]

    for batch in [told] if together else [[one] for one in told]:
        send(*batch, key=Key(unsure=OPAQUE))

    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("order", [1, -1])
def test_a_call_that_a_key_signs_is_whose_another_road_says(order):
    for telling in [call("request", user="robot"), call("request", "message")][::order]:
        send(telling, key=Key("robot", unsure=OPAQUE))

    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("unsure", [NUMBER, "2f1c0d5e-7a4b-4c1d-9e8f-0123456789ab", "robot"])
def test_a_call_that_all_know_by_one_id_is_whose_a_record_says_by_name(unsure, together, order):
    told, key = [call("request", user=unsure), call("request")], Key("robot", unsure=OPAQUE)

    for batch in [told[::order]] if together else [[one] for one in told[::order]]:
        send(*batch, key=key)

    assert counted() == {"vera": (1, 0, 100)}
    assert [send(one, key=key)[0] for one in told] == [DUPLICATE] * 2
    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("key", [NO_KEY, Key("robot")])
@pytest.mark.parametrize("other", [NUMBER, "robot"])
def test_whoever_says_whose_each_call_is_may_give_two_people_calls_of_one_id(other, key):
    send(call("request", user=other), key=key)

    assert send(call("request"), key=key) == [ACCEPTED]
    assert counted() == {other: (1, 0, 100), "vera": (1, 0, 100)}


def test_a_number_that_an_admin_called_a_person_keeps_its_calls():
    send(call("request", user=NUMBER))
    User.update(confirmed=True).where(User.username == NUMBER).execute()

    send(call("request", "message"))
    send(call("other", "message"), call("other", user=NUMBER), key=Key(unsure=OPAQUE))

    assert counted() == {NUMBER: (2, 0, 200), "vera": (1, 0, 100)}


def test_a_call_of_nobody_keeps_its_tokens_when_its_person_is_known():
    send(call("request", "message", user=NOBODY))
    send(call("request", "message", tokens=0))

    assert counted() == {"vera": (1, 0, 100)}


def test_a_call_that_was_nobodys_is_not_nobodys_again_in_the_same_batch():
    send(call("request", "message", user=NOBODY))
    send(call("request", "message"), call("request", "message", user=NOBODY))

    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "tellings",
    [
        [call("request", user=NOBODY), call("request")],
        [call("request", user=NOBODY), call("request", "message")],
        [call("request", "message", user=NOBODY), call("request")],
        [call("request", "message", user=NOBODY), call("message")],
        [call("message", "request", user=NOBODY), call("request")],
    ],
    ids=["neither", "named", "nobodys", "nobodys-other", "nobodys-own"],
)
def test_a_call_of_nobody_is_known_again_whichever_road_links_it(tellings, together, order):
    tellings = [tellings[place] for place in order]

    for batch in [tellings] if together else [[telling] for telling in tellings]:
        send(*batch)

    assert counted() == {"vera": (1, 0, 100)}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("linker", ["vera", NOBODY])
def test_calls_that_a_third_record_links_are_one(linker, order):
    tellings = [call("request"), call("message"), call("other", "request", "message", user=linker)]

    for place in order:
        send(tellings[place])

    assert counted() == {"vera": (1, 0, 100)}
    assert {send(one)[0] for one in tellings} == {DUPLICATE}


def test_what_was_said_of_a_call_first_stays_when_its_person_is_known():
    send(call("request", user=NOBODY, project="atlas", model="o3"))
    assert send(call("request", project="borneo", source="ide", model="gpt-4.1")) == [REPLACED]

    (project, _day, user, *words) = next(iter(daily_rows()))
    assert (project, user, words) == ("atlas", "vera", ["ide", "", "o3", ""])


@pytest.mark.parametrize("key", [NO_KEY, Key("robot", unsure=OPAQUE)])
@pytest.mark.parametrize("others", [[NOBODY], []])
def test_new_calls_of_known_people_are_looked_up_with_one_question(key, others):
    send(*(call(user, user=user) for user in ("vera", "max", "robot", *others)))

    with assert_query_count(LOOKED_UP + bool(models.db.for_update)):
        assert send(call("a"), call("b", user="max"), key=key) == [ACCEPTED] * 2


def send_at_once(numbers, *roads, key=NO_KEY):
    """Send a batch of one by every road at the same time, number by number."""
    start = Barrier(len(roads))

    def deliver(road):
        with models.db.connection_context():
            for number in numbers:
                start.wait()
                record([road(number)], "UTC", NOW, key)

    threads = [Thread(target=deliver, args=(road,)) for road in roads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "road",
    [
        lambda n: call(f"r{n}", f"m{n}"),
        lambda n: call(f"m{n}", user=NOBODY),
        lambda n: call(f"x{n}", f"m{n}", user=NOBODY),
        lambda n: call(f"s{n}", bucket=True, calls=9, tokens=900),
    ],
    ids=["linked", "nobodys", "linked-nobodys", "summed"],
)
def test_a_call_that_comes_by_two_roads_at_once_counts_once(road):
    send_at_once(range(12), road, lambda n: call(f"m{n}"))

    assert counted() == {"vera": (12, 0, 1200)}


@pytest.mark.parametrize("other", [NUMBER, "robot"])
def test_a_call_of_nobody_certain_that_somebody_is_named_for_at_once_counts_once(other):
    send(call("before", user=other))
    roads = (lambda n: call(f"r{n}", user=other)), (lambda n: call(f"r{n}"))

    send_at_once(range(12), *roads, key=Key("robot", unsure=OPAQUE))

    assert counted() == {"vera": (12, 0, 1200), other: (1, 0, 100)}


def test_a_call_of_a_log_that_its_session_file_tells_at_once_counts_once():
    def road(teller):
        return lambda n: call(f"{teller}{n}", alike=f"counts-{n}", teller=teller)

    send_at_once(range(12), road("log"), road("file"))

    assert counted() == {"vera": (12, 0, 1200)}


def test_a_call_of_nobody_that_two_name_at_once_under_other_ids_counts_once():
    send(*(call(f"x{n}", f"r{n}", f"m{n}", user=NOBODY) for n in range(12)))

    send_at_once(range(12), lambda n: call(f"r{n}"), lambda n: call(f"m{n}"))

    assert counted() == {"vera": (12, 0, 1200)}


def test_a_sum_whose_calls_come_by_two_roads_at_once_is_set_aside_once():
    sums = {"bucket": True, "calls": 9, "tokens": 900}
    send(*(call(f"s{n}", model=f"m{n}", **sums) for n in range(12)))

    calls = [lambda n: call(f"a{n}", model=f"m{n}"), lambda n: call(f"b{n}", model=f"m{n}")]
    send_at_once(range(12), *calls)

    assert counted() == {"vera": (24, 0, 2400)}


@st.composite
def tellings(draw, unknown):
    """A telling of one of two calls: under some of its ids, and who it was of may be unsaid."""
    number = draw(st.integers(1, 2))
    names = [f"{name}-{number}" for name in ("request", "message", "span")]
    ids = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    tokens = 0 if unknown and draw(st.booleans()) else 100 * number
    user = draw(st.sampled_from(["vera", NOBODY]))
    return call(*ids, tokens=tokens, user=user, replaces=draw(st.booleans()))


def due(told):
    """What these tellings come to: all that share an id are one call, of whom any of them names."""
    calls = []
    for event in told:
        same = [one for one in calls if not one["ids"].isdisjoint({event.id, *event.also})]
        calls = [one for one in calls if one not in same]
        calls.append(
            {
                "ids": {event.id, *event.also}.union(*(one["ids"] for one in same)),
                "tokens": max([event.prompt_tokens, *(one["tokens"] for one in same)]),
                "users": {event.user}.union(*(one["users"] for one in same)),
            }
        )
    found = {}
    for one in calls:
        user = "vera" if "vera" in one["users"] else NOBODY
        answered, unknown, total = found.get(user, (0, 0, 0))
        known = bool(one["tokens"])
        found[user] = answered + known, unknown + (not known), total + one["tokens"]
    return found


@pytest.mark.parametrize("unknown", [False, True])
@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_calls_told_in_any_way_order_and_batches_count_once(unknown, data):
    start_over()
    batch = st.lists(tellings(unknown), min_size=1, max_size=4)
    batches = data.draw(st.lists(batch, min_size=1, max_size=4))

    for batch in batches * 2:
        send(*batch)

    assert counted() == due([event for batch in batches for event in batch])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traces(), st.data())
def test_those_that_share_no_name_are_kept_as_if_each_were_looked_at_among_the_others(told, data):
    start_over()
    events = data.draw(st.lists(st.sampled_from(told[1]), min_size=1, unique_by=lambda e: e.id))
    send(*data.draw(st.lists(st.sampled_from(told[1]), max_size=2)))
    own, names = [(1, event.id) for event in events], names_of_all(events)
    ways = names, names._replace(alone={})

    found = [resolve(events, own, (0, 0), one, None) for one in ways]

    assert found[0].calls == found[1].calls
    assert {*found[0].claimed} == {*found[1].claimed}
