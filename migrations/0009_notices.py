"""What deserves attention, where that is sent, and who wants it by mail."""

from peewee import BigAutoField, BigIntegerField, CompositeKey, DateField, Model, TextField


def up(migrator, db):
    migrator.migrate(migrator.add_column("users", "mail_to", TextField(default="")))
    db.create_tables(define(db))


def define(db):
    class Notice(Model):
        id = BigAutoField()
        key = TextField(unique=True)
        kind = TextField()
        project_id = BigIntegerField(index=True)
        user_id = BigIntegerField(index=True)
        first_day = DateField()
        last_day = DateField()
        value = TextField()
        against = TextField()
        percent = BigIntegerField()
        query = TextField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "notices"

    class Webhook(Model):
        id = BigAutoField()
        project_id = BigIntegerField()
        url = TextField()
        salt = TextField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "webhooks"

    class Delivery(Model):
        notice_id = BigIntegerField()
        target = TextField()
        attempts = BigIntegerField()
        next_time = BigIntegerField()
        done_at = BigIntegerField(null=True)
        problem = TextField()

        class Meta:
            database = db
            table_name = "deliveries"
            primary_key = CompositeKey("notice_id", "target")
            indexes = ((("target",), False),)

    return Notice, Webhook, Delivery
