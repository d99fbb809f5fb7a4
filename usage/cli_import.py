"""flask import: files and folders, with a progress bar."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

from usage import audit
from usage.cli_projects import slug_of
from usage.ingest import files, formats
from usage.ingest.event import InvalidEvent
from usage.ingest.imports import Import
from usage.ingest.intake import Sender
from usage.ingest.receipt import Receipt
from usage.settings import Settings
from usage.terminal import now, plain_errors, printable, progress_bar


@click.command("import")
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", type=click.Choice(formats.NAMES), default="auto", show_default=True)
@click.option(
    "--project", default="", help="The project of all lines; those of another are refused."
)
@click.option("--user", default="", help="Whose usage it is where a line does not say.")
@click.option("--dry-run", is_flag=True, help="Show what would happen, and keep nothing.")
@click.pass_obj
@plain_errors
def import_files(
    settings: Settings, paths: tuple[Path, ...], format: str, project: str, user: str, dry_run: bool
) -> None:
    """Import usage from files and folders: native events, session files, exports, reports.

    The format is recognised. Good lines are taken, bad ones are refused by number, and importing
    a file again changes nothing. Exits with 1 when every line was refused or a file can't be read.
    """
    slug, message = slug_of(settings, project, dry_run)
    click.echo(message, nl=False, err=True)
    total, unread = Receipt(), False
    with _progress(paths) as advance:
        how = Import(
            Sender(slug, user),
            settings.reporting_timezone,
            now,
            format,
            trial=set() if dry_run else None,
            progress=advance,
            refused=_report_refusal,
        )
        for one in (one for root in paths for one in how.folder(root)):
            total += one.receipt
            unread |= bool(one.problem and not one.foreign)
            if one.problem:
                lead = "Skipped" if one.foreign else "Error"
                click.echo(f"{lead}: {printable(one.problem)}", err=True)
    if unread and not total.received:
        sys.exit(1)
    if not dry_run:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        audit.note("import", now(), "", f"{paths[0].name}{more}", f"{total.accepted:,} accepted")
    click.echo(f"Dry run, nothing was kept: {_summary(total)}" if dry_run else _summary(total))
    if total.nobody and not user:
        click.echo(f"{total.nobody:,} name nobody; --user says whose they are.", err=True)
    sys.exit(1 if unread or total.all_refused else 0)


def _report_refusal(path: str, line: int, error: InvalidEvent) -> None:
    click.echo(printable(f"{path}, line {line}: {error.field}: {error.message}"), err=True)


def _summary(total: Receipt) -> str:
    replaced = f" ({total.replaced:,} of them said more)" if total.replaced else ""
    skipped = f" {total.skipped:,} told of no call." if total.skipped else ""
    return (
        f"{total.received:,} read, {total.accepted:,} accepted, "
        f"{total.duplicates:,} duplicates{replaced}, {total.rejected:,} rejected.{skipped}"
    )


@contextmanager
def _progress(paths: tuple[Path, ...]) -> Iterator[Callable[[int], None]]:
    """A progress bar over the bytes of all files; yields what advances it."""
    size = sum(path.stat().st_size for root in paths for path in files.walk(root) if path.exists())
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with progress_bar("Importing", *columns) as bar:
        task = bar.add_task("", total=size)
        yield lambda count: bar.advance(task, count)
