"""Events are found by their id alone, whoever they belong to."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CompositeKey,
    DateField,
    ForeignKeyField,
    Model,
    TextField,
)


def up(migrator, db):
    if db.for_update:
        db.execute_sql(
            "ALTER TABLE events DROP CONSTRAINT events_pkey, ADD PRIMARY KEY (event_id, user_id)"
        )
        return
    # SQLite can't give a table another key.
    db.execute_sql("ALTER TABLE events RENAME TO events_before")
    db.execute_sql("DROP INDEX event_user_id_day")
    db.execute_sql("DROP INDEX event_buckets")
    db.create_tables([define(db)])
    db.execute_sql("INSERT INTO events SELECT * FROM events_before")
    db.execute_sql("DROP TABLE events_before")


def define(db):
    class User(Model):
        class Meta:
            database = db
            table_name = "users"

    class Event(Model):
        user_ = ForeignKeyField(User, index=False, column_name="user_id")
        event_id = TextField()
        time = BigIntegerField()
        day = DateField()
        project_id = BigIntegerField()
        source = TextField()
        provider = TextField()
        model = TextField()
        test_type = TextField()
        prompt_tokens = BigIntegerField()
        completion_tokens = BigIntegerField()
        cache_read_tokens = BigIntegerField()
        cache_write_tokens = BigIntegerField()
        reasoning_tokens = BigIntegerField()
        cost_nanodollars = BigIntegerField(null=True)
        failed = BooleanField()
        usage_known = BooleanField()
        calls = BigIntegerField()
        bucket = BooleanField()
        counted = BooleanField()

        class Meta:
            database = db
            table_name = "events"
            primary_key = CompositeKey("event_id", "user_")
            indexes = ((("user_", "day"), False),)

    Event.add_index(Event.index(Event.user_, name="event_buckets", where=Event.bucket))
    return Event
