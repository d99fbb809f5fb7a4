"""What portals may show in their own pages."""

from peewee import BigAutoField, BigIntegerField, BooleanField, CompositeKey, Model, TextField


def up(migrator, db):
    db.create_tables(define(db))


def define(db):
    class Grant(Model):
        id = BigAutoField()
        portal = TextField()
        origins = TextField()
        all_projects = BooleanField()
        locked = TextField()
        columns = TextField()
        identity = TextField()
        details = BooleanField()
        created_by = TextField()
        created_at = BigIntegerField()
        revoked_at = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "grants"

    class GrantProject(Model):
        grant_id = BigIntegerField()
        project_id = BigIntegerField()

        class Meta:
            database = db
            table_name = "grant_projects"
            primary_key = CompositeKey("grant_id", "project_id")

    live = Grant.revoked_at.is_null()
    Grant.add_index(Grant.index(Grant.portal, name="live_grants", unique=True, where=live))
    return Grant, GrantProject
