"""flask import: files and folders, with a progress bar; and what all commands share."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import wraps
from itertools import islice
from pathlib import Path

import click
from peewee import DatabaseError, InterfaceError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from models import db
from usage import accounts
from usage.ingest import files, formats
from usage.ingest.intake import Receipt, Sender, take
from usage.settings import Settings

AT_ONCE = 1000


def plainly(command: Callable) -> Callable:
    """Say in one sentence what went wrong, and exit with 1."""

    @wraps(command)
    def wrapped(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (accounts.Refused, files.UnreadableFile) as error:
            raise click.ClickException(str(error)) from None
        except (DatabaseError, InterfaceError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            new = "no such table" in reason or "does not exist" in reason
            hint = " If it is new: flask --app app migrate" if new else ""
            raise click.ClickException(f"The database refused: {reason}.{hint}") from None

    return wrapped


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@click.command("import")
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", type=click.Choice(formats.NAMES), default="auto", show_default=True)
@click.option("--project", default="", help="Count everything for this project.")
@click.option("--user", default="", help="Whose usage it is where a line does not say.")
@click.option("--dry-run", is_flag=True, help="Show what would happen, and keep nothing.")
@click.pass_obj
@plainly
def import_files(
    settings: Settings, paths: tuple[Path, ...], format: str, project: str, user: str, dry_run: bool
) -> None:
    """Import usage from files and folders: native events, session files, exports, reports.

    The format is recognised. Good lines are taken, bad ones are refused by number, and importing
    a file again changes nothing. Exits with 1 when every line was refused or a file can't be read.
    """
    total, unread = Receipt(), False
    with db.atomic() if dry_run else nullcontext() as trial, _progress(paths) as advance:
        slug, told = slug_of(settings, project)
        click.echo("" if dry_run else told, nl=False, err=True)
        sender = Sender(slug, user)
        for root, path in ((given, path) for given in paths for path in files.walk(given)):
            try:
                shown = f"./{path.relative_to(root)}" if root.is_dir() else path.name
                form, records = files.open_file(path, format, shown, advance)
                for receipt in _import(path, form, records, sender, settings.reporting_timezone):
                    total += receipt
            except files.UnknownFormat as error:
                # A folder holds all sorts of files; one that was named is meant.
                unread |= not root.is_dir()
                click.echo(f"Skipped: {visible(str(error))}", err=True)
            except files.UnreadableFile as error:
                unread = True
                click.echo(f"Error: {visible(str(error))}", err=True)
        if trial:
            trial.rollback()
    if unread and not total.received:
        sys.exit(1)
    lead = "Dry run, nothing was kept: " if dry_run else ""
    click.echo(
        f"{lead}{total.received:,} read, {total.accepted:,} accepted, "
        f"{total.duplicates:,} duplicates, {total.rejected:,} rejected."
        + (f" {total.skipped:,} told of no call." if total.skipped else "")
    )
    sys.exit(1 if unread or total.all_refused else 0)


def _import(
    path: Path, form: formats.Format, records: files.Numbered, sender: Sender, timezone: str
) -> Iterator[Receipt]:
    while some := list(islice(records, AT_ONCE)):
        receipt = take(form, some, sender, timezone, now())
        for line, error in receipt.refusals:
            told = visible(f"{path}, line {line}: {error.field}: {error.message}")
            click.echo(told, err=True)
        yield receipt


def visible(text: str) -> str:
    """Text from a file without what would move the terminal's cursor."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def slug_of(settings: Settings, project: str) -> tuple[str, str]:
    """The slug of a project named on the command line, and what to tell when it is new."""
    if not project:
        return "", ""
    found, made = accounts.ensure_project(project, settings.reporting_timezone, now())
    told = f'Made the project "{found.slug}", days in {found.timezone}.\n' if made else ""
    return found.slug, told


@contextmanager
def _progress(paths: tuple[Path, ...]) -> Iterator[Callable[[int], None]]:
    """A bar over all the bytes, on standard error and only where someone looks on."""
    size = sum(path.stat().st_size for root in paths for path in files.walk(root) if path.exists())
    bar = Progress(
        "Importing",
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("", total=size)
        yield lambda count: bar.advance(task, count)
