"""Whom the spans around calls name, while the rest of their trace may still come."""

from peewee import BigIntegerField, CompositeKey, Model, TextField


def up(migrator, db):
    db.create_tables([define(db)])


def down(migrator, db):
    db.drop_tables([define(db)])


def define(db):
    class TraceName(Model):
        trace_id = TextField()
        username = TextField()
        event_id = TextField()
        seen_at = BigIntegerField(index=True)

        class Meta:
            database = db
            table_name = "trace_names"
            primary_key = CompositeKey("trace_id", "username", "event_id")

    return TraceName
