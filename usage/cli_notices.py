"""flask notices and flask digest: what a clock calls to find notices and send them."""

import click

from usage import deliveries
from usage.cli_import import now, plainly
from usage.settings import Settings


@click.command("notices")
@click.pass_obj
@plainly
def send_notices(settings: Settings) -> None:
    """Look for notices, and post those that are due to the webhooks."""
    new = deliveries.look(settings, now())
    sent = deliveries.post(settings, now())
    _tell(f"{new:,} new, {sent.arrived:,} posted", sent)


def _tell(words: str, sent: deliveries.Sent) -> None:
    for problem in sent.problems:
        click.echo(f"Not delivered, to be tried again later: {problem}", err=True)
    click.echo(f"Notices: {words}.")
