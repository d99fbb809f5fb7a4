"""Vendors' sums over many calls, and what all adapters of files have in common."""

import json
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import tokens_of
from hypothesis import given, settings
from hypothesis import strategies as st

from usage.ingest import (
    anthropic_usage,
    ccusage,
    helicone,
    langfuse,
    open_webui,
    openai_usage,
    openrouter,
    spend_logs,
)
from usage.ingest.event import InvalidEvent

DATA = Path(__file__).parent / "data"
EXPORTS = json.loads((DATA / "exports.json").read_text())
REPORTS = json.loads((DATA / "reports.json").read_text())
SAMPLES = EXPORTS | REPORTS
MODULES = {
    "spend_logs": spend_logs,
    "langfuse": langfuse,
    "helicone": helicone,
    "openrouter": openrouter,
    "open_webui": open_webui,
    "open_webui_chat": open_webui,
    "openrouter_activity": openrouter,
    "openai_usage": openai_usage,
    "anthropic_usage": anthropic_usage,
    "claude_code": anthropic_usage,
    "ccusage": ccusage,
    "ccusage_codex": ccusage,
}


def first_of(name, **changes):
    """The first record of a sample with other fields, as its module takes the sample apart."""
    return next(MODULES[name].records(deepcopy(SAMPLES[name]))) | changes


def events_of(name, **changes):
    """The events of the first record of a sample with other fields."""
    return list(MODULES[name].read(first_of(name, **changes)))


def test_a_result_of_openai_is_a_bucket_whose_input_holds_its_caches():
    (event,) = events_of("openai_usage", input_cache_write_tokens=30)

    assert event.id == (
        "openai-usage:1d:1730419200:proj_1:user-abc:key_1:gpt-4.1-2025-04-14:false:default"
    )
    assert (event.bucket, event.replaces, event.calls) == (True, True, 5)
    assert (event.user, event.project, event.source) == ("user-abc", "proj_1", "")
    assert (event.provider, event.model) == ("openai", "gpt-4.1-2025-04-14")
    assert tokens_of(event) == (1000, 500, 800, 30, 0)


@pytest.mark.parametrize(
    ("width", "seconds", "time"),
    [
        ("1d", 86400, datetime(2024, 11, 1, 12, tzinfo=UTC)),
        ("1d", 50000, datetime(2024, 11, 1, 12, tzinfo=UTC)),
        ("1h", 3600, datetime(2024, 11, 1, tzinfo=UTC)),
        ("1m", 60, datetime(2024, 11, 1, tzinfo=UTC)),
    ],
)
def test_a_bucket_counts_at_its_start_but_a_day_at_its_noon(width, seconds, time):
    (event,) = events_of("openai_usage", end_time=1730419200 + seconds)

    assert event.id.startswith(f"openai-usage:{width}:1730419200:")
    assert event.time == time


@pytest.mark.parametrize("hours", [-11, 0, 11])
def test_a_day_of_utc_stays_itself_in_most_zones(hours):
    for name, day in (("openai_usage", 1), ("anthropic_usage", 1), ("claude_code", 8)):
        assert (events_of(name)[0].time + timedelta(hours=hours)).day == day
    assert (events_of("openrouter_activity")[0].time + timedelta(hours=hours)).day == 24
    assert (events_of("ccusage")[0].time + timedelta(hours=hours)).day == 21


def test_a_dimension_that_a_report_is_not_grouped_by_is_unassigned():
    names = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
    (event,) = events_of("openai_usage", **dict.fromkeys(names))

    assert event.id == "openai-usage:1d:1730419200::::::"
    assert (event.user, event.project, event.model) == ("", "", "")


def test_a_bucket_of_texts_is_the_bucket_of_values():
    record = {name: str(value) for name, value in first_of("openai_usage").items()}

    assert list(openai_usage.read(record)) == events_of("openai_usage")


def test_embeddings_are_not_taken_for_completions_of_the_same_day():
    (event,) = events_of("openai_usage", object="organization.usage.embeddings.result")

    assert event.id.startswith("openai-usage-embeddings:1d:")


@pytest.mark.parametrize(
    "result",
    [
        {"object": "organization.costs.result", "amount": {"value": 0.06, "currency": "usd"}},
        {"object": "organization.usage.images.result", "images": 2, "num_model_requests": 2},
        {"input_tokens": 0, "output_tokens": 0, "num_model_requests": 0, "start_time": 1730419200},
    ],
)
def test_costs_and_other_units_than_tokens_are_no_usage(result):
    assert not list(openai_usage.read(result))


def test_a_page_without_usage_is_one_all_the_same():
    page = {"object": "page", "data": [{"object": "bucket", "start_time": 1, "results": []}]}

    assert openai_usage.recognises(page)
    assert not list(openai_usage.read(page))


def test_what_anthropic_counts_apart_is_added_up():
    (event,) = events_of("anthropic_usage")

    assert event.id == (
        "anthropic-usage:1d:1754006400:wrkspc_01:::apikey_01:"
        "claude-sonnet-4-20250514:standard:0-200k::"
    )
    assert (event.bucket, event.replaces, event.calls) == (True, True, 0)
    assert (event.user, event.project, event.provider) == ("", "wrkspc_01", "anthropic")
    assert tokens_of(event) == (3200, 500, 200, 1500, 0)


def test_an_account_of_anthropic_is_the_user():
    assert events_of("anthropic_usage", account_id="user_01")[0].user == "user_01"


def test_a_cost_report_of_anthropic_is_no_usage():
    cost = {"amount": "123.45", "currency": "USD", "starting_at": "2025-08-01T00:00:00Z"}

    assert not list(anthropic_usage.read(cost))


def test_each_model_of_a_claude_code_report_is_a_bucket_with_a_cost_in_cents():
    first, second = events_of("claude_code")

    assert first.id == (
        "anthropic-claude-code:2025-08-08:Dev@Example.com:iTerm.app:api:claude-sonnet-4-20250514"
    )
    assert (first.user, first.email, first.source) == (*["dev@example.com"] * 2, "cli")
    assert (first.bucket, first.replaces, first.calls) == (True, True, 0)
    assert (first.cost_usd, second.cost_usd) == (Decimal("1.86"), Decimal("0.005"))
    assert tokens_of(first) == (56360, 12450, 8790, 2340, 0)


def test_terminals_and_customer_types_of_one_person_are_counted_apart():
    changes = [{}, {"terminal_type": "vscode"}, {"customer_type": "subscription"}]
    events = [events_of("claude_code", **change)[0] for change in changes]

    assert len({event.id for event in events}) == 3
    assert [event.source for event in events] == ["cli", "ide", "cli"]


def test_a_key_of_claude_code_is_its_user():
    actor = {"type": "api_actor", "api_key_name": "ci-key"}

    assert events_of("claude_code", actor=actor)[0].user == "ci-key"


def test_a_row_of_openrouters_activity_is_a_bucket_without_a_user():
    (event,) = events_of("openrouter_activity")

    assert event.id == ("openrouter-activity:2025-08-24::OpenAI:550e8400:openai/gpt-4.1-2025-04-14")
    assert (event.bucket, event.replaces, event.calls) == (True, True, 5)
    assert (event.user, event.model) == ("", "openai/gpt-4.1")
    assert event.cost_usd == Decimal("0.027")
    assert tokens_of(event) == (50, 125, 0, 0, 25)


def test_each_model_of_a_day_of_ccusage_is_a_bucket_and_totals_are_none():
    (row,) = ccusage.records(SAMPLES["ccusage"])
    first, second = ccusage.read(row)

    assert first.id == "ccusage:2026-11-21:::claude-opus-4-1"
    assert (first.bucket, first.replaces, first.calls) == (True, True, 0)
    assert (first.user, first.project, first.cost_usd) == ("", "", Decimal("0.3"))
    assert tokens_of(first) == (960, 300, 10, 50, 0)
    assert first.total_tokens + second.total_tokens == row["totalTokens"]


def test_a_session_of_ccusage_counts_at_its_time_for_the_project_it_was_in():
    (event,) = events_of("ccusage_codex")

    assert event.id == "ccusage:session:/workspace/api/session-a.jsonl:gpt-5.3-codex"
    assert event.time == datetime(2026, 1, 2, 0, 5, tzinfo=UTC)
    assert (event.project, event.cost_usd) == ("api", Decimal("0.0008085"))
    assert tokens_of(event) == (210, 15, 110, 0, 2)


def test_the_first_reports_on_codex_held_the_cache_inside_the_input():
    counts = {"inputTokens": 210, "cachedInputTokens": 110, "outputTokens": 15}
    (event,) = events_of("ccusage_codex", models={"gpt-5": counts})

    assert tokens_of(event) == (210, 15, 110, 0, 0)


def test_other_shapes_of_ccusage_are_read():
    row = first_of("ccusage", modelBreakdowns=[], modelsUsed=["claude-opus-4-1"])
    (alone,) = ccusage.read(row)
    days = {"projects": {"acme": [row], "Unknown Project": [row]}, "totals": {}}
    session = {"period": "s-1", "metadata": {"lastActivity": "2026-11-20"}, "agent": "pi"}
    whole = row | session | {"date": None}
    (other,) = ccusage.read({"session": [{k: v for k, v in whole.items() if k != "report"}]})

    assert (alone.model, alone.total_tokens) == ("claude-opus-4-1", 1900)
    assert [event.project for event in ccusage.read(days)] == ["acme", ""]
    assert (other.id, other.time.day) == ("ccusage:session:s-1:claude-opus-4-1", 20)


def test_a_day_may_be_written_out():
    counts = {"inputTokens": 32878, "cachedInputTokens": 3072, "outputTokens": 8254}
    row = {"date": "Nov 2, 2026", "totalTokens": 41132, "models": {"gpt-5-codex": counts}}
    assert ccusage.recognises({"daily": [row]})

    (event,) = ccusage.read({"daily": [row]})

    assert event.id == "ccusage:2026-11-02:::gpt-5-codex"
    assert event.time == datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert (event.prompt_tokens, event.cache_read_tokens) == (32878, 3072)


@pytest.mark.parametrize("report", ["weekly", "monthly", "blocks"])
def test_what_is_longer_or_shorter_than_a_day_is_refused_with_the_way_out(report):
    row = {"period": "2026-11-16", "totalTokens": 7, "models": []}

    with pytest.raises(InvalidEvent, match="import the daily report"):
        list(ccusage.read({report: [row]}))


@pytest.mark.parametrize("name", MODULES)
def test_a_record_is_recognised_by_one_module_alone(name):
    recognised = {module for module in MODULES.values() if module.recognises(first_of(name))}

    assert recognised == {MODULES[name]}


@pytest.mark.parametrize("name", MODULES)
def test_a_record_of_another_kind_is_recognised_by_none(name):
    payloads = json.loads((DATA / "litellm.json").read_text())
    native = {"id": "1", "time": "2026-11-22T10:00:00Z", "prompt_tokens": 1, "user": "vera"}

    assert not any(MODULES[name].recognises(record) for record in [*payloads, native, {}])


@pytest.mark.parametrize("name", MODULES)
def test_an_array_of_records_a_page_and_one_record_at_a_time_are_alike(name):
    module = MODULES[name]
    rows = list(module.records(deepcopy(SAMPLES[name])))

    assert list(module.records(rows)) == [row for r in rows for row in module.records(r)] == rows
    assert list(module.records({"data": rows})) == rows or name.startswith(("open_webui", "cc"))
    assert [event for row in rows for event in module.read(row)]


@pytest.mark.parametrize("name", EXPORTS)
def test_nothing_that_people_wrote_survives(name):
    assert name == "openrouter" or "SECRET" in json.dumps(SAMPLES[name])
    assert "SECRET" not in repr(events_of(name))


@pytest.mark.parametrize("name", MODULES)
def test_a_record_that_is_no_object_is_refused(name):
    for record in (None, 7, "text", [None]):
        with pytest.raises(InvalidEvent, match="must be an object"):
            list(MODULES[name].read(record))


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("langfuse", {"id": None}, "id"),
        ("langfuse", {"startTime": None, "endTime": "yesterday"}, "time"),
        ("langfuse", {"usageDetails": {"input": 1.5}}, "input"),
        ("helicone", {"request_id": "", "response_id": None}, "id"),
        ("helicone", {"prompt_tokens": -1}, "prompt_tokens"),
        ("helicone", {"costUSD": 10**7}, "cost_usd"),
        ("openrouter", {"id": None}, "id"),
        ("openrouter", {"created_at": True}, "time"),
        ("openrouter", {"native_tokens_prompt": "many"}, "native_tokens_prompt"),
        ("open_webui", {"chat_id": None}, "id"),
        ("open_webui", {"created_at": None}, "time"),
        ("open_webui", {"usage": {"input_tokens": []}}, "input_tokens"),
        ("openai_usage", {"start_time": None}, "time"),
        ("openai_usage", {"input_cached_tokens": 1001}, "cache_read_tokens"),
        ("anthropic_usage", {"output_tokens": "1.5"}, "output_tokens"),
        ("claude_code", {"model_breakdown": {}}, "model_breakdown"),
        ("openrouter_activity", {"requests": -5}, "requests"),
        ("ccusage", {"date": "2026-11"}, "time"),
        ("spend_logs", {"request_id": None}, "id"),
        ("spend_logs", {"endTime": None, "startTime": ""}, "time"),
    ],
)
def test_a_record_that_cannot_be_counted_is_refused_by_field(name, changes, field):
    with pytest.raises(InvalidEvent) as refused:
        events_of(name, **changes)

    assert refused.value.field == field
    assert refused.value.record_id or field in ("id", "time", "requests")


TEXT = st.text(st.characters(codec=None), max_size=20)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from([10**400, -(10**400), "9" * 5000, "\ud800", "None", "[" * 300, "{1: 2}"])
    | st.sampled_from(["9999-12-31T23:59:59-14:00", "0001-01-01", 253402300799, "2026-11-22"])
)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


def places(value, path=()):
    """Every path into a record."""
    yield path
    steps = enumerate(value) if isinstance(value, list) else ()
    for name, inner in value.items() if isinstance(value, dict) else steps:
        yield from places(inner, (*path, name))


def read_or_refuse(module, document):
    """Only InvalidEvent may come out of what isn't understood."""
    for record in module.records(document):
        assert not isinstance(record, dict) or module.recognises(record) in (True, False)
        with suppress(InvalidEvent):
            list(module.read(record))
    with suppress(InvalidEvent):
        list(module.read(document))


@pytest.mark.parametrize("name", MODULES)
@settings(max_examples=60, deadline=None, database=None)
@given(st.data())
def test_a_damaged_document_is_read_or_refused(name, data):
    document = deepcopy(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        *way, last = data.draw(st.sampled_from([path for path in places(document) if path]))
        owner = document
        for step in way:
            owner = owner[step]
        change = data.draw(st.sampled_from(["replace", "empty", "turn into text"]))
        if change == "replace":
            owner[last] = data.draw(VALUE)
        else:
            owner[last] = None if change == "empty" else json.dumps(owner[last], default=str)
    read_or_refuse(MODULES[name], document)


@pytest.mark.parametrize("name", MODULES)
@settings(max_examples=25, deadline=None, database=None)
@given(VALUE)
def test_any_value_is_read_or_refused(name, value):
    record = first_of(name)
    read_or_refuse(MODULES[name], value)
    read_or_refuse(MODULES[name], dict.fromkeys(record, value))
    read_or_refuse(MODULES[name], {"data": value, "daily": value, "projects": {"x": value}})


@pytest.mark.parametrize("name", MODULES)
def test_a_number_too_long_to_be_written_is_refused(name):
    read_or_refuse(MODULES[name], dict.fromkeys(first_of(name), 10**5000))
