"""The change log, by which every process learns whose numbers or names changed."""

import secrets

from peewee import BigIntegerField, Model, TextField


def up(migrator, db):
    tables = define(db)
    db.create_tables(tables)
    tables[0].insert(id=1, epoch=secrets.randbelow(2**62) + 1, version=0).execute()


def down(migrator, db):
    db.drop_tables(define(db))


def define(db):
    class BoardState(Model):
        id = BigIntegerField(primary_key=True)
        epoch = BigIntegerField()
        version = BigIntegerField()

        class Meta:
            database = db
            table_name = "board_state"

    class Change(Model):
        version = BigIntegerField(primary_key=True)
        touched = TextField()

        class Meta:
            database = db
            table_name = "changes"

    return BoardState, Change
