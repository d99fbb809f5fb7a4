"""flask prune: drop the events of days long gone while the board is in use."""

import time
from datetime import date, datetime

import click

from models import db
from usage import audit, pruning
from usage.retention import kept_from
from usage.terminal import now, plain_errors, progress_bar

# Between two slices whoever waits to store usage has a turn.
PAUSE = 0.05


@click.command()
@click.option(
    "--before",
    "day",
    required=True,
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The first day whose events are kept.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be dropped, and keep everything.")
@plain_errors
def prune(day: datetime, dry_run: bool) -> None:
    """Drop the events of the days before DATE, and keep their numbers.

    The board stays in use. Those days are closed from then on: they take no more usage, and what
    counts there stays as it is. Interrupted, it goes on where it stopped when it is run again.
    """
    before = day.date()
    if dry_run:
        pruning.check(before, now())
        found = pruning.count(max(before, kept_from()))
        click.echo(f"Dry run, everything was kept: {_events(found)} would be dropped.")
        return
    with db.atomic():
        if pruning.begin(before, now()):
            audit.note("events pruned", now(), "", str(before), "all before that day")
    click.echo(f"Dropped {_events(_drop(kept_from()))}; all from {kept_from()} on are kept.")


def _drop(before: date) -> int:
    dropped = 0
    with progress_bar("Dropping events") as bar:
        # Nobody waits for a count of millions that is not shown.
        task = bar.add_task("", total=None if bar.disable else pruning.count(before))
        for count in pruning.drop():
            dropped += count
            bar.advance(task, count)
            time.sleep(PAUSE)
    return dropped


def _events(count: int) -> str:
    return f"{count:,} event" if count == 1 else f"{count:,} events"
