"""Who did what, when and from where. Never a secret: no key, no link, no password."""

from datetime import datetime

from models import AuditEntry

LONGEST = 300
PER_PAGE = 50


def note(
    action: str, now: datetime, actor: str, subject: str = "", detail: str = "", address: str = ""
) -> None:
    """Keep an entry: what was done, by whom ("" for the command line), to whom or what."""
    texts = {"actor": actor, "action": action, "subject": subject, "detail": detail}
    shown = {name: _shown(text) for name, text in texts.items()}
    AuditEntry.create(time=now, address=_shown(address), **shown)


def entries(q: str = "", page: int = 1, per_page: int = PER_PAGE) -> tuple[list[AuditEntry], int]:
    """One page of entries, newest first, and how many there are; `q` is looked for in all."""
    query = AuditEntry.select()
    if q:
        columns = (AuditEntry.actor, AuditEntry.action, AuditEntry.subject, AuditEntry.detail)
        found = [column.contains(q) for column in columns]
        query = query.where(found[0] | found[1] | found[2] | found[3])
    newest = query.order_by(AuditEntry.id.desc())
    return list(newest.paginate(page, per_page)), query.count()


def _shown(text: str) -> str:
    """Text from outside without unprintable characters, and not too long for a table."""
    return "".join(char for char in text if char.isprintable())[:LONGEST]
