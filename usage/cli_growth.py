"""flask copy-to and distribute: when a board outgrows one file, and one server."""

from pathlib import Path
from urllib.parse import urlsplit

import click
from playhouse import migrations
from rich.progress import TextColumn

from models import connect
from usage import audit, checks, copying, distribution
from usage.accounts import Refused
from usage.settings import Settings
from usage.terminal import now, plain_errors, progress_bar


@click.command("copy-to")
@click.argument("url")
@click.pass_obj
@plain_errors
def copy_to(needs: tuple[Settings, Path], url: str) -> None:
    """Copy the board into an empty PostgreSQL database, which is migrated if it has no tables.

    Interrupted, it goes on where it stopped when it is run again. At the end all rows are compared
    while nobody can write. Stop the servers first: what they take in afterwards is not in the copy.
    """
    settings, scripts = needs
    try:
        target = connect(checks.database_url(url))
    except ValueError as error:
        raise Refused(f"The target {error}.") from None
    origin = _without_password(settings.database_url)
    if url == settings.database_url:
        raise Refused("The target is this board itself.")
    try:
        if target.for_update and not target.get_tables():
            migrations.run(target, str(scripts))
        copying.check(target, origin)
        audit.note("board copied", now(), "", _without_password(url))
        rows = TextColumn("{task.description}: {task.completed:,} rows")
        with progress_bar("Copying", rows) as bar:
            tasks = {one.name: bar.add_task(one.name, total=None) for one in copying.LAYOUTS}
            counts = copying.copy(target, origin, lambda name, rows: bar.advance(tasks[name], rows))
    finally:
        target.close_all()
    for name, count in counts.items():
        click.echo(f"{name}: {count:,} rows, all equal")
    click.echo("Next: start the servers with DATABASE_URL set to the new database.")


@click.command()
@plain_errors
def distribute() -> None:
    """Spread the tables over the nodes of Citus; safe to repeat, with the servers stopped."""
    done = [_told(name) for name in distribution.distribute()]
    if done:
        audit.note("tables distributed", now(), "", "", ", ".join(done))
    click.echo(f"{len(done)} tables were spread." if done else "All tables are spread already.")


def _told(name: str) -> str:
    click.echo(name)
    return name


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
