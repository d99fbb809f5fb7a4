"""Boards in processes of their own, where it is always noon UTC of 22 November 2026, a Sunday."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import time_machine
from playhouse import migrations
from werkzeug.serving import make_server

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import models  # noqa: E402
from app import create_app  # noqa: E402
from browser import hostile  # noqa: E402
from usage import accounts, cli_prices, projects, samples, sign_in  # noqa: E402
from usage.settings import Settings  # noqa: E402

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "a secret for tests only"
# Other ways in: a provider's button, and a proxy on this machine that names people.
DOORS = {
    "OIDC_ISSUER": "https://id.example.com",
    "OIDC_CLIENT_ID": "board",
    "OIDC_CLIENT_SECRET": "between provider and board",
    "OIDC_NAME": "Example ID",
    "TRUSTED_PROXIES": "127.0.0.1",
    "PROXY_USER_HEADER": "X-Forwarded-User",
    "PROXY_SECRET": SECRET,
    # Nothing is ever sent there: with it, notices can be subscribed to by mail.
    "SMTP_URL": "smtp://127.0.0.1:9",
    "MAIL_FROM": "board@example.com",
}


def load_doors() -> None:
    """The sample data with a project that names nobody, and somebody who runs two."""
    samples.load("UTC", NOW)
    projects.set_identity(projects.find("mobile"), "own", 0, True)
    accounts.set_role("mt.hohen", accounts.PROJECT_ADMIN, ["checkout", "mobile"])


def sample() -> None:
    """The sample data, with costs of all kinds."""
    cli_prices.seed_if_empty()
    samples.load("UTC", NOW)


CONTENTS = {
    "sample": sample,
    "hostile": lambda: hostile.load(NOW),
    "empty": lambda: None,
    "doors": load_doors,
}


class Served:
    """A process that serves something: its address, and its answer to each line it is told."""

    def __init__(self, process: subprocess.Popen):
        self._process = process
        self.url = self._answer()

    def tell(self, line: str) -> str:
        """Tell it a line; returns what it answers."""
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        line = self._process.stdout.readline().strip()
        assert line, "the server did not start, see its errors above"
        return line


class Board(Served):
    """A running board."""

    def link(self, username: str = "ada") -> str:
        """An address that signs a super admin of that name in, once."""
        return self.url + self.tell(username)


@contextmanager
def started(script: str, *arguments: str) -> Iterator[subprocess.Popen]:
    """A script that serves, until the context is left."""
    pipe = subprocess.PIPE
    command = [sys.executable, script, *arguments]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            # The end of its input is the end of what it serves.
            process.stdin.close()


@contextmanager
def serving(content: str, folder: Path) -> Iterator[Board]:
    """Serve a board with that content on a free port, until the context is left."""
    with started(__file__, content, str(folder / "board.db")) as process:
        yield Board(process)


def serve(app) -> str:
    """Serve an app in the background on a free port; its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.port}"


def main(content: str, file: str) -> None:
    """Serve; print the address, then the path of a sign-in link for each name that is read."""
    env = {"SECRET_KEY": SECRET, "DATABASE_URL": f"sqlite:///{file}"}
    env |= DOORS if content == "doors" else {}
    app = create_app(Settings.from_env(env))
    models.db.pragma("synchronous", 0, permanent=True)
    migrations.run(models.db, str(ROOT / "migrations"))
    CONTENTS[content]()
    print(serve(app), flush=True)
    for line in sys.stdin:
        person = accounts.ensure_super_admin(line.strip(), NOW)
        print(f"/sign-in/{sign_in.create_link(person, SECRET, NOW)}", flush=True)


if __name__ == "__main__":
    with time_machine.travel(NOW, tick=False):
        main(*sys.argv[1:])
