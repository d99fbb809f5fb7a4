"""Bytes -> adapter -> record -> answer."""

from collections.abc import Iterable

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from usage import arrivals
from usage.ingest import formats, otlp, turns
from usage.ingest.body import (
    BodyTooLarge,
    Limits,
    UnreadableBody,
    UnsupportedBody,
    plain_bytes,
    records,
)
from usage.ingest.intake import Sender, take
from usage.ingest.receipt import Receipt
from views.guards import now, require_key, settings
from views.responses import refuse

bp = Blueprint("ingest", __name__)
# Under which name a body is noted that no adapter got to see.
FORMATS = {"ingest.events": "native", "ingest.litellm": "litellm", "ingest.telemetry": "otlp"}
MEBIBYTE = 1024 * 1024
NATIVE = Limits(bytes=8 * MEBIBYTE, records=20_000)
# A gateway sends whole conversations along, and drops the batch when it is refused.
GATEWAY = Limits(bytes=64 * MEBIBYTE, records=20_000)


@bp.post("/api/v1/events")
@require_key("ingest")
def events():
    """Native events, one or many."""
    return _take("native", NATIVE)


@bp.post("/ingest/litellm")
@require_key("ingest")
def litellm():
    """LiteLLM's generic_api callback."""
    return _take("litellm", GATEWAY)


@bp.post("/v1/<any(traces, logs, metrics):signal>")
@require_key("ingest")
def telemetry(signal: str):
    """OTLP; metrics are accepted and not counted: the same calls come as spans or logs."""
    body = _body(GATEWAY)
    with turns.in_hand():
        body = plain_bytes(body, request.content_encoding or "", GATEWAY.bytes)
        receipt = _count("otlp", otlp.decode(body, request.mimetype, signal))
    told = str(receipt.refusals[0].error) if receipt.refusals else ""
    response = otlp.success(request.mimetype, signal, receipt.rejected, told)
    return Response(response, content_type=request.mimetype)


def _take(name: str, limits: Limits):
    body = _body(limits)
    with turns.in_hand():
        found = records(body, request.mimetype, request.content_encoding or "", limits)
        receipt = _count(name, found)
    return answer(receipt), status(receipt)


def _body(limits: Limits) -> bytes:
    # Of a body that doesn't tell its length, no more is read than may be: one byte more tells.
    request.max_content_length = limits.bytes + 1
    body = request.get_data(cache=False)
    if len(body) > limits.bytes:
        raise RequestEntityTooLarge
    return body


def _count(name: str, found: Iterable[object]) -> Receipt:
    key = g.key
    sender = Sender(
        project=key.project.slug if key.project_id else "",
        user=key.default_user,
        source=key.default_source,
        key_id=key.id,
    )
    return take(formats.of(name), enumerate(found), sender, settings().reporting_timezone, now())


def answer(receipt: Receipt) -> dict:
    """The account of everything received."""
    account = {
        "received": receipt.received,
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "rejected": receipt.rejected,
        "errors": [refusal.as_json() for refusal in receipt.refusals],
    }
    # Records that are no calls to a provider, like a gateway's own cache hits.
    return account | ({"skipped": receipt.skipped} if receipt.skipped else {})


def status(receipt: Receipt) -> int:
    """200 unless nothing could be taken."""
    if receipt.all_forbidden:
        return 403
    return 422 if receipt.all_refused else 200


@bp.before_request
def give_way() -> None:
    """Let this process finish what it stores before the body is read."""
    turns.give_way()


@bp.after_request
def tidy_up_afterwards(response: Response) -> Response:
    """The sender has the answer by then."""
    response.call_on_close(turns.tidy_up)
    return response


@bp.errorhandler(UnreadableBody)
def unreadable(error: UnreadableBody):
    """No records to account for."""
    _note_unreadable(str(error))
    if isinstance(error, UnsupportedBody):
        return refuse(415, str(error))
    return refuse(413 if isinstance(error, BodyTooLarge) else 400, str(error))


@bp.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge):
    """More bytes than one request may carry."""
    message = "The body is too large for one request; send it in parts."
    _note_unreadable(message)
    return refuse(413, message)


def _note_unreadable(message: str) -> None:
    if key := g.get("key"):
        arrivals.note_unreadable(key.id, FORMATS[request.endpoint], message, now())
