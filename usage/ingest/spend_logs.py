"""LiteLLM's own table of calls: one row of LiteLLM_SpendLogs becomes one event."""

import re
from collections.abc import Iterator

from usage.ingest import litellm
from usage.ingest.event import Event, InvalidEvent
from usage.ingest.fields import nested, paged, text

# The callback knows the addresses of those whose numbers or names stand here.
UNSURE = re.compile("[^@]+")
USAGE = ("usage_object", "additional_usage_values")


def recognises(record: dict) -> bool:
    """Whether a record is a row of LiteLLM_SpendLogs."""
    return {"request_id", "spend"} <= record.keys()


def records(document: object) -> Iterator[object]:
    """The rows of an answer of /spend/logs or /spend/logs/v2, or of the table as an array."""
    return paged(document)


def read(record: object) -> Iterator[Event]:
    """The call of one row, the same event as its callback's. Raises InvalidEvent."""
    for row in records(record):
        if not isinstance(row, dict):
            raise InvalidEvent("event", "must be an object: one row of LiteLLM_SpendLogs")
        if not text(row, "request_id"):
            # /spend/logs answers with a day's sums by default.
            raise InvalidEvent("id", "needs request_id; get /spend/logs with summarize=false")
        # A row for a tool that was called is no call of a model.
        if not text(row, "mcp_namespaced_tool_name"):
            yield from litellm.read(_payload(row))


def _payload(row: dict) -> dict:
    """The row with the names of the callback's payload."""
    metadata = nested(row, "metadata")
    usage = next((found for name in USAGE if (found := nested(metadata, name))), {})
    user = text(metadata, "user_api_key_user_id") or text(row, "user")
    payload = row | {
        "id": row["request_id"],
        "status": text(row, "status") or text(metadata, "status"),
        "response_cost": row.get("spend"),
        "metadata": metadata | {"usage_object": usage, "user_api_key_user_id": user},
    }
    if payload["status"].lower() == "failure" and not text(row, "api_base"):
        # Rows of failures lack the address even when a provider was asked.
        payload.pop("api_base", None)
    return payload
