"""How long a wrong password takes for names of every kind: none may be told by the clock.

Measured in processor time, which others on the machine disturb less, and in mixed order.

Run as: python -m benchmarks.sign_in
"""

import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from playhouse import migrations

import models
from app import create_app
from usage import accounts, sign_in
from usage.settings import Settings

ROOT = Path(__file__).parents[1]
NAMES = ("known", "unknown", "without a password", "disabled")
ADDRESSES = ("username that is an e-mail", "e-mail of somebody", "unknown e-mail")
KINDS = (*NAMES, *ADDRESSES)
# Each name is tried less often than would slow it down.
PEOPLE, TRIES = 25, 4
PASSWORD = "a quiet morning walk"
LARGEST_DIFFERENCE = 0.05


def main() -> None:
    """Print the medians of interleaved attempts; exit with 1 when one differs from the first."""
    with TemporaryDirectory() as folder:
        env = {"SECRET_KEY": "for measurements only", "DATABASE_URL": f"sqlite:///{folder}/b.db"}
        app = create_app(Settings.from_env(env))
        migrations.run(models.db, str(ROOT / "migrations"))
        for number in range(PEOPLE):
            _make(number)
        client, times = app.test_client(), defaultdict(list)
        order = Random(1)
        for number in [*range(PEOPLE)] * TRIES:
            for kind in order.sample(KINDS, len(KINDS)):
                times[kind].append(_seconds(client, _name(kind, number)))
        models.db.close()
    medians = {kind: median(found) for kind, found in times.items()}
    # Whether it is an address one sees anyway; whose it is, or whether anybody's, is the secret.
    differences = [
        _difference(kind, medians, group) for group in (NAMES, ADDRESSES) for kind in group
    ]
    if max(map(abs, differences)) > LARGEST_DIFFERENCE:
        raise SystemExit(f"They differ by more than {LARGEST_DIFFERENCE:.0%}.")


def _difference(kind: str, medians: dict[str, float], group: tuple[str, ...]) -> float:
    difference = medians[kind] / medians[group[0]] - 1
    print(f"{kind:28} {1000 * medians[kind]:7.2f} ms  {difference:+7.1%}")
    return difference


def _make(number: int) -> None:
    now = datetime.now(UTC)
    for kind in ("known", "without a password", "disabled"):
        name = _name(kind, number)
        user = accounts.create_user(name, now, email=f"{kind[0]}{number}@example.com")
        if kind != "without a password":
            sign_in.set_password(user, PASSWORD)
        if kind == "disabled":
            accounts.disable_user(name, now)
    for name, email in (
        (_name("username that is an e-mail", number), ""),
        (f"mail-{number}", _name("e-mail of somebody", number)),
    ):
        sign_in.set_password(accounts.create_user(name, now, email=email), PASSWORD)


def _name(kind: str, number: int) -> str:
    return f"{kind.replace(' ', '-')}-{number}{'@example.com' if 'mail' in kind else ''}"


def _seconds(client, name: str) -> float:
    form = {"name": name, "password": "another password"}
    start = time.process_time()
    answer = client.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    taken = time.process_time() - start
    assert answer.status_code == 422, answer.status
    return taken


if __name__ == "__main__":
    main()
