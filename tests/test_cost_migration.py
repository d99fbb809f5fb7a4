"""migrations/0007_costs.py - a board with history gets costs as far as they are known."""

import pytest
from conftest import NOW, ROOT
from playhouse.migrations import Runner

import models
from models import DailyUsage, Event
from usage.counting import COUNTERS
from usage.rollups import verify

BEFORE = "0006_grants"
EVENT = """INSERT INTO events (event_id, user_id, time, day, project_id, source, provider, model,
    test_type, prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, cost_nanodollars, failed, usage_known, calls, bucket, counted)
    VALUES ('{id}', 1, {time}, '2026-11-22', 0, '', '', '{model}', '', 1000, 100, 0, 0, 0, {cost},
    {failed}, {known}, {calls}, {bucket}, {counted})"""
DAY = """INSERT INTO daily_usage (project_id, day, user_id, source, provider, model, test_type,
    calls, failed_calls, unknown_calls, prompt_tokens, completion_tokens, cache_read_tokens,
    cache_write_tokens, reasoning_tokens, first_time, last_time)
    VALUES (0, '2026-11-22', 1, '', '', '{model}', '', {calls}, {failed}, {unknown}, {prompt},
    {completion}, 0, 0, 0, {time}, {time})"""
USUAL = {"model": "m", "cost": "NULL", "failed": "FALSE", "known": "TRUE", "calls": 1}
EVENTS = (
    {"id": "plain"},
    {"id": "told", "cost": 5_000_000},
    {"id": "told too", "cost": 1},
    {"id": "failed", "failed": "TRUE", "cost": 7},
    {"id": "unknown", "known": "FALSE", "cost": 11},
    {"id": "aside", "counted": "FALSE", "cost": 13},
    {"id": "sum", "model": "n", "calls": 0, "bucket": "TRUE"},
)


@pytest.fixture
def old_board(tmp_path):
    """A database as the release before left it, with events and their daily rows."""
    before = models.db.obj
    database = models.connect(f"sqlite:///{tmp_path}/old.db")
    models.db.initialize(database)
    runner = Runner(database, str(ROOT / "migrations"))
    runner.up(BEFORE)
    time = models.InstantField().db_value(NOW)
    database.execute_sql(
        "INSERT INTO users (id, username, display_name, email, role, sample, created_at, confirmed,"
        f" password_hash) VALUES (1, 'vera', '', '', 'member', FALSE, {time}, FALSE, '')"
    )
    for event in EVENTS:
        fields = USUAL | {"bucket": "FALSE", "counted": "TRUE", "time": time} | event
        database.execute_sql(EVENT.format(**fields))
    counts = {"calls": 3, "failed": 1, "unknown": 1, "prompt": 4000, "completion": 400}
    database.execute_sql(DAY.format(model="m", time=time, **counts))
    counts = {"calls": 0, "failed": 0, "unknown": 0, "prompt": 1000, "completion": 100}
    database.execute_sql(DAY.format(model="n", time=time, **counts))
    yield runner
    database.close_all()
    models.db.initialize(before)


def test_calls_before_have_no_list_cost_and_the_reported_one_that_they_came_with(old_board):
    old_board.up()

    rows = {row.model: [getattr(row, name) for name in COUNTERS[-4:]] for row in DailyUsage}
    assert rows == {"m": [0, 3, 5_000_012, 1], "n": [0, 1, 0, 1]}
    assert {one.list_nanodollars for one in Event} == {None}
    assert verify() == []
