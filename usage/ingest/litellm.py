"""LiteLLM's generic_api callback: one StandardLoggingPayload becomes one event."""

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress

from usage.counting import TOKEN_FIELDS
from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import (
    count,
    dollars,
    email_of,
    instant,
    kept_id,
    labels,
    nested,
    rows,
    source,
    telling,
    text,
    tokens,
)

KEYS = {"id", "call_type", "startTime"}
AGENT = ("user_agent", "user-agent")
PROJECT = ("user_api_key_project_alias", "user_api_key_team_alias")
CACHE_READ = ("cached_tokens", "cache_read_input_tokens")
CACHE_WRITE = ("cache_creation_tokens", "cache_write_tokens", "cache_creation_input_tokens")
DETAILS = ("prompt_tokens_details", "completion_tokens_details")
TOKENS = (TOKEN_FIELDS[:1], TOKEN_FIELDS[1:2], CACHE_READ, CACHE_WRITE, ("reasoning_tokens",))
# The legacy usage is the text of Usage(...); its names don't clash when laid out flat.
COUNTS = "|".join((*TOKEN_FIELDS[:2], *CACHE_READ, *CACHE_WRITE, "reasoning_tokens"))
USAGE, LONGEST_USAGE = re.compile(rf"\b({COUNTS})=(\d{{1,20}})"), 10_000
REQUEST_ID = re.compile(r"req_[\w-]{1,100}", re.ASCII)
RESPONSE_ID = re.compile(rb"litellm:.*;response_id:(resp_[\w+/=-]{1,400})(?:;.*)?")
# As base64 writes "litellm:".
WRAPPED = "bGl0ZWxsbT"


def recognises(record: dict) -> bool:
    """Whether a record is a payload of the callback."""
    return record.keys() >= KEYS


def records(document: object) -> Iterator[object]:
    """The payloads of a batch, or the one payload."""
    return rows(document, "events")


def read(record: object) -> Iterator[Event]:
    """The call that was logged, or nothing when no provider was called. Raises InvalidEvent."""
    if not isinstance(record, dict):
        raise InvalidEvent("event", "must be an object: one StandardLoggingPayload")
    with telling(text(record, "id")):
        # Each part is read once: the legacy payload holds str(value) of everything.
        hidden = nested(record, "hidden_params")
        yield from _events(record, nested(record, "metadata"), nested(hidden, "additional_headers"))


def _events(record: dict, metadata: dict, headers: dict) -> Iterator[Event]:
    failed = text(record, "status").lower() == "failure"
    counts = tokens(0, 0) if failed else _tokens(record, metadata)
    (user, email), provider = _user(record, metadata), text(record, "custom_llm_provider")
    if not _asked_provider(record, headers, counts, failed, bool(user and provider)):
        return
    time = instant(record.get("endTime"), record.get("startTime"))
    if not time:
        raise InvalidEvent("time", "needs endTime, in seconds since 1970 or like 2026-11-22T10:00Z")
    cost = None if failed else dollars(record.get("response_cost", record.get("cost")))
    tags = labels(nested(record, "request_tags", list) or nested(metadata, "tags", list))
    agent = text(record, *AGENT) or text(metadata, *AGENT) or text(tags, *AGENT)
    yield Event(
        id=_id(text(record, "id"), failed),
        also=tuple(_other_ids(record, provider, headers)),
        time=time,
        user=user,
        email=email,
        project=text(tags, "project") or text(metadata, *PROJECT),
        source=source(tags, agent),
        provider=provider,
        model=text(record, "model").removeprefix(f"{provider}/"),
        test_type=text(tags, "test_type", "op"),
        cost_usd=cost,
        failed=failed,
        # A stream whose upstream sent no usage arrives as a success of zero tokens.
        usage_known=failed or any(counts.values()),
        **counts,
    )


def _id(said: str, failed: bool) -> str:
    # Failures go by the number of the request, as an embedding does that then succeeds.
    return kept_id(f"{said}:failed" if said and failed else said)


def _other_ids(record: dict, provider: str, headers: dict) -> Iterator[str]:
    """What others call the same call: Claude Code goes by Anthropic's number of the request."""
    if provider == "anthropic":
        names = {str(name).lower().removeprefix("llm_provider-"): name for name in headers}
        request_id = text(headers, names.get("request-id", ""))
        if REQUEST_ID.fullmatch(request_id):
            yield request_id
    # LiteLLM wraps the id of a response, by which instrumentations and Codex know it, in its own.
    wrapped = text(record, "id").removeprefix("resp_")
    if wrapped.startswith(WRAPPED):
        with suppress(ValueError):
            if found := RESPONSE_ID.fullmatch(b64decode(wrapped + "==")):
                yield found[1].decode()


def _asked_provider(
    record: dict, headers: dict, counts: dict[str, int], failed: bool, known: bool
) -> bool:
    if record.get("cache_hit") in (True, "True", "true"):
        return False
    if text(record, "api_base") or any(not str(h).startswith("x-litellm-") for h in headers):
        return True
    unsaid = "api_base" not in record
    if failed:
        return known and unsaid
    # A mock_response has an empty address, no provider headers and made-up counts: 10/20 (chat),
    # 10/n (stream), 10/0 (embedding), 36/87 (responses). No sign alone is enough: streams of
    # /v1/messages have no headers, and custom handlers and websockets have no address either.
    prompt, completion = counts["prompt_tokens"], counts["completion_tokens"]
    return unsaid or (prompt != 10 and (prompt, completion) != (36, 87))


def _tokens(record: dict, metadata: dict) -> dict[str, int]:
    usage = nested(metadata, "usage_object")
    usage = usage or dict(USAGE.findall(text(record, "usage")[:LONGEST_USAGE]))
    said = {**usage, **nested(usage, DETAILS[0]), **nested(usage, DETAILS[1])}
    for name in TOKEN_FIELDS[:2]:
        if record.get(name) is not None:
            said[name] = record[name]
    return tokens(*[count(said, *names) for names in TOKENS])


def _user(record: dict, metadata: dict) -> tuple[str, str]:
    """(user, e-mail) of whoever made the call, "" when unknown."""
    # Behind a proxy's key (or one that is unreadable) "user" is a customer, not the developer.
    proxied = text(metadata, "user_api_key_hash") or (record.get("metadata") and not metadata)
    named = ""
    if not proxied:
        parameters = nested(record, "model_parameters") or nested(record, "modelParameters")
        named = text(parameters, "user")
    user = text(metadata, "user_api_key_user_email") or (named and email_of(named))
    user = user or text(metadata, "user_api_key_user_id", "user_api_key_alias") or named
    email = email_of(user)
    return email or user, email
