"""Processes that record batch after batch, telling of each before and after, until they die.

    python writer.py URL

For each line "MOMENT FIRST [AGAIN…]" on its input it forks a writer, which starts with the batches
AGAIN and goes on with FIRST, FIRST + 1, … The writer kills itself before its statement or commit
number MOMENT, with -MOMENT right after that commit, with 0 not at all: then it goes on until it is
killed. A fork opens everything anew, but has no modules to import.
"""

import itertools
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from random import Random

import models
from usage.ingest.event import SOURCES, Event
from usage.ingest.record import record

START = datetime(2025, 3, 1, tzinfo=UTC)
ZONES = {"": "Asia/Kolkata", "atlas": "Asia/Kolkata", "borneo": "Asia/Kolkata"}
SIZE = 12
MOST = 200


def batch(number):
    """The events of that batch: its own calls, one of them twice, and a record that grows."""
    random = Random(number)
    calls = [
        Event(
            id=f"{number}-{n}",
            time=START + timedelta(minutes=random.randrange(5 * 24 * 60)),
            user=random.choice(["vera", "max", "otto", f"guest-{number}"]),
            project=random.choice(sorted(ZONES)),
            source=random.choice(["", *SOURCES]),
            model=random.choice(["o3", "gpt-4.1"]),
            prompt_tokens=random.randrange(1000),
            completion_tokens=random.randrange(1000),
            failed=random.random() < 0.1,
            usage_known=random.random() < 0.9,
        )
        for n in range(SIZE)
    ]
    grows = Event(
        id=f"session-{number % 5}",
        time=START + timedelta(hours=number),
        user="vera",
        prompt_tokens=number,
        replaces=True,
    )
    return [*calls, calls[0], grows]


def die(moment):
    """Kill this process at that moment of its work on the database."""
    steps, commits = itertools.count(1), itertools.count(1)

    def doomed(act, after=()):
        def step(*args, **kwargs):
            if next(steps) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            result = act(*args, **kwargs)
            if after and next(after) == -moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return step

    database = models.db.obj
    database.execute_sql = doomed(database.execute_sql)
    database.commit = doomed(database.commit, after=commits)


def write(url, moment, first, *again):
    """Record and tell: "+7" before batch 7 is recorded, "=7" once it is."""
    models.db.initialize(models.connect(url))
    die(moment)
    numbers = itertools.chain(again, itertools.count(first))
    for number in itertools.islice(numbers, MOST if moment else None):
        os.write(1, f"+{number}\n".encode())
        record(batch(number), ZONES[""], START)
        os.write(1, f"={number}\n".encode())


def main(url):
    """Let writers work, one after the other; tell "#" and the number of each, "!" and its end."""
    for line in sys.stdin:
        if not (pid := os.fork()):
            os.write(1, f"#{os.getpid()}\n".encode())
            sys.exit(write(url, *map(int, line.split())))
        _, status = os.waitpid(pid, 0)
        os.write(1, f"!{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
