"""usage/ingest/tellings.py - several reports of one call come to all that is known of it."""

import itertools
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from conftest import NOW, TODAY, settings
from ledger import daily_rows

from models import Event as Stored
from models import User
from usage import accounts, prices
from usage.counting import COUNTERS, TOKEN_FIELDS
from usage.ingest.event import NOBODY, Event
from usage.ingest.record import Outcome, record
from usage.leaderboard import standings
from usage.rollups import verify
from usage.scope import Scope
from usage.warm import Store

ACCEPTED, DUPLICATE, REPLACED, CLOSED = Outcome
WAYS = [{"replaces": False}, {"replaces": True}, {"replaces": True, "certain": True}]
pytestmark = pytest.mark.usefixtures("app")


def told(id="chatcmpl-1", user="vera", **said):
    """A record of one call of 1000 + 200 tokens, with some fields changed."""
    counts = {"prompt_tokens": 1000, "completion_tokens": 200}
    model = {"provider": "openai", "model": "gpt-4.1"}
    return Event(id=id, user=user, **{"time": NOW} | counts | model | said)


def deliver(*events, together=False):
    """Send the events in one batch or one by one; what became of each."""
    if together:
        return record(events, "UTC", NOW)
    return [record([event], "UTC", NOW)[0] for event in events]


def stored():
    """The one stored call, of which the daily row, the kept standings and verify() say the same."""
    assert verify() == []
    (call,) = Stored.select()
    ((key, row),) = daily_rows().items()
    assert key[1:2] + key[3:] == (
        call.day,
        call.source,
        call.provider,
        call.model,
        call.test_type,
    )
    counted = dict(zip(COUNTERS, row, strict=False))
    assert [counted[name] for name in TOKEN_FIELDS] == [getattr(call, n) for n in TOKEN_FIELDS]
    assert counted["reported_nanodollars"] == (call.cost_nanodollars or 0)
    assert counted["list_nanodollars"] == (call.list_nanodollars or 0)
    assert (counted["calls"], *row[-2:]) == (1, call.time, call.time)
    return call


def kinds(call):
    """Cache read, cache write and reasoning tokens."""
    return tuple(getattr(call, name) for name in TOKEN_FIELDS[2:])


@pytest.fixture
def board():
    """Reads the board with what was kept of it, which has to be what it is when read anew."""
    kept = Store()
    admin = User(role=accounts.SUPER_ADMIN)
    scope = Scope.from_args({}, accounts.horizon(admin, settings().rates, "UTC", NOW))

    def rows(store):
        with store.tally(scope) as tally:
            return {tally.names[one].username: list(row) for one, row in tally.people.items()}

    def read():
        assert rows(kept) == rows(Store())
        return standings(scope)

    return read


@pytest.fixture(params=itertools.product([1, -1], [True, False]), ids=str)
def both_told(request, board):
    """Two records of a call, in either order, the richer adds to the other; the stored call."""
    order, together = request.param

    def tell(poor, rich):
        tellings = [poor, rich][::order]
        board()
        outcomes = deliver(*tellings, together=together)
        board()

        assert outcomes == [ACCEPTED, REPLACED if (order, together) == (1, False) else DUPLICATE]
        call = stored()
        assert deliver(*tellings) == [DUPLICATE] * 2
        assert stored() == call
        return call

    return tell


@pytest.mark.parametrize("ways", list(itertools.product(WAYS, WAYS)))
def test_a_call_ends_with_the_richer_tokens_and_the_cost_whoever_tells_first(ways, both_told):
    prices.set_price("openai", "gpt-4.1", {"prompt": "2", "completion": "8", "cache_read": "0.5"})
    rich = {"cache_read_tokens": 512, "reasoning_tokens": 40, "cost_usd": Decimal("0.00123")}

    call = both_told(told(**ways[0]), told(**ways[1], **rich))

    assert kinds(call) == (512, 0, 40)
    assert call.cost_nanodollars == 1_230_000
    assert call.list_nanodollars == 488 * 2000 + 512 * 500 + 200 * 8000


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_each_of_several_records_alone_knows_is_kept_of_all(order):
    tellings = [
        told(cache_read_tokens=512, cost_usd=Decimal(1), replaces=True),
        told(cache_write_tokens=20, reasoning_tokens=30),
        told(cache_read_tokens=500, reasoning_tokens=40, cost_usd=Decimal(2)),
    ]

    deliver(*(tellings[place] for place in order))

    assert kinds(stored()) == (512, 20, 40)
    assert stored().cost_nanodollars == 2 * 10**9


@pytest.mark.parametrize("order", [1, -1])
def test_cached_tokens_that_are_more_than_the_prompt_together_are_those_of_one_record(order):
    deliver(*[told(cache_read_tokens=600), told(cache_write_tokens=700)][::order])

    assert kinds(stored()) == (0, 700, 0)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("replaces", [True, False])
def test_a_record_of_other_totals_adds_no_more_than_its_cost(replaces, order):
    whole = told(replaces=True, cache_read_tokens=10)
    part = told(prompt_tokens=900, replaces=replaces, cache_read_tokens=800, cost_usd=Decimal(1))
    deliver(*([whole, part] if order == 1 else [part.but(replaces=True), whole]))

    assert stored().prompt_tokens == 1000
    assert kinds(stored()) == (10, 0, 0)
    assert stored().cost_nanodollars == 10**9


def test_a_record_for_another_project_changes_no_numbers():
    deliver(told(project="atlas"))

    again = told(project="borneo", cache_read_tokens=512, source="ide", cost_usd=Decimal(1))
    assert deliver(again) == [DUPLICATE]

    assert (kinds(stored()), stored().cost_nanodollars, stored().source) == ((0, 0, 0), None, "")


@pytest.mark.parametrize("order", [1, -1])
def test_calls_that_turn_out_to_be_one_keep_what_either_knows(order):
    rich = told("request", NOBODY, cache_read_tokens=512, cost_usd=Decimal(1), source="ide")
    more = told("message", also=("request",), reasoning_tokens=40, project="atlas")

    deliver(*[rich, more][::order])

    assert kinds(stored()) == (512, 0, 40)
    assert stored().cost_nanodollars == 10**9
    assert (stored().source, stored().user.username) == ("ide", "vera")


def test_of_a_failed_call_nobody_learns_a_cost():
    deliver(told(failed=True))
    deliver(told(cost_usd=Decimal(1), cache_read_tokens=5))

    (call,) = Stored.select()
    assert (call.failed, call.cost_nanodollars, call.cache_read_tokens) == (True, None, 0)
    assert verify() == []


SAID = {"project": "atlas", "source": "ide", "test_type": "Unit Tests"}
SAID |= {"provider": "openai", "model": "gpt-4.1"}
WORDS = [{name: value} for name, value in SAID.items()]


@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("word", [*WORDS, SAID], ids=str)
def test_what_one_record_leaves_out_another_fills_in(word, replaces, both_told):
    blank = dict.fromkeys(SAID, "")

    call = both_told(told(**blank, replaces=replaces), told(**blank | word))

    (key,) = daily_rows()
    words = (key[0], call.source, call.test_type, call.provider, call.model)
    assert words == tuple((blank | word).values())


@pytest.mark.parametrize("order", [1, -1])
def test_a_call_moves_to_its_day_in_the_zone_of_the_project_that_is_told_later(order, make_project):
    make_project("atlas", "Pacific/Kiritimati")
    neighbour = told("other", project="atlas", time=NOW + timedelta(hours=1))
    tellings = [told(), told(project="atlas", source="ide")][::order]

    deliver(neighbour, *tellings)

    assert verify() == []
    days = {(key[0], key[1], key[3]): row[0] for key, row in daily_rows().items()}
    tomorrow = TODAY + timedelta(days=1)
    assert days == {("atlas", tomorrow, ""): 1, ("atlas", tomorrow, "ide"): 1}


def test_a_price_is_found_as_soon_as_the_model_is_known():
    prices.set_price("openai", "gpt-4.1", {"prompt": "2", "completion": "8"})
    deliver(told(provider="", model=""))
    assert stored().list_nanodollars is None

    deliver(told())

    assert stored().list_nanodollars == 1000 * 2000 + 200 * 8000


def attributes(**said):
    """Attributes as OTLP has them in JSON; their names have "__" for "."."""
    return [
        {
            "key": name.replace("__", "."),
            "value": {"intValue" if isinstance(value, int) else "stringValue": value},
        }
        for name, value in said.items()
    ]


SPAN = {
    "traceId": "a" * 32,
    "spanId": "b" * 16,
    "name": "chat gpt-4.1",
    "endTimeUnixNano": "1795342724000000000",
    "attributes": attributes(
        gen_ai__operation__name="chat",
        gen_ai__system="openai",
        gen_ai__request__model="gpt-4.1",
        gen_ai__response__id="chatcmpl-1",
        gen_ai__usage__input_tokens=1000,
        gen_ai__usage__output_tokens=200,
        enduser__id="vera@example.com",
    ),
}
USAGE = {
    "prompt_tokens_details": {"cached_tokens": 512},
    "completion_tokens_details": {"reasoning_tokens": 40},
}
CALLBACK = {
    "id": "chatcmpl-1",
    "call_type": "acompletion",
    "status": "success",
    "startTime": 1795342723.0,
    "endTime": 1795342724.0,
    "api_base": "https://api.openai.com",
    "custom_llm_provider": "openai",
    "model": "openai/gpt-4.1",
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "response_cost": 0.00123,
    "request_tags": ["test_type:Unit Tests"],
    "metadata": {
        "user_api_key_user_email": "vera@example.com",
        "user_api_key_team_alias": "Atlas",
        "usage_object": USAGE,
    },
}
LOG = {
    "timeUnixNano": "1795342724000000000",
    "body": {"stringValue": "claude_code.api_request"},
    "attributes": attributes(
        event__name="api_request",
        request_id="req_1",
        input_tokens=1000,
        output_tokens=200,
        cost_usd="0.00123",
    ),
}
LINE = {
    "type": "assistant",
    "sessionId": "session",
    "requestId": "req_1",
    "cwd": "/home/vera/atlas",
    "timestamp": "2026-11-22T10:18:44Z",
    "message": {
        "id": "msg_1",
        "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": 1000, "output_tokens": 200},
    },
}


def grouped(groups, scopes, items, scope, *records):
    """A body of OTLP with these records."""
    return {groups: [{scopes: [{"scope": {"name": scope}, items: list(records)}]}]}


SPANS = "resourceSpans", "scopeSpans", "spans"
LOGS = "resourceLogs", "scopeLogs", "logRecords", "com.anthropic.claude_code.events"
ROW = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "status": "success",
    "startTime": "2026-11-22T10:18:43Z",
    "endTime": "2026-11-22T10:18:44Z",
    "api_base": "https://api.openai.com",
    "custom_llm_provider": "openai",
    "model": "gpt-4.1",
    "spend": 0.00123,
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "user": "2f1c0d5e-7a4b-4c1d-9e8f-0123456789ab",
}


@pytest.fixture
def roads(anonymous, make_key, run, tmp_path):
    """The roads by which a call may come; each sends a record of it."""
    nobodys, ottos = make_key("ingest"), make_key("ingest", user="otto@example.com")
    file = tmp_path / "calls.json"

    def post(path, body, key=nobodys):
        assert anonymous.post(path, json=body, headers=key).status_code == 200

    def log(key=ottos, **said):
        all_said = {"attributes": LOG["attributes"] + attributes(**said)}
        post("/v1/logs", grouped(*LOGS, LOG | all_said), key)

    def imported(record, *more):
        file.write_text(json.dumps(record))
        assert run("import", file, *more)[0] == 0

    scope = "opentelemetry.instrumentation.openai_v2"
    native = {"id": "chatcmpl-1", "time": "2026-11-22T10:18:44Z", "user": "vera@example.com"}
    native |= {"prompt_tokens": 1000, "completion_tokens": 200}
    return {
        "span": lambda: post("/v1/traces", grouped(*SPANS, scope, SPAN)),
        "callback": lambda: post("/ingest/litellm", [CALLBACK]),
        "native": lambda: post("/api/v1/events", native),
        "log of a key": log,
        "log of a number": lambda: log(nobodys, user__id="f" * 64),
        "log of a person": lambda: log(user__email="vera@example.com"),
        "session file": lambda: imported(LINE, "--user", "vera@example.com"),
        "spend row": lambda: imported([ROW]),
    }


@pytest.mark.parametrize(
    "order",
    [
        *itertools.permutations(["span", "callback"]),
        *itertools.permutations(["native", "callback"]),
        *itertools.permutations(["native", "span", "callback"]),
    ],
    ids="-".join,
)
def test_a_proxy_tells_what_an_instrumentation_and_the_app_do_not_know(roads, order):
    for road in order:
        roads[road]()

    call = stored()
    assert kinds(call) == (512, 0, 40)
    assert call.cost_nanodollars == 1_230_000
    assert (call.provider, call.model, call.test_type) == ("openai", "gpt-4.1", "Unit Tests")
    assert {(key[0], key[2]) for key in daily_rows()} == {("atlas", "vera@example.com")}


@pytest.mark.parametrize("order", [1, -1])
def test_a_session_file_tells_the_project_and_the_model_of_a_logged_call(roads, order):
    for road in ["log of a number", "session file"][::order]:
        roads[road]()

    call = stored()
    assert (call.cost_nanodollars, call.model) == (1_230_000, "claude-sonnet-4-5")
    assert {(key[0], key[2]) for key in daily_rows()} == {("atlas", "vera@example.com")}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "told",
    [
        ["spend row", "callback"],
        ["log of a number", "log of a person"],
        ["log of a key", "log of a person"],
    ],
    ids=": ".join,
)
def test_a_call_of_a_number_or_of_a_key_s_user_is_whose_a_later_record_names(roads, told, order):
    for _ in range(2):
        for road in told[::order]:
            roads[road]()
        assert stored().user.username == "vera@example.com"
