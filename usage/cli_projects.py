"""flask project: projects, their zones, default rates, and how people are named in them."""

import click

from models import db
from usage import audit, projects, rezoning
from usage.settings import Settings
from usage.terminal import now, plain_errors, progress_bar


@click.group()
def project() -> None:
    """Projects."""


@project.command("create")
@click.argument("name")
@click.option("--timezone", default="", help="The zone of its days; REPORTING_TIMEZONE if empty.")
@click.pass_obj
@plain_errors
def create_project(settings: Settings, name: str, timezone: str) -> None:
    """Make a project ahead of its first usage, with a zone of its own."""
    with db.atomic():
        made = projects.create(name, timezone or settings.reporting_timezone, now())
        audit.note("project created", now(), "", made.slug, made.timezone)
    click.echo(f'The project "{made.slug}" counts its days in {made.timezone}.')


@project.command("list")
@plain_errors
def list_projects() -> None:
    """Show all projects."""
    for one in projects.everyone():
        click.echo(f"{one.slug}: {one.name}, {one.timezone}")


@project.command("zone")
@click.argument("slug")
@click.argument("timezone", metavar="ZONE")
@plain_errors
def change_zone(slug: str, timezone: str) -> None:
    """Count a project's days in another zone, those of its earlier usage as well.

    Interrupted, it goes on where it stopped when it is run again; the board stays readable.
    """
    found = projects.find(slug)
    with db.atomic():
        if rezoning.begin(found, timezone):
            audit.note("zone changed", now(), "", slug, f"{found.timezone} to {timezone}")
    with progress_bar("Telling the days") as bar:
        task = bar.add_task("", total=None)
        while projects.find(slug).rezone_after is not None:
            done, people = rezoning.advance(found)
            bar.update(task, completed=done, total=people)
    click.echo(f'The project "{slug}" counts its days in {timezone}.')


@project.command("rates")
@click.argument("slug")
@click.argument("prompt")
@click.argument("completion")
@plain_errors
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
@plain_errors
def set_identity(slug: str, policy: str, least: int, binds_all: bool) -> None:
    """Say how people are named in a project: named, own, pseudonyms or hidden."""
    with db.atomic():
        projects.set_identity(projects.find(slug), policy, least, binds_all)
        words = projects.policy_words(policy, least, binds_all)
        audit.note("identity policy changed", now(), "", slug, words)
    click.echo(f'People in "{slug}": {words}.')


def slug_of(settings: Settings, project: str, dry_run: bool = False) -> tuple[str, str]:
    """The slug of a project named on the command line, and what to say when it was made for it."""
    if not project or dry_run:
        return project and projects.would_be(project), ""
    found, made = projects.ensure(project, settings.reporting_timezone, now())
    message = f'Made the project "{found.slug}", days in {found.timezone}.\n' if made else ""
    return found.slug, message
