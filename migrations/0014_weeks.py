"""Usage by week, added up from the daily rows."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    CompositeKey,
    DateField,
    ForeignKeyField,
    Model,
    TextField,
)

COUNTERS = (
    "calls",
    "failed_calls",
    "unknown_calls",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "list_nanodollars",
    "unpriced_calls",
    "reported_nanodollars",
    "unreported_calls",
)


SQLITE_MONDAY = "DATE(day, 'weekday 0', '-6 days')"
POSTGRES_MONDAY = "DATE(DATE_TRUNC('week', day::timestamp))"


def up(migrator, db):
    db.create_tables([define(db)])
    columns = ", ".join(("user_id", "week", "project_id", "source", *COUNTERS, "last_time"))
    monday = POSTGRES_MONDAY if db.for_update else SQLITE_MONDAY
    counted = ", ".join(f"SUM({name})" for name in COUNTERS)
    db.execute_sql(
        f"INSERT INTO weekly_usage ({columns})"
        f" SELECT user_id, {monday}, project_id, source, {counted}, MAX(last_time)"
        " FROM daily_usage GROUP BY 1, 2, 3, 4 ORDER BY 2"
    )


def down(migrator, db):
    db.drop_tables([define(db)])


def define(db):
    class User(Model):
        id = BigAutoField()

        class Meta:
            database = db
            table_name = "users"

    class WeeklyUsage(Model):
        user = ForeignKeyField(User, index=False)
        week = DateField()
        project_id = BigIntegerField()
        source = TextField()
        calls = BigIntegerField()
        failed_calls = BigIntegerField()
        unknown_calls = BigIntegerField()
        prompt_tokens = BigIntegerField()
        completion_tokens = BigIntegerField()
        cache_read_tokens = BigIntegerField()
        cache_write_tokens = BigIntegerField()
        reasoning_tokens = BigIntegerField()
        list_nanodollars = BigIntegerField()
        unpriced_calls = BigIntegerField()
        reported_nanodollars = BigIntegerField()
        unreported_calls = BigIntegerField()
        last_time = BigIntegerField()

        class Meta:
            database = db
            table_name = "weekly_usage"
            primary_key = CompositeKey("user", "week", "project_id", "source")
            indexes = ((("project_id", "week"), False), (("week",), False))
            without_rowid = not db.for_update

    return WeeklyUsage
