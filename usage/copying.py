"""Copies the whole board into a PostgreSQL database, table by table, until no row differs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from peewee import (
    EXCEPTIONS,
    AutoField,
    BooleanField,
    Database,
    DateField,
    ExceptionWrapper,
    IntegrityError,
)

from models import TABLES, DailyUsage, Event, Key, Project, User, db
from usage import changes
from usage.accounts import Refused

ROWS_AT_ONCE = 1000
PLAIN = ExceptionWrapper(EXCEPTIONS)
MARK = "copy_of"
"""A table in the target that marks a copy as unfinished, and says of which board it is."""
Row = tuple
Progress = Callable[[str, int], None]


def _key_names(meta: object) -> Sequence[str]:
    key = meta.primary_key
    return key.field_names if meta.composite_key else [key.name]


def _converter(field: object) -> Callable:
    """A function that makes values of a field equal, whichever database they were read from."""
    if isinstance(field, BooleanField):
        return lambda value: value if value is None else bool(value)
    if isinstance(field, DateField):
        return lambda value: date.fromisoformat(value) if isinstance(value, str) else value
    return lambda value: value


def _stored(database: Database, value: object) -> object:
    """A value of a key as that database compares it."""
    return value.isoformat() if isinstance(value, date) and not database.for_update else value


@dataclass(frozen=True, slots=True)
class Layout:
    """A table as copying needs it: its columns, the key first, and converters of their values."""

    name: str
    columns: tuple[str, ...]
    keys: int
    converters: tuple[Callable, ...]
    serial: bool

    @classmethod
    def of(cls, table: type) -> "Layout":
        """The layout of a model."""
        meta = table._meta
        keys = [meta.combined[name] for name in _key_names(meta)]
        names = {field.name for field in keys}
        fields = [*keys, *(field for field in meta.sorted_fields if field.name not in names)]
        return cls(
            meta.table_name,
            tuple(field.column_name for field in fields),
            len(keys),
            tuple(map(_converter, fields)),
            isinstance(keys[0], AutoField),
        )

    def rows(self, database: Database) -> Iterator[list[Row]]:
        """All rows in the order of the key, some at a time and never all in memory."""
        keys = ", ".join(self.columns[: self.keys])
        mark = ", ".join([database.param] * self.keys)
        start = f"SELECT {', '.join(self.columns)} FROM {self.name}"
        rest = f"ORDER BY {keys} LIMIT {ROWS_AT_ONCE}"
        found = self._read(database, f"{start} {rest}", ())
        while found:
            yield found
            after = f"{start} WHERE ({keys}) > ({mark}) {rest}"
            found = self._read(database, after, found[-1][: self.keys])

    def at(self, database: Database, keys: Sequence[Row]) -> dict[Row, Row]:
        """The rows with these keys, by key."""
        one = f"({', '.join([database.param] * self.keys)})"
        text = (
            f"SELECT {', '.join(self.columns)} FROM {self.name} "
            f"WHERE ({', '.join(self.columns[: self.keys])}) "
            f"IN (VALUES {', '.join([one] * len(keys))})"
        )
        rows = self._read(
            database, text, [_stored(database, value) for key in keys for value in key]
        )
        return {row[: self.keys]: row for row in rows}

    def _read(self, database: Database, text: str, values: Sequence) -> list[Row]:
        values = [_stored(database, value) for value in values]
        cursor = database.execute_sql(text, values)
        convert = self.converters
        return [
            tuple(to(value) for to, value in zip(convert, row, strict=True))
            for row in cursor.fetchall()
        ]


LAYOUTS = tuple(map(Layout.of, TABLES))
USED = (User, Project, Key, Event, DailyUsage)


def check(target: Database, origin: str) -> None:
    """Raises Refused unless the target is empty, or an unfinished copy of this board."""
    if not target.for_update:
        raise Refused("A board is copied into PostgreSQL; for a SQLite file, use backup.")
    known = {table: {c.name for c in target.get_columns(table)} for table in target.get_tables()}
    for layout in LAYOUTS:
        if known.get(layout.name) != set(layout.columns):
            raise Refused(
                "The target's tables are not those of this version; migrate it first: "
                "DATABASE_URL=… flask --app app migrate"
            )
    if MARK in known:
        (other,) = target.execute_sql(f"SELECT origin FROM {MARK}").fetchone()
        if other != origin:
            raise Refused(f"The target is a copy, half made, of another board: {other}.")
    # Only these: migrations put rows into other tables.
    elif used := next((one for one in map(Layout.of, USED) if _count(target, one)), None):
        raise Refused(f"The target holds a board already (there are rows in {used.name}).")


def copy(target: Database, origin: str, progress: Progress) -> dict[str, int]:
    """Make the target equal to this board; returns how many rows each table has.

    Interrupted, it goes on where it stopped when it is called again. The last look at all rows
    finds no difference while nobody can write. Raises Refused.
    """
    with target.atomic():
        target.execute_sql(f"CREATE TABLE IF NOT EXISTS {MARK} (origin text NOT NULL)")
        if not target.execute_sql(f"SELECT 1 FROM {MARK}").fetchone():
            target.execute_sql(f"INSERT INTO {MARK} VALUES (%s)", (origin,))
    # Of one moment: a row must not come without one of another table that it stands for.
    with changes.snapshot():
        _mend(target, progress)
    with _kept_still():
        while _mend(target, progress):
            pass
        counts = {one.name: _count(target, one) for one in LAYOUTS}
    with target.atomic():
        for layout in LAYOUTS:
            _set_sequence(target, layout)
        target.execute_sql(f"DROP TABLE {MARK}")
    return counts


def _mend(target: Database, progress: Progress) -> int:
    """Compare all rows and copy what differs; returns how many rows that were."""
    try:
        mended = sum(_mend_table(target, layout, progress) for layout in LAYOUTS)
    except IntegrityError:
        # A name may be taken by a row that this board had when it was copied before.
        dropped = _drop_all_surplus(target)
        if not dropped:
            raise
        return dropped + _mend(target, progress)
    differ = [one for one in LAYOUTS if _count(target, one) != _count(db, one)]
    return mended + _drop_all_surplus(target, differ)


def _drop_all_surplus(target: Database, layouts: Sequence[Layout] = LAYOUTS) -> int:
    return sum(_drop_surplus(target, layout) for layout in reversed(layouts))


def _mend_table(target: Database, layout: Layout, progress: Progress) -> int:
    mended, empty = 0, not _count(target, layout)
    for some in layout.rows(db):
        known = {} if empty else layout.at(target, [row[: layout.keys] for row in some])
        wrong = [row for row in some if known.get(row[: layout.keys]) != row]
        with target.atomic():
            _update(target, layout, [row for row in wrong if row[: layout.keys] in known])
            _insert(target, layout, [row for row in wrong if row[: layout.keys] not in known])
        mended += len(wrong)
        progress(layout.name, len(some))
    return mended


def _drop_surplus(target: Database, layout: Layout) -> int:
    """Delete rows that this board does not have any longer; returns how many."""
    dropped = 0
    for some in layout.rows(target):
        keys = [row[: layout.keys] for row in some]
        here = layout.at(db, keys)
        if gone := [key for key in keys if key not in here]:
            with target.atomic():
                _delete(target, layout, gone)
            dropped += len(gone)
    return dropped


def _insert(target: Database, layout: Layout, rows: Sequence[Row]) -> None:
    if not rows:
        return
    text = f"COPY {layout.name} ({', '.join(layout.columns)}) FROM STDIN"
    with PLAIN, target.cursor() as cursor, cursor.copy(text) as stream:
        for row in rows:
            stream.write_row(row)


def _update(target: Database, layout: Layout, rows: Sequence[Row]) -> None:
    """Update in place, because other rows may refer to these."""
    keys, rest = layout.columns[: layout.keys], layout.columns[layout.keys :]
    values = ", ".join(f"{column} = %s" for column in rest)
    where = " AND ".join(f"{column} = %s" for column in keys)
    for row in rows:
        update = f"UPDATE {layout.name} SET {values} WHERE {where}"
        target.execute_sql(update, (*row[layout.keys :], *row[: layout.keys]))


def _delete(target: Database, layout: Layout, keys: Sequence[Row]) -> None:
    one = f"({', '.join(['%s'] * layout.keys)})"
    where = (
        f"({', '.join(layout.columns[: layout.keys])}) IN (VALUES {', '.join([one] * len(keys))})"
    )
    values = [value for key in keys for value in key]
    target.execute_sql(f"DELETE FROM {layout.name} WHERE {where}", values)


def _count(database: Database, layout: Layout) -> int:
    return database.execute_sql(f"SELECT COUNT(*) FROM {layout.name}").fetchone()[0]


def _set_sequence(target: Database, layout: Layout) -> None:
    if layout.serial:
        sequence = f"pg_get_serial_sequence('{layout.name}', '{layout.columns[0]}')"
        newest = f"SELECT MAX({layout.columns[0]}) AS newest FROM {layout.name}"
        target.execute_sql(
            f"SELECT setval({sequence}, COALESCE(newest, 1), newest IS NOT NULL) FROM ({newest}) n"
        )


@contextmanager
def _kept_still() -> Iterator[None]:
    """Keep writers off this board meanwhile; they are answered with 503."""
    with db.atomic():
        if db.for_update:
            names = ", ".join(layout.name for layout in LAYOUTS)
            db.execute_sql(f"LOCK TABLE {names} IN SHARE MODE")
        yield
