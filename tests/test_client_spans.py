"""Spans cut from what real clients sent: each call counts once, with the tokens it was answered.

Anthropic's library 2.14 for Python has spans of its own: here by itself and below LangChain 1.5,
with Traceloop 0.62 or OpenInference 3.1 (LangChain: 0.1) set up on it. Vercel's AI SDK is 7.0.173,
6.0.326 and 5.0.277, LiteLLM's callback "otel" that of 1.108, LangSmith the tracing of LangChain
1.5. OpenInference 0.1 on LangChain 1.5 and OpenAI's library at once tells each call in two spans
without any id, neither in each other nor beside each other. OpenLIT is 1.45, Google's ADK 1.14 and
1.39, Langfuse's library 5.0 for Python, by itself and with LangChain and Anthropic's below it,
MLflow's tracing 3.17.
"""

import json
from random import Random

import pytest
from conftest import ROOT

from usage.counting import TOKEN_FIELDS
from usage.rollups import verify

SAMPLE = json.loads((ROOT / "tests" / "data" / "client_spans.json").read_text())


def one_by_one(document):
    """A body for each span."""
    for group in document["resourceSpans"]:
        for scope in group["scopeSpans"]:
            for span in scope["spans"]:
                scopes = [scope | {"spans": [span]}]
                yield {"resourceSpans": [group | {"scopeSpans": scopes}]}


@pytest.fixture
def counted(send_signal, anonymous, reader):
    """Sends bodies of spans; returns what the board says then: calls and tokens of each person."""

    def send(bodies):
        for body in bodies:
            response = send_signal("traces", body)
            assert (response.status_code, response.data) == (200, b"{}")
        assert verify() == []
        standings = anonymous.get("/api/v1/leaderboard", headers=reader).get_json()["standings"]
        names = ("calls", *TOKEN_FIELDS)
        return {one["username"]: [one[name] for name in names] for one in standings}

    return send


@pytest.mark.parametrize("title", SAMPLE)
def test_a_call_counts_once_with_the_tokens_that_were_answered(counted, title):
    assert counted([SAMPLE[title]]) == {"vera@example.com": SAMPLE[title]["due"]}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("title", SAMPLE)
def test_in_whichever_order_its_spans_come_and_twice(counted, title, seed):
    spans = list(one_by_one(SAMPLE[title])) * 2
    Random(seed).shuffle(spans)

    assert counted(spans) == {"vera@example.com": SAMPLE[title]["due"]}
