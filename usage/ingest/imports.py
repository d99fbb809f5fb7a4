"""Files and folders -> counted events, one account for each file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from usage.ingest import files
from usage.ingest.intake import Sender, take
from usage.ingest.receipt import Receipt

AT_ONCE = 1000


@dataclass
class Imported:
    """What became of one file; `problem` says why nothing of it could be read, or read on."""

    path: str
    format: str = ""
    receipt: Receipt = field(default_factory=Receipt)
    problem: str = ""
    foreign: bool = False

    @property
    def failed(self) -> bool:
        """True for a file that can't be read, or of which every line was refused."""
        return bool(self.problem and not self.foreign) or self.receipt.all_refused


@dataclass
class Import:
    """How files are imported: for whom, in which format, in earnest or only to see."""

    sender: Sender
    timezone: str
    now: Callable[[], datetime]
    format: str = "auto"
    trial: set[str] | None = None
    progress: Callable[[int], None] = lambda count: None
    refused: Callable[[str, int, Exception], None] = lambda path, line, error: None

    def folder(self, root: Path) -> Iterator[Imported]:
        """Import a file, or the files of a folder; one that no known program wrote is skipped."""
        found = 0
        for path in files.walk(root):
            found += 1
            shown = f"./{path.relative_to(root)}" if root.is_dir() else path.name
            imported = self.file(path, shown)
            # A folder holds all sorts of files; one that was named is meant.
            imported.foreign &= root.is_dir()
            yield imported
        if not found:
            yield Imported(str(root), problem=f"{root} holds no {', '.join(files.ENDINGS)} file.")

    def file(self, path: Path, shown: str) -> Imported:
        """Import one file; `shown` is its place below what was named, else its name alone."""
        imported = Imported(str(path))
        try:
            form, records = files.open_file(path, self.format, shown, self.progress)
            imported.format = form.name
            # Each record is read when its turn comes: a thousand at once may be too long for that.
            for first in records:
                some = chain([first], islice(records, AT_ONCE - 1))
                receipt = take(form, some, self.sender, self.timezone, self.now(), self.trial)
                for line, error in receipt.refusals:
                    self.refused(str(path), line, error)
                imported.receipt += receipt
        except files.UnreadableFile as error:
            imported.problem = str(error)
            imported.foreign = isinstance(error, files.UnknownFormat)
        return imported
