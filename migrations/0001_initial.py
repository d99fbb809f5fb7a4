"""The first tables: people, projects, events, the daily roll-up, keys and sessions."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    DateField,
    ForeignKeyField,
    Model,
    TextField,
)


def up(migrator, db):
    tables = define(db)
    db.create_tables(tables)


def down(migrator, db):
    db.drop_tables(define(db))


def define(db):
    class User(Model):
        id = BigAutoField()
        username = TextField(unique=True)
        display_name = TextField()
        email = TextField()
        role = TextField()
        sample = BooleanField()
        created_at = BigIntegerField()
        disabled_at = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "users"

    class Alias(Model):
        name = TextField(primary_key=True)
        user = ForeignKeyField(User, on_delete="CASCADE")

        class Meta:
            database = db
            table_name = "aliases"

    class Project(Model):
        id = BigAutoField()
        slug = TextField(unique=True)
        name = TextField()
        timezone = TextField()
        sample = BooleanField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "projects"

    class Key(Model):
        id = BigAutoField()
        name = TextField(unique=True)
        token_hash = TextField(unique=True)
        scopes = TextField()
        project = ForeignKeyField(Project, null=True)
        default_user = TextField()
        default_source = TextField()
        created_at = BigIntegerField()
        revoked_at = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "keys"

    class Session(Model):
        token_hash = TextField(primary_key=True)
        user = ForeignKeyField(User, on_delete="CASCADE")
        created_at = BigIntegerField()
        expires_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "sessions"

    class SignInLink(Model):
        token_hash = TextField(primary_key=True)
        user = ForeignKeyField(User, on_delete="CASCADE")
        created_at = BigIntegerField()
        expires_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "sign_in_links"

    return (User, Alias, Project, Key, Session, SignInLink, *usage_tables(db, User))


def usage_tables(db, user):
    class Event(Model):
        user_ = ForeignKeyField(user, index=False, column_name="user_id")
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
            primary_key = CompositeKey("user_", "event_id")
            indexes = ((("user_", "day"), False),)

    Event.add_index(Event.index(Event.user_, name="event_buckets", where=Event.bucket))

    class CallId(Model):
        call_id = TextField()
        user_id = BigIntegerField()
        event_id = TextField()

        class Meta:
            database = db
            table_name = "call_ids"
            primary_key = CompositeKey("call_id", "user_id")
            indexes = ((("user_id", "event_id"), False),)

    class DailyUsage(Model):
        project_id = BigIntegerField()
        day = DateField()
        user_ = ForeignKeyField(user, index=False, column_name="user_id")
        source = TextField()
        provider = TextField()
        model = TextField()
        test_type = TextField()
        calls = BigIntegerField()
        failed_calls = BigIntegerField()
        unknown_calls = BigIntegerField()
        prompt_tokens = BigIntegerField()
        completion_tokens = BigIntegerField()
        cache_read_tokens = BigIntegerField()
        cache_write_tokens = BigIntegerField()
        reasoning_tokens = BigIntegerField()
        first_time = BigIntegerField()
        last_time = BigIntegerField()

        class Meta:
            database = db
            table_name = "daily_usage"
            primary_key = CompositeKey(
                "project_id", "day", "user_", "source", "provider", "model", "test_type"
            )
            indexes = ((("user_", "day"), False), (("day",), False))

    return Event, CallId, DailyUsage
