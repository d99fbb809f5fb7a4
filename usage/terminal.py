"""What all commands share: the clock, errors in one sentence, safe text and a progress bar."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps

import click
from peewee import DatabaseError, InterfaceError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TimeRemainingColumn,
)

from usage.accounts import Refused
from usage.ingest.files import UnreadableFile

# How the databases say that a table or column is missing.
MISSING = re.compile(r"no such (table|column)|\b(relation|column) .* does not exist")


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def plain_errors(command: Callable) -> Callable:
    """Let a command say in one sentence what went wrong, and exit with 1."""

    @wraps(command)
    def wrapped(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (Refused, UnreadableFile) as error:
            raise click.ClickException(str(error)) from None
        except (DatabaseError, InterfaceError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            if MISSING.search(reason):
                reason = "tables are missing or out of date; run flask --app app migrate"
            raise click.ClickException(f"The database refused: {reason}.") from None

    return wrapped


def printable(text: str) -> str:
    """Text from outside without the characters that would move the terminal's cursor."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def progress_bar(label: str, *columns: str | ProgressColumn) -> Progress:
    """A progress bar on standard error, drawn only on a terminal and removed at the end.

    Without other columns it shows a bar, how many of how many are done, and the time left.
    """
    return Progress(
        label,
        *(columns or (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
