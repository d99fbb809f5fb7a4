"""Scopes under a name, and which of them somebody begins with."""

from peewee import BigAutoField, BigIntegerField, Model, TextField


def up(migrator, db):
    migrator.migrate(migrator.add_column("users", "default_view_id", BigIntegerField(null=True)))
    db.create_tables([define(db)])


def define(db):
    class SavedView(Model):
        id = BigAutoField()
        user_id = BigIntegerField()
        project_id = BigIntegerField(null=True)
        name = TextField()
        screen = TextField()
        username = TextField()
        query = TextField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "saved_views"
            indexes = ((("user_id", "name"), True), (("project_id",), False))

    return SavedView
