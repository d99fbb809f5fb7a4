"""Project admins, how people are named, passwords, listed sessions, and the audit."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    Model,
    TextField,
)


def up(migrator, db):
    text = TextField(default="")
    migrator.migrate(
        migrator.add_column("users", "password_hash", text),
        migrator.add_column("projects", "identity", TextField(default="named")),
        migrator.add_column("projects", "least_users", BigIntegerField(default=0)),
        migrator.add_column("projects", "binds_all", BooleanField(default=False)),
        migrator.add_column("projects", "prompt_cost", text),
        migrator.add_column("projects", "completion_cost", text),
        migrator.add_column("projects", "rezone_after", BigIntegerField(null=True)),
        migrator.add_column("sessions", "address", text),
        migrator.add_column("sessions", "agent", text),
        migrator.add_column("sign_in_links", "purpose", TextField(default="sign-in")),
    )
    db.create_tables(define(db))


def define(db):
    class ProjectAdmin(Model):
        user_id = BigIntegerField()
        project_id = BigIntegerField()

        class Meta:
            database = db
            table_name = "project_admins"
            primary_key = CompositeKey("user_id", "project_id")
            indexes = ((("project_id",), False),)

    class Pseudonym(Model):
        project_id = BigIntegerField()
        user_id = BigIntegerField()
        number = BigIntegerField()

        class Meta:
            database = db
            table_name = "pseudonyms"
            primary_key = CompositeKey("project_id", "user_id")
            indexes = ((("project_id", "number"), True),)

    class Attempt(Model):
        name_hash = TextField(primary_key=True)
        failures = BigIntegerField()
        last_time = BigIntegerField()
        blocked_until = BigIntegerField()

        class Meta:
            database = db
            table_name = "sign_in_attempts"

    class AuditEntry(Model):
        id = BigAutoField()
        time = BigIntegerField()
        actor = TextField()
        action = TextField()
        subject = TextField()
        detail = TextField()
        address = TextField()

        class Meta:
            database = db
            table_name = "audit"

    return ProjectAdmin, Pseudonym, Attempt, AuditEntry
