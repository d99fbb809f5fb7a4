"""Webhooks: where notices are posted to, and how the posts are signed."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from models import Delivery, Project, Webhook, db
from usage import outgoing
from usage.accounts import Refused

MOST = 20
# What chats take for a call to everybody.
CALLS = re.compile(r"@(?=(?:channel|here|all|everyone)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Destination:
    """A webhook as admins see it: the host alone, for the rest of its address is a secret."""

    id: int
    host: str
    project: str
    created_at: datetime
    last_time: datetime | None
    waiting: int
    problem: str


def add(url: str, project: str, hosts: Collection[str], secret: str, now: datetime) -> str:
    """Post notices there from now on, of one project by its slug or of all; returns the secret.

    Raises Refused.
    """
    outgoing.check(url, hosts)
    bound = Project.get_or_none(Project.slug == project) if project else None
    if project and not bound:
        raise Refused(f'There is no project "{project}".', "project")
    if Webhook.select().count() >= MOST:
        raise Refused(f"There are {MOST} webhooks; remove one first.")
    fields = {"project_id": bound.id if bound else 0, "url": url}
    made = Webhook.create(salt=secrets.token_urlsafe(16), created_at=now, **fields)
    return signing_key(made, secret)


def remove(id: int) -> str:
    """Post nothing there any more; returns the host. Raises Refused."""
    row = Webhook.get_or_none(Webhook.id == id)
    if not row:
        raise Refused("There is no such webhook.")
    with db.atomic():
        Delivery.delete().where(Delivery.target == target(row)).execute()
        Webhook.delete().where(Webhook.id == id).execute()
    return host(row.url)


def everyone() -> list[Destination]:
    """All webhooks, the oldest first, with what became of their posts."""
    names = dict(Project.select(Project.id, Project.name).tuples())
    return [
        _destination(row, names.get(row.project_id, "")) for row in Webhook.select().order_by("id")
    ]


def target(row: Webhook) -> str:
    """How deliveries name a webhook."""
    return f"webhook:{row.id}"


def host(url: str) -> str:
    """The part of an address that is no secret."""
    return urlsplit(url).hostname or ""


def signing_key(row: Webhook, secret: str) -> str:
    """What the posts of a webhook are signed with: it is made anew from the board's own secret."""
    digest = hmac.digest(secret.encode(), f"webhook {row.id} {row.salt}".encode(), "sha256")
    return f"tbw_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def body(sentence: str, link: str) -> bytes:
    """What is posted: a body as Slack and Mattermost take it, that calls nobody."""
    escaped = sentence.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return json.dumps({"text": CALLS.sub("@\u2060", escaped) + f"\n{link}"}).encode()


def signature(key: str, timestamp: int, body: bytes) -> str:
    """The signature of a post: HMAC-SHA256 over "<timestamp>.<body>", in hex."""
    signed = hmac.new(key.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1={signed.hexdigest()}"


def _destination(row: Webhook, project: str) -> Destination:
    mine = Delivery.select().where(Delivery.target == target(row))
    last = mine.where(Delivery.done_at.is_null(False)).order_by(Delivery.done_at.desc()).first()
    open_ones = mine.where(Delivery.done_at.is_null()).order_by(Delivery.next_time.desc())
    failed = open_ones.where(Delivery.problem != "").first()
    return Destination(
        id=row.id,
        host=host(row.url),
        project=project,
        created_at=row.created_at,
        last_time=last.done_at if last else None,
        waiting=open_ones.count(),
        problem=failed.problem if failed else "",
    )
