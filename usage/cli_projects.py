"""flask project: projects, their zones, default rates, and how people are named in them."""

import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from models import db
from usage import audit, projects, rezoning
from usage.cli_import import now, plainly
from usage.settings import Settings


@click.group()
def project() -> None:
    """Projects."""


@project.command("create")
@click.argument("name")
@click.option("--timezone", default="", help="The zone of its days; REPORTING_TIMEZONE if empty.")
@click.pass_obj
@plainly
def create_project(settings: Settings, name: str, timezone: str) -> None:
    """Make a project ahead of its first usage, with a zone of its own."""
    with db.atomic():
        made = projects.create(name, timezone or settings.reporting_timezone, now())
        audit.note("project created", now(), "", made.slug, made.timezone)
    click.echo(f'The project "{made.slug}" counts its days in {made.timezone}.')


@project.command("list")
@plainly
def list_projects() -> None:
    """Show all projects."""
    for one in projects.everyone():
        click.echo(f"{one.slug}: {one.name}, {one.timezone}")


@project.command("zone")
@click.argument("slug")
@click.argument("timezone", metavar="ZONE")
@plainly
def change_zone(slug: str, timezone: str) -> None:
    """Count a project's days in another zone, those of its earlier usage as well.

    Interrupted, it goes on where it stopped when it is run again; the board stays readable.
    """
    found = projects.find(slug)
    with db.atomic():
        if rezoning.begin(found, timezone):
            audit.note("zone changed", now(), "", slug, f"{found.timezone} to {timezone}")
    columns = ("Telling the days", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=None)
        while projects.find(slug).rezone_after is not None:
            done, people = rezoning.advance(found)
            bar.update(task, completed=done, total=people)
    click.echo(f'The project "{slug}" counts its days in {timezone}.')


@project.command("rates")
@click.argument("slug")
@click.argument("prompt")
@click.argument("completion")
@plainly
def set_rates(slug: str, prompt: str, completion: str) -> None:
    """Give a project default rates in USD per 1M tokens; "" is the board's default."""
    with db.atomic():
        projects.set_rates(projects.find(slug), prompt, completion)
        rates = " and ".join(rate.strip() or "default" for rate in (prompt, completion))
        audit.note("project changed", now(), "", slug, f"rates: {rates}")
    click.echo(f'The default rates of "{slug}" are {rates}.')


@project.command("identity")
@click.argument("slug")
@click.argument("policy")
@click.option("--least", default=0, help='How many people there must be, for "hidden".')
@click.option("--binds-super-admins", "binds_all", is_flag=True, help="Hold for them as well.")
@plainly
def set_identity(slug: str, policy: str, least: int, binds_all: bool) -> None:
    """Say how people are named in a project: named, own, pseudonyms or hidden."""
    with db.atomic():
        projects.set_identity(projects.find(slug), policy, least, binds_all)
        words = projects.policy_words(policy, least, binds_all)
        audit.note("identity policy changed", now(), "", slug, words)
    click.echo(f'People in "{slug}": {words}.')
