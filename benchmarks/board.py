"""A board of its own on the real server: gunicorn with its own settings and a new database."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"


class Board:
    """An empty board in a folder, with an address and a key that may send and read."""

    def __init__(self, folder: str | Path, workers: int = 2, url: str = ""):
        self.url = url or f"sqlite:///{folder}/board.db"
        self.process: subprocess.Popen | None = None
        self._browser: dict[str, str] = {}
        with socket.create_server((HOST, 0)) as free:
            self.port = free.getsockname()[1]
        self.env = os.environ | {
            "DATABASE_URL": self.url,
            "SECRET_KEY": "for measurements only",
            "REPORTING_TIMEZONE": "UTC",
            "HOST": HOST,
            "PORT": str(self.port),
            "PUBLIC_URL": "",
            "WEB_WORKERS": str(workers),
            # A server that is killed leaves what it kept there.
            "TMPDIR": str(folder),
        }
        self.flask("migrate")
        token = self.flask("key", "create", "all roads", "--scope", "ingest", "--scope", "read")
        self.headers = {"Authorization": f"Bearer {token.splitlines()[-1]}"}

    def flask(self, *arguments: str) -> str:
        """Run one of the board's commands; returns what it printed."""
        command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.env, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen]:
        """Serve until the context is left, in a process group that ends at once."""
        # What else is measured in between may take longer than a browser's connection is kept.
        patient = ("--keep-alive", "900")
        command = [sys.executable, "-m", "gunicorn", "--log-level", "error", *patient]
        with subprocess.Popen(command, cwd=ROOT, env=self.env, start_new_session=True) as process:
            try:
                while not self._ready():
                    if process.poll() is not None:
                        raise RuntimeError("The server did not start, see its errors above.")
                    time.sleep(0.05)
                self.process = process
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def sign_in(self) -> dict[str, str]:
        """The headers of a super admin's browser, signed in once; the board has to be running."""
        if self._browser:
            return self._browser
        path = "/sign-in/" + self.flask("user", "link").strip().rpartition("/sign-in/")[2]
        with closing(self.connect()) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        self._browser = {"Cookie": answer.getheader("Set-Cookie").partition(";")[0]}
        return self._browser

    def workers(self) -> list[Path]:
        """The workers' folders under /proc."""
        process = Path(f"/proc/{self.process.pid}")
        children = (process / "task" / process.name / "children").read_text().split()
        return [Path(f"/proc/{child}") for child in children]

    def cpu(self) -> float:
        """The seconds of processor time that the workers have used until now."""
        ticks = 0
        for worker in self.workers():
            user, system = (worker / "stat").read_text().rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self, peak: bool = False) -> float:
        """The megabytes that the largest worker holds, or held at most."""
        name = "VmHWM:" if peak else "VmRSS:"
        statuses = [(worker / "status").read_text() for worker in self.workers()]
        return max(int(one.partition(name)[2].split()[0]) for one in statuses) / 1024

    def forget_peak(self) -> None:
        """From now on the peak of a worker's memory is what it holds, until it holds more."""
        for worker in self.workers():
            (worker / "clear_refs").write_text("5")

    def connect(self) -> HTTPConnection:
        """A connection that stays open between requests."""
        return HTTPConnection(HOST, self.port, timeout=120)

    def totals(self, first: str, last: str) -> dict[str, int]:
        """What the board has counted from the first day to the last."""
        path = f"/api/v1/leaderboard?from={first}&to={last}"
        with closing(self.connect()) as connection:
            connection.request("GET", path, headers=self.headers)
            return json.loads(connection.getresponse().read())["totals"]

    def _ready(self) -> bool:
        with suppress(OSError, HTTPException), closing(self.connect()) as connection:
            connection.request("GET", "/readyz")
            status = connection.getresponse().status
            if status not in (200, 503):
                raise RuntimeError(f"The server answers {status}.")
            return status == 200
        return False
