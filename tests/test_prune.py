"""flask prune - events of days long gone are dropped, and everything keeps adding up."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import NOW, ON_ONE_DATABASE, TODAY, account, days_ago, empty_tables, native
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import Ledger, daily_rows

from models import AuditEntry, CallId, DailyUsage, Project, Retention, User
from models import Event as Stored
from usage import accounts, merging, projects, pruning, retention, rezoning, rollups
from usage.accounts import Refused
from usage.ingest.event import Event
from usage.ingest.record import Outcome, record
from usage.rollups import rebuild, verify

NAMES = ("vera", "vm", "max")
MONTH_AGO = NOW - timedelta(days=30)
pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch):
    monkeypatch.setattr(pruning, "PEOPLE_AT_ONCE", 2)
    monkeypatch.setattr(pruning, "EVENTS_AT_ONCE", 3)
    monkeypatch.setattr("usage.cli_prune.PAUSE", 0)


def call(number, user="vera", time=MONTH_AGO, **fields):
    """A call of a month ago, with some fields changed."""
    return Event(id=f"call-{number}", user=user, time=time, prompt_tokens=10, **fields)


def send(*events):
    """Record events as one batch; what became of them."""
    return record(events, "UTC", NOW)


def prune(before):
    """Drop all events of the days before that one; the board is right after every slice."""
    pruning.begin(before, NOW)
    dropped = 0
    for some in pruning.drop():
        dropped += some
        assert verify() == []
    return dropped


def rezone(project, timezone):
    """Give a project another zone, and take all its calls to their new days."""
    rezoning.begin(projects.find(project), timezone)
    while projects.find(project).rezone_after is not None:
        rezoning.advance(projects.find(project))


def counted():
    """How many calls count, over all days."""
    return sum(row[0] for row in daily_rows().values())


@pytest.fixture
def pruned():
    """A board on which Vera's call 1 of a month ago counts, though its event is dropped."""
    send(call(1), call(2, time=NOW))
    assert prune(days_ago(20)) == 1


tellings = st.builds(
    lambda number, user, day, project, more: Event(
        id=f"call-{number}",
        user=user,
        # A call has one time, whoever tells it.
        time=NOW - timedelta(days=number % 12),
        project=project,
        prompt_tokens=10 + more,
        replaces=more > 2,
    ),
    st.integers(0, 30),
    st.sampled_from(NAMES),
    st.integers(0, 11),
    st.sampled_from(("", "checkout")),
    st.integers(0, 4),
)
steps = st.lists(
    st.one_of(
        st.lists(tellings, min_size=1, max_size=6),
        st.integers(0, 12).map(days_ago),
        st.sampled_from(("merge", "part")),
    ),
    max_size=12,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_what_was_counted_stays_counted_once_whatever_comes(steps):
    empty_tables()
    for name in NAMES:
        accounts.create_user(name, NOW)
    ledger, closed, since = Ledger(), {}, date.min

    def due():
        """The daily rows of closed days as they were, and those of open days as they ought to."""
        return closed | {key: row for key, row in ledger.days().items() if key[1] >= since}

    for step in steps:
        if isinstance(step, list):
            outcomes = send(*step)
            late = [event.time.date() < since for event in step]
            assert [outcome is Outcome.CLOSED for outcome in outcomes] == late
            ledger.take([e for e, is_late in zip(step, late, strict=True) if not is_late])
        elif isinstance(step, date):
            kept, since = due(), max(since, step)
            closed = {key: row for key, row in kept.items() if key[1] < since}
            prune(step)
            assert not Stored.select().where(Stored.day < since).exists()
        elif step == "merge" and "vm" not in ledger.into:
            merging.merge("vm", "vera", NOW)
            ledger.merge("vm", "vera")
        elif step == "part" and "vm" in ledger.into:
            merging.part("vm")
            ledger.part("vm")
        assert daily_rows() == due()
        assert verify() == []
    rebuild()
    assert daily_rows() == due()


def test_the_numbers_stay_and_the_events_with_all_their_names_go():
    send(call(1, also=("req-1",), project="checkout"), call(2, time=NOW, also=("req-2",)))
    before = daily_rows()

    assert prune(days_ago(20)) == 1

    assert daily_rows() == before
    assert [event.event_id for event in Stored] == ["call-2"]
    assert {name.event_id for name in CallId} == {"call-2"}


def test_the_first_day_that_is_kept_is_kept():
    send(*(call(n, time=NOW - timedelta(days=n)) for n in range(4)))

    assert prune(days_ago(2)) == 1
    assert sorted({event.day for event in Stored}) == [days_ago(2), days_ago(1), TODAY]


def test_pruned_again_later_it_drops_what_is_older_by_then(pruned):
    send(call(3, time=NOW - timedelta(days=9)))

    assert prune(days_ago(5)) == 1
    assert prune(days_ago(25)) == 0
    assert retention.kept_from() == days_ago(5)


def test_interrupted_it_goes_on_where_it_stopped():
    send(*(call(n) for n in range(8)))
    pruning.begin(days_ago(20), NOW)
    assert next(pruning.drop()) == 3

    assert send(call(0)) == [Outcome.CLOSED]
    assert prune(days_ago(20)) == 5
    assert counted() == 8


def test_a_call_of_a_closed_day_is_refused_and_does_not_count_again(pruned):
    again, new, late = call(1), call(3, time=NOW), call(4)

    assert send(again, new, late) == [Outcome.CLOSED, Outcome.ACCEPTED, Outcome.CLOSED]
    assert counted() == 3
    assert verify() == []


def test_what_is_refused_makes_no_person_and_no_project(pruned):
    send(call(3, "otto", project="atlas"), call(4, time=NOW))

    assert [user.username for user in User] == ["vera"]
    assert not Project.select().exists()


def test_told_again_for_a_project_of_another_zone_a_dropped_call_is_known_to_be_old(make_project):
    make_project("tokyo", "Asia/Tokyo")
    late = datetime(2026, 11, 1, 22, tzinfo=UTC)
    send(call(1, time=late))
    prune(date(2026, 11, 2))

    # In Tokyo it was the second of November already.
    assert send(call(1, time=late, project="tokyo")) == [Outcome.CLOSED]
    assert send(call(2, time=late + timedelta(minutes=20), project="tokyo")) == [Outcome.ACCEPTED]


def test_told_again_with_a_moment_after_midnight_a_dropped_call_is_known_to_be_old():
    late = datetime(2026, 11, 1, 23, 59, tzinfo=UTC)
    send(call(1, time=late))
    prune(date(2026, 11, 2))

    assert send(call(1, time=late + timedelta(minutes=10))) == [Outcome.CLOSED]


def test_a_vendors_sum_of_the_first_open_day_is_taken_from_its_first_moment():
    send(call(1, time=datetime(2026, 11, 1, 23, 59, tzinfo=UTC)))
    prune(date(2026, 11, 2))

    midnight = datetime(2026, 11, 2, tzinfo=UTC)
    assert send(call(2, time=midnight, bucket=True, calls=5)) == [Outcome.ACCEPTED]


def test_a_zone_of_a_project_decides_what_a_closed_day_is(make_project):
    make_project("samoa", "Pacific/Pago_Pago")
    prune(date(2026, 11, 2))
    early = datetime(2026, 11, 2, 10, tzinfo=UTC)

    outcomes = send(call(1, time=early, project="samoa"), call(2, time=early))
    assert outcomes == [Outcome.CLOSED, Outcome.ACCEPTED]


def test_days_that_move_with_a_zone_take_their_calls_across(make_project):
    make_project("checkout")
    evening = datetime(2026, 11, 1, 23, tzinfo=UTC)
    morning = datetime(2026, 11, 2, 1, tzinfo=UTC)
    send(*(call(n, time=evening, project="checkout") for n in (1, 2)))
    send(*(call(n, time=morning, project="checkout") for n in (3, 4, 5)))
    prune(date(2026, 11, 2))

    for timezone in ("America/New_York", "Asia/Tokyo", "America/New_York"):
        rezone("checkout", timezone)
        assert verify() == []
        assert counted() == 5
    assert {key[1]: row[0] for key, row in daily_rows().items()} == {date(2026, 11, 1): 5}

    # What came into a closed day since is dropped with it, and is known to be old from then on.
    assert prune(date(2026, 11, 2)) == 3
    assert send(call(3, time=morning, project="checkout")) == [Outcome.CLOSED]
    assert send(call(3, time=morning)) == [Outcome.CLOSED]


def test_a_call_that_a_new_zone_takes_to_a_closed_day_meanwhile_is_not_dropped(make_project):
    make_project("checkout")
    morning = datetime(2026, 11, 2, 3, tzinfo=UTC)
    calls = (
        call(1, time=datetime(2026, 11, 1, 10, tzinfo=UTC), project="checkout"),
        call(2, time=morning, project="checkout"),
    )
    send(*calls)
    pruning.begin(date(2026, 11, 2), NOW)
    rezone("checkout", "America/New_York")

    assert sum(pruning.drop()) == 1
    rezone("checkout", "UTC")

    assert send(*calls) == [Outcome.CLOSED, Outcome.DUPLICATE]
    assert counted() == 2
    assert verify() == []


def test_a_sum_that_was_set_aside_and_is_newer_than_all_that_counts_goes_with_the_next_days():
    early, noon = (datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in (3, 12))
    send(call(1, time=early), call(2, time=noon, bucket=True, calls=1))
    send(call(3, time=noon + timedelta(days=1)))

    assert pruning.count(date(2026, 11, 2)) == prune(date(2026, 11, 2)) == 1
    assert pruning.count(date(2026, 11, 3)) == prune(date(2026, 11, 3)) == 2


def test_a_row_that_all_calls_left_for_another_day_goes_though_its_day_is_closed(make_project):
    make_project("checkout", "America/New_York")
    morning = datetime(2026, 11, 2, 1, tzinfo=UTC)
    send(call(1, time=morning, project="checkout"), call(2, time=NOW))
    # Begun, and interrupted before the first slice.
    pruning.begin(date(2026, 11, 2), NOW)

    rezoning.begin(projects.find("checkout"), "Asia/Tokyo")
    rezoning.advance(projects.find("checkout"))

    assert {key[1]: row[0] for key, row in daily_rows().items()} == {date(2026, 11, 2): 1, TODAY: 1}
    assert verify() == []


def test_a_sum_does_not_count_once_the_single_calls_of_its_day_are_dropped():
    # A slice takes the events as they lie: in this order in a new table.
    empty_tables(without_traces=True)
    send(*(call(n, "vm") for n in range(3)), call(9, "vm", bucket=True, calls=3))
    accounts.create_user("vera", NOW)
    before = daily_rows()
    pruning.begin(days_ago(20), NOW)
    next(pruning.drop())
    assert Stored.get(Stored.bucket)

    merging.merge("vm", "vera", NOW)
    merging.part("vm")

    assert daily_rows() == before


def test_merged_and_parted_names_keep_what_counts_on_closed_days():
    send(call(1, "vera"), call(1, "vm"), call(2, "vm", time=NOW), call(2, "vera", time=NOW))
    merging.merge("vm", "vera", NOW)
    assert counted() == 2
    prune(days_ago(20))

    merging.part("vm")

    assert counted() == 3
    assert verify() == []


def test_a_rebuild_loses_no_closed_day(pruned, run):
    before = daily_rows()
    DailyUsage.update(prompt_tokens=1).where(DailyUsage.day == TODAY).execute()

    told = "1 daily rows of days before 2026-11-02, whose events are gone, "
    made = run("rebuild")

    assert made == (0, f"{told}stay as they are.\nMade 1 daily rows.\n", "")
    assert daily_rows() == before
    verified = run("verify")
    assert verified == (0, f"{told}can't be recounted.\n0 daily rows differ from the events.\n", "")


def test_verify_still_finds_what_is_wrong_on_open_days(pruned, run):
    DailyUsage.update(prompt_tokens=1).execute()

    code, out, _ = run("verify")
    assert code == 1
    assert out.endswith("1 daily rows differ from the events.\n")


def test_the_command_tells_what_it_dropped_and_leaves_an_entry(run):
    send(*(call(n) for n in range(5)), call(5, time=NOW))

    dry = run("prune", "--before", "2026-11-02", "--dry-run")
    assert dry == (0, "Dry run, everything was kept: 5 events would be dropped.\n", "")
    assert Stored.select().count() == 6
    assert not Retention.select().exists()
    assert not AuditEntry.select().exists()

    for dropped in ("5 events", "0 events"):
        told = f"Dropped {dropped}; all from 2026-11-02 on are kept.\n"
        assert run("prune", "--before", "2026-11-02") == (0, told, "")
    (entry,) = AuditEntry
    assert (entry.actor, entry.action, entry.subject) == ("", "events pruned", "2026-11-02")


@ON_ONE_DATABASE
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_days_that_are_not_over_can_not_be_closed(run, dry):
    told = "Error: 2026-11-23 lies in the future; only days that are over can be closed.\n"

    assert run("prune", "--before", "2026-11-23", *dry) == (1, "", told)
    assert run("prune", "--before", "soon", *dry)[0] == 2
    with pytest.raises(Refused):
        pruning.begin(date(2026, 11, 23), NOW)


@ON_ONE_DATABASE
def test_today_is_open_when_all_before_it_is_closed(run, send):
    run("prune", "--before", "2026-11-22")

    assert account(send(native(1))) == (200, 1, 0, 0)


SENTENCE = (
    "lies in a closed period: days before 2026-11-02 and times until 2026-10-23T12:15Z "
    "take no more usage"
)


def test_a_sender_is_told_in_one_sentence(pruned, send):
    old = native(7, time="2026-10-23T10:00:00Z")

    answer = send([native(6), old, native(8, prompt_tokens=-1)])

    assert account(answer) == (200, 1, 0, 2)
    told = {one["index"]: one for one in answer.get_json()["errors"]}
    assert told[1] == {"index": 1, "id": "event-7", "field": "time", "message": SENTENCE}
    assert account(send(old)) == (422, 0, 0, 1)


SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "name": "chat o3",
    "startTimeUnixNano": "1792749600000000000",
    "endTimeUnixNano": "1792749601000000000",
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "o3"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "7"}},
        {"key": "enduser.id", "value": {"stringValue": "vera"}},
    ],
}
SPANS = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}
PAYLOAD = {
    "id": "chatcmpl-1",
    "call_type": "acompletion",
    "status": "success",
    "model": "o3",
    "startTime": 1792749600.0,
    "endTime": 1792749601.0,
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "metadata": {"user_api_key_user_id": "vera"},
}


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/traces", SPANS), ("/ingest/litellm", [PAYLOAD])], ids=["otlp", "llm"]
)
def test_on_other_roads_it_is_refused_as_well(pruned, anonymous, make_key, path, body):
    answer = anonymous.post(path, json=body, headers=make_key("ingest"))

    assert "closed period" in answer.text
    assert counted() == 2


@ON_ONE_DATABASE
def test_lines_of_a_file_are_refused_by_number(pruned, run, tmp_path):
    file = tmp_path / "usage.jsonl"
    old = native(7, time="2026-10-23T10:00:00Z")
    file.write_text("\n".join(json.dumps(one) for one in (native(6), old)))

    for dry in (("--dry-run",), ()):
        code, out, told = run("import", file, *dry)
        assert code == 0
        assert "2 read, 1 accepted, 0 duplicates, 1 rejected" in out
        assert told == f"{file}, line 2: time: {SENTENCE}\n"


@ON_ONE_DATABASE
def test_a_slice_waits_for_nothing_but_its_own_transaction(monkeypatch):
    send(*(call(n) for n in range(7)))
    pruning.begin(days_ago(20), NOW)

    # Between two slices no transaction is open, so others may store.
    outcomes = [send(call(100 + n, time=NOW)) for n, _ in enumerate(pruning.drop())]

    assert outcomes == [[Outcome.ACCEPTED]] * 3
    assert rollups.verify() == []
