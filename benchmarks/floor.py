"""The floor: the driver alone, with the very statements that the board stores batches with."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from peewee import Database
from playhouse import migrations

import models
from benchmarks.bodies import Batch
from usage.ingest import formats
from usage.ingest.body import Limits, records
from usage.ingest.intake import Sender, take

MIGRATIONS = str(Path(__file__).parents[1] / "migrations")
LIMITS = Limits(bytes=64 * 1024 * 1024, records=20_000)
Statement = tuple[str, Sequence]
"""A statement and its values; a whole batch of them is one transaction."""


def seconds(batches: Sequence[Batch], warm_up: int = 1) -> float:
    """How long the driver takes for all batches but the first ones, in a file of its own."""
    with TemporaryDirectory() as folder:
        told = _statements(batches, _board(folder, "told"))
    with TemporaryDirectory() as folder:
        database = _board(folder, "repeated")
        connection = database.connection()
        took = []
        for statements in told:
            start = time.perf_counter()
            connection.begin("immediate")
            for text, values in statements:
                connection.execute(text, values).fetchall()
            connection.commit()
            took.append(time.perf_counter() - start)
        database.close_all()
    return sum(took[warm_up:])


def _board(folder: str, name: str) -> Database:
    database = models.connect(f"sqlite:///{folder}/{name}.db")
    models.db.initialize(database)
    migrations.run(models.db, MIGRATIONS)
    return database


def _statements(batches: Sequence[Batch], database: Database) -> list[list[Statement]]:
    """What the board says to the database for each batch, but for where transactions begin."""
    told: list[list[Statement]] = []
    database.query_hooks.append(lambda query: told[-1].append((query.sql, query.params or ())))
    for batch in batches:
        told.append([])
        found = records(batch.body, batch.content_type, "", LIMITS)
        take(formats.of("native"), enumerate(found), Sender(), "UTC", datetime.now(UTC))
    database.close_all()
    return [[one for one in some if "SAVEPOINT" not in one[0]] for some in told]
