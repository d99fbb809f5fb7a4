"""Names merged into people, and what has arrived by key and format."""

from peewee import BigIntegerField, BooleanField, CompositeKey, DateField, Model, TextField


def up(migrator, db):
    # Nothing ever wrote aliases: a name that stands for a person is a user with an owner.
    db.execute_sql("DROP TABLE aliases")
    migrator.migrate(
        migrator.add_column("users", "confirmed", BooleanField(default=False)),
        migrator.add_column("users", "merged_into", BigIntegerField(null=True)),
        migrator.add_column("users", "merged_at", BigIntegerField(null=True)),
        migrator.add_column("users", "owner_id", BigIntegerField(null=True, index=True)),
    )
    db.create_tables(define(db))


def define(db):
    class Arrival(Model):
        key_id = BigIntegerField()
        format = TextField()
        day = DateField()
        received = BigIntegerField()
        accepted = BigIntegerField()
        duplicates = BigIntegerField()
        skipped = BigIntegerField()
        rejected = BigIntegerField()
        unknown_usage = BigIntegerField()
        unreadable = BigIntegerField()
        last_time = BigIntegerField()

        class Meta:
            database = db
            table_name = "arrivals"
            primary_key = CompositeKey("key_id", "format", "day")

    class Reason(Model):
        key_id = BigIntegerField()
        format = TextField()
        reason = TextField()
        refused = BigIntegerField()
        example = TextField()
        last_time = BigIntegerField()

        class Meta:
            database = db
            table_name = "refusal_reasons"
            primary_key = CompositeKey("key_id", "format", "reason")

    return Arrival, Reason
