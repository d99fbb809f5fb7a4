"""The commands: flask --app app …"""

import sys
from copy import copy
from pathlib import Path

import click
from peewee import SqliteDatabase
from playhouse import migrations

from models import db
from usage import accounts, audit, keys, people, projects, rollups, samples, sign_in
from usage.cli_import import import_files, now, plainly, slug_of
from usage.daily import any_usage
from usage.settings import Settings


def register(group: click.Group, settings: Settings, scripts: Path) -> None:
    """Add the commands; each gets the settings as its object."""
    commands = (load_demo, import_files, key, user, project, rebuild, verify, backup)
    for command, needs in (*((command, settings) for command in commands), (migrate, scripts)):
        # A copy: another app in this process has settings of its own.
        mine = copy(command)
        mine.context_settings = command.context_settings | {"obj": needs}
        group.add_command(mine)


@click.command()
@click.pass_obj
@plainly
def migrate(scripts: Path) -> None:
    """Bring the database's tables up to date."""
    done = migrations.run(db, str(scripts))
    click.echo(f"Applied {', '.join(done)}." if done else "The database is up to date.")


@click.command("demo")
@click.option("--remove", is_flag=True, help="Take the sample data off the board again.")
@click.pass_obj
@plainly
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
@plainly
def create_key(
    settings: Settings, name: str, scopes: tuple[str, ...], project: str, user: str, source: str
) -> None:
    """Make a key; it is printed once, alone on the last line."""
    with db.atomic():
        slug, told = slug_of(settings, project)
        token = keys.create(name, scopes, now(), slug, user, source)
    click.echo(f"{told}Keep this key: it is not shown again.", err=True)
    click.echo(token)


@key.command("list")
@plainly
def list_keys() -> None:
    """Show all keys."""
    for one in keys.everyone():
        bound = f", project {one.project.slug}" if one.project_id else ""
        state = "revoked" if one.revoked_at else "live"
        click.echo(f"{one.name}: {one.scopes}{bound} ({state})")


@key.command("revoke")
@click.argument("name")
@plainly
def revoke_key(name: str) -> None:
    """Make a key useless from now on."""
    keys.revoke(name, now())
    click.echo(f'The key "{name}" is revoked.')


@click.group()
def user() -> None:
    """People."""


@user.command("create")
@click.argument("username")
@click.option("--name", "display_name", default="", help="The name that people read.")
@click.option("--email", default="")
@click.pass_obj
@plainly
def create_user(settings: Settings, username: str, display_name: str, email: str) -> None:
    """Make a person ahead of their first usage, and print a link to set a password with."""
    with db.atomic():
        made = accounts.create_user(username, now(), display_name=display_name, email=email)
        token = sign_in.create_link(made, settings.secret_key, now(), sign_in.PASSWORD)
        audit.note("user created", now(), "", made.username)
    click.echo(f'The user "{made.username}" is made. To set a password within a week, once:')
    click.echo(f"{settings.base_url}/set-password/{token}")


@user.command("disable")
@click.argument("username")
@plainly
def disable_user(username: str) -> None:
    """End a person's access; their usage stays on the board."""
    accounts.disable_user(username, now())
    click.echo(f'The user "{username}" is disabled.')


@user.command("merge")
@click.argument("name")
@click.argument("into", required=False)
@click.option("--undo", is_flag=True, help="Part a merged name from its person again.")
@plainly
def merge_user(name: str, into: str | None, undo: bool) -> None:
    """Count the usage of NAME as that of the person INTO, from now on and so far."""
    if undo == bool(into):
        raise click.UsageError("Say NAME and INTO, or --undo and NAME.")
    if undo:
        people.part(name)
        click.echo(f'"{name}" has a row of its own again.')
        return
    found = people.preview(name, into)
    people.merge(name, into, now())
    moved, aside = found.name.usage.calls, found.set_aside
    click.echo(f'"{found.name.username}" is "{found.into.username}" from now on.')
    click.echo(f"Moved {moved:,} calls; set {aside:,} aside that both had.")


@user.command("link")
@click.argument("username", default="admin")
@click.pass_obj
@plainly
def sign_in_link(settings: Settings, username: str) -> None:
    """Print a link that signs a super admin in once, within the hour."""
    admin = accounts.super_admin(username, now())
    token = sign_in.create_link(admin, settings.secret_key, now())
    click.echo(f"Sign in within the hour, once:\n{settings.base_url}/sign-in/{token}")


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
    made = projects.create(name, timezone or settings.reporting_timezone, now())
    click.echo(f'The project "{made.slug}" counts its days in {made.timezone}.')


@project.command("list")
@plainly
def list_projects() -> None:
    """Show all projects."""
    for one in projects.everyone():
        click.echo(f"{one.slug}: {one.name}, {one.timezone}")


@click.command()
@plainly
def rebuild() -> None:
    """Make the daily roll-up anew from the events."""
    click.echo(f"Made {rollups.rebuild():,} daily rows.")


@click.command()
@plainly
def verify() -> None:
    """Recount the daily roll-up from the events; exits with 1 on a difference."""
    differing = rollups.verify()
    for day_key in differing[:20]:
        click.echo(f"Differs: {', '.join(str(part or '-') for part in day_key)}")
    click.echo(f"{len(differing):,} daily rows differ from the events.")
    sys.exit(1 if differing else 0)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@plainly
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
