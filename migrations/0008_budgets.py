"""What a project or a person may cost a month."""

from peewee import BigAutoField, BigIntegerField, Model, TextField


def up(migrator, db):
    db.create_tables([define(db)])


def define(db):
    class Budget(Model):
        id = BigAutoField()
        project_id = BigIntegerField()
        user_id = BigIntegerField()
        amount = TextField()
        basis = TextField()
        thresholds = TextField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "budgets"
            indexes = ((("project_id", "user_id"), True),)

    return Budget
