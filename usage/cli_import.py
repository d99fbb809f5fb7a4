"""flask import: files and folders, with a progress bar; and what all commands share."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path

import click
from peewee import DatabaseError, InterfaceError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from usage import accounts, audit, projects
from usage.ingest import files, formats
from usage.ingest.event import InvalidEvent
from usage.ingest.imports import Import
from usage.ingest.intake import Receipt, Sender
from usage.settings import Settings

# How the databases tell that a table or column isn't there.
MISSING = re.compile(r"no such (table|column)|\b(relation|column) .* does not exist")


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
            if MISSING.search(reason):
                reason = "tables are missing or out of date; run flask --app app migrate"
            raise click.ClickException(f"The database refused: {reason}.") from None

    return wrapped


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@click.command("import")
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", type=click.Choice(formats.NAMES), default="auto", show_default=True)
@click.option(
    "--project", default="", help="The project of all lines; those of another are refused."
)
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
    slug, told = slug_of(settings, project, dry_run)
    click.echo(told, nl=False, err=True)
    total, unread = Receipt(), False
    with _progress(paths) as advance:
        how = Import(
            Sender(slug, user),
            settings.reporting_timezone,
            now,
            format,
            trial=set() if dry_run else None,
            progress=advance,
            refused=_tell,
        )
        for one in (one for root in paths for one in how.folder(root)):
            total += one.receipt
            unread |= bool(one.problem and not one.foreign)
            if one.problem:
                lead = "Skipped" if one.foreign else "Error"
                click.echo(f"{lead}: {visible(one.problem)}", err=True)
    if unread and not total.received:
        sys.exit(1)
    if not dry_run:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        audit.note("import", now(), "", f"{paths[0].name}{more}", f"{total.accepted:,} accepted")
    click.echo(f"Dry run, nothing was kept: {_account(total)}" if dry_run else _account(total))
    if total.nobody and not user:
        click.echo(f"{total.nobody:,} name nobody; --user says whose they are.", err=True)
    sys.exit(1 if unread or total.all_refused else 0)


def _tell(path: str, line: int, error: InvalidEvent) -> None:
    click.echo(visible(f"{path}, line {line}: {error.field}: {error.message}"), err=True)


def _account(total: Receipt) -> str:
    replaced = f" ({total.replaced:,} of them said more)" if total.replaced else ""
    skipped = f" {total.skipped:,} told of no call." if total.skipped else ""
    return (
        f"{total.received:,} read, {total.accepted:,} accepted, "
        f"{total.duplicates:,} duplicates{replaced}, {total.rejected:,} rejected.{skipped}"
    )


def visible(text: str) -> str:
    """Text from a file without what would move the terminal's cursor."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def slug_of(settings: Settings, project: str, dry_run: bool = False) -> tuple[str, str]:
    """The slug of a project named on the command line, and what to tell when it is new."""
    if not project or dry_run:
        return project and projects.would_be(project), ""
    found, made = projects.ensure(project, settings.reporting_timezone, now())
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
