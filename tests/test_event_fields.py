"""POST /api/v1/events, field by field: what can be counted, and what is refused by name."""

from datetime import timedelta

import pytest
from conftest import NOW, ON_ONE_DATABASE, account, native
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Event
from usage.ingest import native as adapter
from usage.ingest.event import InvalidEvent, checked_together

REFUSED = [
    ("id", {"id": ""}),
    ("id", {"id": None}),
    ("id", {"id": 7}),
    ("id", {"id": "x" * 501}),
    ("id", {"id": "a\nb"}),
    ("id", {"id": "a\0b"}),
    ("time", {"time": "2026-11-22T10:00:00"}),
    ("time", {"time": "2026-11-22"}),
    ("time", {"time": "yesterday"}),
    ("time", {"time": 1795342724}),
    ("time", {"time": "1999-12-31T23:59:59Z"}),
    ("time", {"time": "0001-01-01T00:00:00+14:00"}),
    ("time", {"time": "9999-12-31T23:59:59-14:00"}),
    ("time", {"time": (NOW + timedelta(days=1, seconds=1)).isoformat()}),
    ("user", {"user": ""}),
    ("user", {"user": " \t"}),
    ("user", {"user": "\x00\x1b"}),
    ("user", {"user": ["vera"]}),
    ("user", {"user": "\u200b\u2060"}),
    ("user", {"user": "x" * 201}),
    ("display_name", {"display_name": "x" * 201}),
    ("project", {"project": "x" * 101}),
    ("source", {"source": "web"}),
    ("source", {"source": ["api"]}),
    ("source", {"source": False}),
    ("prompt_tokens", {"prompt_tokens": None}),
    ("prompt_tokens", {"prompt_tokens": "12"}),
    ("prompt_tokens", {"prompt_tokens": 12.0}),
    ("prompt_tokens", {"prompt_tokens": True}),
    ("prompt_tokens", {"prompt_tokens": 10**12 + 1}),
    ("prompt_tokens", {"prompt_tokens": 10**400}),
    ("completion_tokens", {"completion_tokens": -1}),
    ("cache_read_tokens", {"cache_read_tokens": 1201}),
    ("cache_write_tokens", {"cache_read_tokens": 600, "cache_write_tokens": 601}),
    ("reasoning_tokens", {"reasoning_tokens": 301}),
    ("cost_usd", {"cost_usd": "-0.01"}),
    ("cost_usd", {"cost_usd": "NaN"}),
    ("cost_usd", {"cost_usd": "100000.01"}),
    ("cost_usd", {"cost_usd": "1e999999"}),
    ("cost_usd", {"cost_usd": True}),
    ("failed", {"failed": "no"}),
    ("failed", {"failed": 0}),
    ("promt_tokens", {"promt_tokens": 5}),
    ("prompt", {"prompt": "SECRET"}),
    ("", {"": 1}),
]


@ON_ONE_DATABASE
@pytest.mark.parametrize(("field", "changes"), REFUSED)
def test_what_can_not_be_counted_is_refused_by_field(send, field, changes):
    response = send([native(1) | changes])

    assert account(response) == (422, 0, 0, 1)
    (error,) = response.get_json()["errors"]
    assert list(error) == ["index", "id", "field", "message"]
    assert (error["index"], error["field"]) == (0, field)
    assert error["message"].startswith(("must ", "is ", "lies "))
    assert not Event.select().exists()


@pytest.mark.parametrize("field", ["id", "time", "prompt_tokens", "completion_tokens", "user"])
@ON_ONE_DATABASE
def test_a_required_field_is_missed_by_name(send, field):
    event = native(1)
    del event[field]

    (error,) = send(event).get_json()["errors"]

    assert (error["field"], error["message"]) == (field, "is required")


@ON_ONE_DATABASE
def test_a_misspelt_field_is_named_before_the_one_it_was_meant_for(send):
    event = native(1)
    event["promt_tokens"] = event.pop("prompt_tokens")

    (error,) = send(event).get_json()["errors"]

    assert (error["field"], error["message"]) == ("promt_tokens", "is not a field of an event")


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "IDE"},
        {"display_name": "Vera\x00\x1b[31m K\ufffd\n\tKowalska"},
        {
            "display_name": "ＶＥＲＡ 🙂 \u202e",
            "project": "🙂",
            "model": "<script>",
            "test_type": "'; --",
        },
        {"prompt_tokens": 10**12, "completion_tokens": 10**12},
        {"prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0},
        {"cost_usd": 0.1, "cache_read_tokens": None, "project": None, "email": None},
        {"failed": None, "source": None, "cost_usd": None},
        {"time": "2026-11-22T11:30:00.123456+05:30"},
        {"time": (NOW + timedelta(days=1)).isoformat()},
    ],
)
def test_unusual_values_are_taken_and_shown(send, client, changes):
    assert account(send(native(1) | changes)) == (200, 1, 0, 0)

    for path in ("/leaderboard", "/users/vera"):
        assert client.get(f"{path}?from=2026-11-01&to=2026-11-23").status_code == 200


WORDS = st.text(max_size=20)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=5,
)
MANGLED = st.builds(
    lambda number, name, value: native(number, **{name: value}),
    st.integers(0, 5),
    st.sampled_from([*native(0), "source", "failed", "cost_usd", "email", "project"]),
    ANYTHING,
)


@ON_ONE_DATABASE
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(ANYTHING | MANGLED | st.integers(0, 5).map(native), max_size=8))
def test_whatever_is_sent_is_accounted_for(send, batch):
    before = Event.select().count()

    status, accepted, duplicates, rejected = account(send(batch))

    assert accepted + duplicates + rejected == len(batch)
    assert status == (422 if batch and rejected == len(batch) else 200)
    assert Event.select().count() == before + accepted


ODD = st.sampled_from(
    [
        *({"user": user} for user in ("Ada@Example.com", "  vera ", "Jose\u0301", "a\0b", "")),
        *({"time": time} for time in ("2026-11-22 10:00+05:30", " 2026-11-22T10:00:00Z ")),
        *({"cost_usd": cost} for cost in ("", None, 0, 0.25, "1e-7")),
        *({"source": source} for source in ("IDE", " api ", "", None)),
        *({"failed": failed} for failed in (True, False, None)),
        {"cache_read_tokens": 1000, "cache_write_tokens": 200, "reasoning_tokens": 300},
        {"display_name": "x" * 190, "email": "v@corp.com", "project": " Check\tOut "},
        dict.fromkeys(("project", "model", "provider", "email", "reasoning_tokens")),
        {"prompt_tokens": 10**12, "completion_tokens": 0},
    ]
)


@given(odd=st.lists(ODD, min_size=1, max_size=4))
def test_events_read_together_are_what_each_is_by_itself(odd):
    records = [native(number) | changes for number, changes in enumerate(odd)]

    found = adapter.read_many(records)

    assert found == [event for record in records for event in adapter.read(record)]


def test_other_values_of_an_event_are_cleaned_and_checked_like_its_own():
    (event,) = adapter.read(native(1))

    assert event.but(user=" Ada@Example.COM ").user == "ada@example.com"
    with pytest.raises(InvalidEvent, match="project: must be at most 100 characters"):
        event.but(project="x" * 101)


@pytest.mark.parametrize(("source", "is_right"), [("ide", True), ("", True), ("mainframe", False)])
def test_columns_that_no_format_has_checked_are_of_sources_that_there_are(source, is_right):
    columns = {"id": ["x"], "time": [NOW], "user": ["vera"], "source": [source]}
    columns |= {"prompt_tokens": [1], "completion_tokens": [1]}

    assert (checked_together(columns) is not None) == is_right


@ON_ONE_DATABASE
@pytest.mark.parametrize(("field", "changes"), REFUSED)
def test_what_is_refused_leaves_the_others_of_a_batch_as_they_are(send, field, changes):
    response = send([native(1), native(2) | changes, native(3)])

    assert account(response) == (200, 2, 0, 1)
    (error,) = response.get_json()["errors"]
    assert (error["index"], error["field"]) == (1, field)


@pytest.mark.parametrize("user", ["..", ".", "../sign-in/x", "team/../vera"])
def test_a_name_that_no_address_could_lead_to_is_refused(send, user):
    assert account(send([native(1) | {"user": user}])) == (422, 0, 0, 1)
