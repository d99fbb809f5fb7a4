"""flask notices and flask digest: what a clock calls to find notices and send them."""

import click

from usage import deliveries
from usage.settings import Settings
from usage.terminal import now, plain_errors


@click.command("notices")
@click.pass_obj
@plain_errors
def send_notices(settings: Settings) -> None:
    """Look for notices, and post those that are due to the webhooks."""
    new = deliveries.look(settings, now())
    sent = deliveries.post(settings, now())
    _tell(f"{new:,} new, {sent.arrived:,} posted", sent)


@click.command("digest")
@click.pass_obj
@plain_errors
def send_digest(settings: Settings) -> None:
    """Look for notices, post those that are due, and mail people those they asked for."""
    if not settings.smtp_url:
        raise click.ClickException("SMTP_URL is empty, so there is no server to mail with.")
    new = deliveries.look(settings, now())
    posted, mailed = deliveries.post(settings, now()), deliveries.mail(settings, now())
    both = deliveries.Sent(mailed.arrived, posted.problems + mailed.problems)
    _tell(f"{new:,} new, {posted.arrived:,} posted, {mailed.arrived:,} mailed", both)


def _tell(words: str, sent: deliveries.Sent) -> None:
    for problem in sent.problems:
        click.echo(f"Not delivered, to be tried again later: {problem}", err=True)
    click.echo(f"Notices: {words}.")
