"""Deliveries: notices on their way, each once per target, with growing pauses after failures."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import Delivery, Notice, User, Webhook, db
from usage import accounts, notices, outgoing, webhooks
from usage.horizon import Horizon
from usage.mail import MailServer, digest
from usage.outgoing import Undelivered
from usage.settings import Settings

MOST_ATTEMPTS = 8
FIRST_PAUSE = timedelta(minutes=5)
MAIL = "mail:"


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of a run: how many notices arrived, and a sentence for each target that failed."""

    arrived: int
    problems: tuple[str, ...]


def look(settings: Settings, now: datetime) -> int:
    """Make the notices that are due and address them; returns how many are new."""
    about = settings.rates, settings.reporting_timezone, now
    new = 0
    everything = accounts.everything(*about, as_super_admin=True)
    for one in list(notices.candidates(everything, settings.unusual_day_usd)):
        with db.atomic():
            if made := notices.make(one, now):
                new += 1
                rows = [_row(made, target, now) for target in _targets(made, settings, now)]
                if rows:
                    Delivery.insert_many(rows).execute()
    return new


def post(settings: Settings, now: datetime) -> Sent:
    """Post what is due to the webhooks; one that fails is left alone for the rest of the run."""
    everything = accounts.everything(settings.rates, settings.reporting_timezone, now)
    arrived, problems = 0, {}
    # Read at once: SQLite refuses a write in the middle of reading an older snapshot.
    for row in list(Webhook.select().order_by(Webhook.id)):
        for delivery, notice in due(webhooks.target(row), now):
            if not claim(delivery, now):
                continue
            try:
                arrived += _post(row, notice, everything, settings, now)
                settle([delivery], now)
            except Undelivered as error:
                fail([delivery], str(error))
                problems[row.id] = f"{webhooks.host(row.url)}: {error}"
                break
    return Sent(arrived, tuple(problems.values()))


def mail(settings: Settings, now: datetime) -> Sent:
    """Mail each person what is due to them, as one digest."""
    arrived, problems = 0, []
    wanted = (User.mail_to != "") & User.disabled_at.is_null() & User.owner_id.is_null()
    with MailServer(settings.smtp_url) as server:
        for user in list(User.select().where(wanted).order_by(User.id)):
            mine = [one for one in due(f"{MAIL}{user.id}", now) if claim(one[0], now)]
            try:
                arrived += _mail(server, user, [notice for _, notice in mine], settings, now)
                settle([delivery for delivery, _ in mine], now)
            except Undelivered as error:
                fail([delivery for delivery, _ in mine], str(error))
                problems.append(f"{user.username}: {error}")
    return Sent(arrived, tuple(problems))


def due(target: str, now: datetime) -> list[tuple[Delivery, Notice]]:
    """What a target is to be sent by now, the oldest notice first."""
    ready = (
        (Delivery.target == target)
        & Delivery.done_at.is_null()
        & (Delivery.next_time <= now)
        & (Delivery.attempts < MOST_ATTEMPTS)
    )
    rows = list(Delivery.select().where(ready).order_by(Delivery.notice_id))
    about = {
        row.id: row for row in Notice.select().where(Notice.id.in_([r.notice_id for r in rows]))
    }
    return [(row, about[row.notice_id]) for row in rows if row.notice_id in about]


def claim(delivery: Delivery, now: datetime) -> bool:
    """Take an attempt, with the pause after it; False when another process took it just now."""
    pause = FIRST_PAUSE * 2**delivery.attempts
    mine = _is(delivery) & (Delivery.attempts == delivery.attempts) & Delivery.done_at.is_null()
    taken = {"attempts": delivery.attempts + 1, "next_time": now + pause}
    return bool(Delivery.update(taken).where(mine).execute())


def settle(deliveries: Iterable[Delivery], now: datetime) -> None:
    """Mark deliveries as done: they arrived, or must not be sent any more."""
    for delivery in deliveries:
        Delivery.update(done_at=now, problem="").where(_is(delivery)).execute()


def fail(deliveries: Iterable[Delivery], problem: str) -> None:
    """Note why deliveries failed; claim() has set their next attempt already."""
    for delivery in deliveries:
        Delivery.update(problem=problem).where(_is(delivery)).execute()


def _post(
    row: Webhook, notice: Notice, everything: Horizon, settings: Settings, now: datetime
) -> int:
    """Post a notice, unless a policy forbids it by now; returns how many were posted."""
    if not notices.may_see(notice, everything):
        return 0
    told = notices.readable(notice, everything)
    body = webhooks.body(told.sentence, settings.base_url + told.path)
    timestamp = int(now.timestamp())
    key = webhooks.signing_key(row, settings.secret_key)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Tallyboard",
        "X-Tallyboard-Delivery": f"{notice.id}-{row.id}",
        "X-Tallyboard-Timestamp": str(timestamp),
        "X-Tallyboard-Signature": webhooks.signature(key, timestamp, body),
    }
    outgoing.post(row.url, body, headers, settings.webhook_hosts)
    return 1


def _mail(
    server: MailServer, user: User, due: list[Notice], settings: Settings, now: datetime
) -> int:
    """Mail a person those of the notices that they may see; returns how many these are."""
    horizon = accounts.horizon(user, settings.rates, settings.reporting_timezone, now)
    told = [notices.readable(one, horizon) for one in due if notices.may_see(one, horizon, user)]
    if told:
        about = settings.base_url, settings.mail_from, user.mail_to, now
        server.send(digest(told, *about))
    return len(told)


def _targets(notice: Notice, settings: Settings, now: datetime) -> list[str]:
    """The webhooks and people who are to be told of a notice, as far as they may."""
    about = settings.rates, settings.reporting_timezone, now
    targets = []
    if notices.may_see(notice, accounts.everything(*about)):
        mine = (Webhook.project_id == 0) | (Webhook.project_id == (notice.project_id or 0))
        targets = [webhooks.target(row) for row in Webhook.select().where(mine)]
    for user in list(User.select().where(User.mail_to != "", User.disabled_at.is_null())):
        if notices.may_see(notice, accounts.horizon(user, *about), user):
            targets.append(f"{MAIL}{user.id}")
    return targets


def _row(notice: Notice, target: str, now: datetime) -> dict:
    return {"notice_id": notice.id, "target": target, "next_time": now}


def _is(delivery: Delivery) -> object:
    return (Delivery.notice_id == delivery.notice_id) & (Delivery.target == delivery.target)
