"""The example portal beside a board, in one process, where time goes on when it is told to."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "docs/examples/portal")]

import time_machine  # noqa: E402
from playhouse import migrations  # noqa: E402

import models  # noqa: E402
from app import create_app  # noqa: E402
from browser.server import NOW, SECRET, Served, serve, started  # noqa: E402
from usage import accounts, grants, keys, samples  # noqa: E402
from usage.horizon import COLUMNS  # noqa: E402
from usage.ingest.event import Event  # noqa: E402
from usage.ingest.record import record  # noqa: E402
from usage.settings import Settings  # noqa: E402

GRANT = "example-portal"
MORE = [f"tester-{number:02}" for number in range(12)]


class Portal(Served):
    """A running portal, and what can be done to the board behind it."""

    def wait_minutes(self, minutes: int) -> None:
        """Let so much time pass on the board."""
        assert self.tell(f"wait {minutes}") == "done"


@contextmanager
def running(folder: Path) -> Iterator[Portal]:
    """Serve a board with sample data and the portal on free ports, until the context is left."""
    with started(__file__, str(folder / "board.db")) as process:
        yield Portal(process)


def main(file: str, clock: time_machine.Traveller) -> None:
    """Serve both; print the portal's address, then do what is read."""
    os.environ |= {"SECRET_KEY": SECRET, "DATABASE_URL": f"sqlite:///{file}"}
    settings = Settings.from_env()
    board = serve(create_app(settings))
    models.db.pragma("synchronous", 0, permanent=True)
    migrations.run(models.db, str(ROOT / "migrations"))
    samples.load("UTC", NOW)
    tokens = {"prompt_tokens": 100, "completion_tokens": 10}
    record(
        [Event(id=name, user=name, time=NOW, source="ide", **tokens) for name in MORE], "UTC", NOW
    )
    key = keys.create("portal", ["embed"], NOW)
    os.environ |= {"BOARD_URL": board, "BOARD_KEY": key}
    url = serve(importlib.import_module("portal").portal)
    given = {"projects": (), "locked": {}, "columns": COLUMNS, "identity": "named"}
    everything = accounts.everything(settings.rates, "UTC", NOW)
    grants.create(GRANT, [url], **given, details=True, horizon=everything, creator="")
    print(url, flush=True)
    for line in sys.stdin:
        clock.shift(60 * int(line.split()[1]))
        print("done", flush=True)


if __name__ == "__main__":
    with time_machine.travel(NOW, tick=False) as clock:
        main(*sys.argv[1:], clock)
