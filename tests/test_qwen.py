"""usage/ingest/qwen.py - calls of Qwen Code, in its logs and in its spans."""

import json
from datetime import UTC, datetime

import pytest
from conftest import ROOT
from test_claude_code import decoded

from usage.ingest import qwen
from usage.ingest.event import TOKENS_OF, InvalidEvent
from usage.ingest.otlp import Record

SAMPLE = json.loads((ROOT / "tests" / "data" / "qwen.json").read_text())
LOG = decoded(SAMPLE["logs"])["qwen-code.api_response"]
SPAN = decoded(SAMPLE["spans"], "traces")["qwen-code.llm_request"]


def one(record):
    (event,) = qwen.read(record)
    return event


def saying(**said):
    """The log of the sample with other attributes."""
    return LOG._replace(attributes=LOG.attributes | said)


def test_a_response_in_a_log_is_the_call_of_its_span():
    log, span = one(LOG), one(SPAN)

    assert log.id == span.id == "chatcmpl-fake70213"
    assert (log.user, log.source, log.model) == ("vera@example.com", "cli", "qwen3-coder-plus")
    assert (span.user, span.source, span.model) == (log.user, log.source, log.model)
    assert log.time == datetime(2026, 11, 21, 15, 1, 56, 663000, tzinfo=UTC)
    assert TOKENS_OF(log) == TOKENS_OF(span) == (8781, 243, 512, 0, 0)


@pytest.mark.parametrize(("total", "completion"), [(110, 10), (114, 14), (0, 10)])
def test_thoughts_are_in_the_output_unless_the_total_says_otherwise(total, completion):
    counts = {"input_token_count": 100, "output_token_count": 10, "total_token_count": total}

    event = one(saying(**counts, thoughts_token_count=4))

    assert (event.completion_tokens, event.reasoning_tokens) == (completion, 4)


def test_the_thoughts_of_a_span_are_kept():
    event = one(SPAN._replace(attributes=SPAN.attributes | {"thoughts_token_count": 64}))

    assert (event.completion_tokens, event.reasoning_tokens) == (243, 64)


def test_older_versions_log_without_a_trace():
    event = one(LOG._replace(trace_id="", span_id=""))

    assert (event.id, event.span) == ("chatcmpl-fake70213", "")


def test_an_error_is_a_failed_call_if_its_trace_tells_which():
    error = LOG._replace(name="qwen-code.api_error", attributes={"model": "qwen3-coder-plus"})

    event = one(error)

    assert (event.id, event.failed) == (f"{LOG.trace_id}:{LOG.span_id}", True)
    assert not list(qwen.read(error._replace(trace_id="", span_id="")))


def test_a_count_that_is_none_is_refused():
    with pytest.raises(InvalidEvent, match="input_token_count"):
        one(saying(input_token_count="many"))


def test_all_other_records_of_qwen_code_are_claimed_and_yield_nothing():
    for signal, name in (("logs", "qwen-code.api_request"), ("traces", "qwen-code.interaction")):
        record = LOG._replace(signal=signal, name=name)
        assert qwen.claims(record)
        assert not list(qwen.read(record))


def test_qwen_code_is_known_by_scope_service_or_event():
    service = {"service.name": "qwen-code"}

    assert qwen.claims(Record("logs", "", service, {}))
    assert qwen.claims(Record("logs", "qwen-code", {}, {}))
    assert qwen.claims(Record("logs", "", {}, {}, "qwen-code.api_response"))
    assert not qwen.claims(Record("logs", "", {"service.name": "acme"}, {}, "api_response"))
