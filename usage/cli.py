"""The commands: flask --app app …"""

import sys
from copy import copy
from pathlib import Path

import click
from peewee import SqliteDatabase
from playhouse import migrations

from models import db
from usage import audit, keys, retention, rollups, samples
from usage.cli_grants import grant
from usage.cli_growth import copy_to, distribute
from usage.cli_import import import_files
from usage.cli_notices import send_digest, send_notices
from usage.cli_people import show_audit, user
from usage.cli_prices import price, seed_if_empty
from usage.cli_projects import project, slug_of
from usage.cli_prune import prune
from usage.daily import any_usage
from usage.settings import Settings
from usage.terminal import now, plain_errors
from usage.weekly import WeekKey


def register(group: click.Group, settings: Settings, scripts: Path) -> None:
    """Add the commands; each gets what it needs as its object, most of them the settings."""
    own = (load_demo, key, rebuild, verify, prune, backup, distribute)
    others = (user, project, price, grant, show_audit, send_notices, send_digest)
    commands = (*own, import_files, *others)
    needed = dict.fromkeys(commands, settings)
    needed |= {migrate: scripts, copy_to: (settings, scripts)}
    for command, needs in needed.items():
        # A copy: another app in this process has settings of its own.
        mine = copy(command)
        mine.context_settings = command.context_settings | {"obj": needs}
        group.add_command(mine)


@click.command()
@click.pass_obj
@plain_errors
def migrate(scripts: Path) -> None:
    """Bring the database's tables up to date, and give a new board its price list."""
    done = migrations.run(db, str(scripts))
    seed_if_empty()
    click.echo(f"Applied {', '.join(done)}." if done else "The database is up to date.")


@click.command("demo")
@click.option("--remove", is_flag=True, help="Take the sample data off the board again.")
@click.pass_obj
@plain_errors
def load_demo(settings: Settings, remove: bool) -> None:
    """Load sample data into an empty board: 25 people, 5 projects, 120 days."""
    if remove:
        samples.remove()
        click.echo("The sample data is gone.")
    elif any_usage():
        click.echo("The board holds usage already, so no sample data was added.")
    else:
        count = samples.load(settings.reporting_timezone, now())
        click.echo(f"Loaded {count:,} sample events; flask --app app demo --remove removes them.")


@click.group()
def key() -> None:
    """Keys that programs sign their requests with."""


@key.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="ingest, read or embed.")
@click.option("--project", default="", help="The only project it may send to or read.")
@click.option("--user", default="", help="Whose usage it is where an event does not say.")
@click.option("--source", default="", help="ui, cli, ide or api, where an event does not say.")
@click.pass_obj
@plain_errors
def create_key(
    settings: Settings, name: str, scopes: tuple[str, ...], project: str, user: str, source: str
) -> None:
    """Make a key; it is printed once, alone on the last line."""
    with db.atomic():
        slug, message = slug_of(settings, project)
        token = keys.create(name, scopes, now(), slug, user, source)
        bound = f", project {slug}" if slug else ""
        audit.note("key created", now(), "", name, " ".join(sorted(set(scopes))) + bound)
    click.echo(f"{message}Keep this key: it is not shown again.", err=True)
    click.echo(token)


@key.command("list")
@plain_errors
def list_keys() -> None:
    """Show all keys."""
    for one in keys.everyone():
        project = one.project.slug if one.project_id else ""
        said = {"project": project, "user": one.default_user, "source": one.default_source}
        bound = "".join(f", {name} {value}" for name, value in said.items() if value)
        state = "revoked" if one.revoked_at else "live"
        click.echo(f"{one.name}: {one.scopes}{bound} ({state})")


@key.command("revoke")
@click.argument("name")
@plain_errors
def revoke_key(name: str) -> None:
    """Make a key useless from now on."""
    with db.atomic():
        keys.revoke(name, now())
        audit.note("key revoked", now(), "", name)
    click.echo(f'The key "{name}" is revoked.')


@click.command()
@plain_errors
def rebuild() -> None:
    """Make the daily rows anew from the events, and the weekly ones from these."""
    made = rollups.rebuild()
    _tell_of_closed_days("stay as they are")
    click.echo(f"Made {made:,} daily rows.")


@click.command()
@plain_errors
def verify() -> None:
    """Recount daily rows from events, and weekly ones from these; exits with 1 on a difference."""
    differing = rollups.verify()
    weeks = sum(isinstance(key, WeekKey) for key in differing)
    for key in differing[:20]:
        which = "Week differs" if isinstance(key, WeekKey) else "Differs"
        click.echo(f"{which}: {', '.join(str(part or '-') for part in key)}")
    _tell_of_closed_days("can't be recounted")
    if weeks:
        click.echo(f"{weeks:,} weekly rows differ from the daily ones.")
    click.echo(f"{len(differing) - weeks:,} daily rows differ from the events.")
    sys.exit(1 if differing else 0)


def _tell_of_closed_days(fate: str) -> None:
    if closed := retention.closed():
        kept = rollups.closed_rows()
        days = f"days before {closed.kept_from}, whose events are gone"
        click.echo(f"{kept:,} daily rows of {days}, {fate}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@plain_errors
def backup(file: Path) -> None:
    """Copy the SQLite database to a file while it is in use."""
    if not isinstance(db.obj, SqliteDatabase):
        raise click.ClickException("For PostgreSQL, use pg_dump.")
    if file.exists():
        raise click.ClickException(f"{file} exists already.")
    if not file.parent.is_dir():
        raise click.ClickException(f"There is no folder {file.parent}.")
    db.backup_to_file(str(file))
    click.echo(f"Copied the database to {file}.")
