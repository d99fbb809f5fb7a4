"""Spread the tables of a PostgreSQL database over the nodes of Citus."""

from collections.abc import Iterator

from models import TABLES, CallId, DailyUsage, Event, User, WeeklyUsage, db
from usage.accounts import Refused

BY = "user_id"
# What grows with usage is spread; all nodes get a copy of the others.
GROWING = (Event, CallId, DailyUsage, WeeklyUsage)


def distribute() -> Iterator[str]:
    """Spread what isn't spread yet; yields what is done, as it is done. Raises Refused."""
    if not db.for_update:
        raise Refused("SQLite is one file; copy the board into PostgreSQL first: copy-to.")
    if not db.execute_sql("SELECT 1 FROM pg_extension WHERE extname = 'citus'").fetchone():
        raise Refused("This database has no Citus; as its owner: CREATE EXTENSION citus;")
    rows = db.execute_sql("SELECT logicalrelid::text FROM pg_dist_partition").fetchall()
    for name, statement in statements({name for (name,) in rows}):
        db.execute_sql(statement)
        yield name


def statements(spread: set[str]) -> list[tuple[str, str]]:
    """Per table that isn't spread yet, what spreads it: small ones first, the others join them.

    A row that grows with usage lies with all others of its user.
    """
    names = [table._meta.table_name for table in (User, *TABLES) if table not in GROWING]
    small = [(name, f"SELECT create_reference_table('{name}')") for name in dict.fromkeys(names)]
    first = GROWING[0]._meta.table_name
    large = []
    for table in GROWING:
        name = table._meta.table_name
        beside = "" if name == first else f", colocate_with => '{first}'"
        large.append((name, f"SELECT create_distributed_table('{name}', '{BY}'{beside})"))
    return [(name, statement) for name, statement in (*small, *large) if name not in spread]
