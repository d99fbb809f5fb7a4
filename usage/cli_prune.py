"""flask prune: drop the events of days long gone while the board is in use."""

import sys
import time
from datetime import date, datetime

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from models import db
from usage import audit, pruning
from usage.cli_import import now, plainly
from usage.retention import kept_from

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
@plainly
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
    columns = ("Dropping events", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = not sys.stderr.isatty()
    dropped = 0
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=None if quiet else pruning.count(before))
        for some in pruning.drop():
            dropped += some
            bar.advance(task, some)
            time.sleep(PAUSE)
    return dropped


def _events(count: int) -> str:
    return f"{count:,} event" if count == 1 else f"{count:,} events"
