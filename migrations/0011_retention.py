"""Since when events are kept, once earlier ones were dropped."""

from peewee import BigIntegerField, DateField, Model


def up(migrator, db):
    db.create_tables([define(db)])


def down(migrator, db):
    db.drop_tables([define(db)])


def define(db):
    class Retention(Model):
        id = BigIntegerField(primary_key=True)
        kept_from = DateField()
        newest_dropped = BigIntegerField()

        class Meta:
            database = db
            table_name = "retention"

    return Retention
