"""Notices: what deserved attention, with links to the scopes."""

from flask import Blueprint, url_for

from usage import mail, notices
from views.admin import PER_PAGE, chosen_action, form_field, page_number
from views.done import done
from views.guards import horizon, note, now, require_session, settings, viewer
from views.responses import respond

bp = Blueprint("notices", __name__, url_prefix="/notices")


@bp.get("")
@require_session
def index():
    """The notices one may see, newest first, and by which rules they are made."""
    page = page_number()
    within = horizon()
    rows, found = notices.page_for(viewer(), within, page, PER_PAGE)
    return respond(
        "notices",
        url_for("notices.index", page=page if page > 1 else None),
        rows=rows,
        horizon=within,
        found=found,
        q="",
        page=page,
        pages=max(1, -(-found // PER_PAGE)),
        mails=bool(settings().smtp_url),
        mail_to=viewer().mail_to,
        rule={"weekdays": notices.WEEKDAYS, "used": notices.USED, "times": notices.TIMES},
        floor=settings().unusual_day_usd,
        now=now(),
        timezone=settings().reporting_timezone,
        screen="notices.index",
    )


@bp.post("")
@require_session
def subscribe():
    """Have the notices one may see mailed to an address, or to none any more."""
    chosen_action("mail")
    mail_to = form_field("mail_to")
    mail.subscribe(viewer(), mail_to)
    note("notices by mail", viewer().username, "on" if mail_to else "off")
    whither = f"are mailed to {mail_to} from now on" if mail_to else "are not mailed any more"
    return done(url_for("notices.index"), f"Notices {whither}.")
