"""What senders send, ready to be sent: batches of calls that look like real ones."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CALLS_A_TRACE = 4
FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = [f"person-{number:02}@example.com" for number in range(40)]
PROJECTS = ("checkout", "storefront", "search", "docs", "mobile")
MODELS = ("gpt-4.1", "gpt-4.1-mini", "o3", "gpt-5", "gpt-5-codex")
PROSE = "The cart keeps its items when a customer signs in, and the test shows that it does. " * 12


class Batch(NamedTuple):
    """One request's body, and what the board has to have counted after it."""

    body: bytes
    content_type: str
    due: Counter


Call = dict[str, object]


def calls(random: Random, count: int, start: datetime) -> list[Call]:
    """Calls within ten minutes: everyone works for one project, with two models, in traces."""
    made = []
    for number in range(count):
        if number % CALLS_A_TRACE == 0:
            trace, person = random.randbytes(16), random.randrange(len(PEOPLE))
        made.append(
            {
                "id": f"chatcmpl-{random.getrandbits(120):030x}",
                "time": start + timedelta(seconds=random.randrange(600)),
                "user": PEOPLE[person],
                "project": PROJECTS[person % len(PROJECTS)],
                "model": MODELS[(person + random.randrange(2)) % len(MODELS)],
                "trace": trace,
                "prompt_tokens": random.randrange(200, 40_000),
                "completion_tokens": random.randrange(10, 4_000),
                "cache_read_tokens": random.randrange(100),
                "reasoning_tokens": random.randrange(10),
            }
        )
    return made


def batches(
    write: Callable[[Random, list[Call]], bytes],
    content_type: str,
    count: int,
    size: int,
    seed: int,
) -> list[Batch]:
    """So many bodies of so many calls each; no call stands in two of them, or with two seeds."""
    random, made = Random(seed), []
    for number in range(count):
        some = calls(random, size, FIRST_DAY + number * timedelta(minutes=10))
        due = Counter(calls=size)
        for name in ("prompt_tokens", "completion_tokens", "cache_read_tokens", "reasoning_tokens"):
            due[name] = sum(call[name] for call in some)
        made.append(Batch(write(random, some), content_type, due))
    return made


def traces(random: Random, some: list[Call]) -> bytes:
    """The spans of a GenAI instrumentation, one service, as the SDKs batch them."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in {
        "service.name": "acme-backend",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": "1.45.2",
        "host.name": "worker-7",
    }.items():
        group.resource.attributes.add(key=key).value.string_value = value
    scope = group.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.genai.openai"
    for call in some:
        end = int(call["time"].timestamp() * 10**9)
        span = scope.spans.add(
            trace_id=call["trace"],
            span_id=random.randbytes(8),
            parent_span_id=random.randbytes(8),
            name=f"chat {call['model']}",
            kind=3,
            start_time_unix_nano=end - random.randrange(10**8, 10**10),
            end_time_unix_nano=end,
        )
        for key, value in attributes(random, call).items():
            kind = {str: "string", int: "int", float: "double"}[type(value)]
            setattr(span.attributes.add(key=key).value, f"{kind}_value", value)
    return request.SerializeToString()


def attributes(random: Random, call: Call) -> dict[str, str | int | float]:
    """What a span says of a call."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call["model"],
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 4096,
        "gen_ai.response.model": f"{call['model']}-2026-02-14",
        "gen_ai.response.id": call["id"],
        "gen_ai.usage.input_tokens": call["prompt_tokens"],
        "gen_ai.usage.output_tokens": call["completion_tokens"],
        "gen_ai.usage.cache_read.input_tokens": call["cache_read_tokens"],
        "gen_ai.usage.reasoning.output_tokens": call["reasoning_tokens"],
        "gen_ai.conversation.id": f"conv_{random.getrandbits(96):024x}",
        "server.address": "api.openai.com",
        "server.port": 443,
        "enduser.id": call["user"],
        "project": call["project"],
    }


def payloads(random: Random, some: list[Call]) -> bytes:
    """What LiteLLM's generic_api callback posts: whole conversations among the numbers."""
    return json.dumps([_payload(random, call) for call in some]).encode()


def _payload(random: Random, call: Call) -> dict:
    start = call["time"].timestamp()
    prompt, completion = call["prompt_tokens"], call["completion_tokens"]
    details = {"cached_tokens": call["cache_read_tokens"], "audio_tokens": None}
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": call["reasoning_tokens"]},
    }
    hidden = {"additional_headers": {f"llm_provider-x-{n}": "value" for n in range(20)}}
    asked = [{"role": "user", "content": PROSE + str(random.random())} for _ in range(6)]
    return {
        "id": call["id"],
        "trace_id": f"{random.getrandbits(128):032x}",
        "call_type": "acompletion",
        "status": "success",
        "custom_llm_provider": "openai",
        "model": f"openai/{call['model']}",
        "model_parameters": {"temperature": 0.2, "stream": True},
        "api_base": "https://api.openai.com/v1",
        "cache_hit": None,
        "startTime": start - 2.5,
        "endTime": start,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "response_cost": prompt * 2e-6 + completion * 8e-6,
        "messages": asked,
        "response": {"choices": [{"message": {"role": "assistant", "content": PROSE}}]},
        "request_tags": ["source:ide", "User-Agent: vscode", "test_type:Unit Tests"],
        "hidden_params": hidden,
        "metadata": {
            "user_api_key_user_id": call["user"],
            "user_api_key_team_alias": call["project"],
            "usage_object": usage,
        }
        | {f"user_api_key_{n}": None for n in range(40)},
    }


def native(_random: Random, some: list[Call]) -> bytes:
    """Our own events."""
    rest = {"source": "api", "provider": "openai", "test_type": "Unit Tests"}
    events = [call | rest | {"time": call["time"].isoformat()} for call in some]
    return json.dumps(
        [{n: v for n, v in event.items() if n != "trace"} for event in events]
    ).encode()
