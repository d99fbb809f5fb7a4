"""Costs by the price list and as reported, beside those at the two rates; the list itself."""

from peewee import BigIntegerField, BooleanField, CompositeKey, DateField, Model, TextField

# No call had a list price yet. Calls that say no cost are counted, so that 0 isn't taken for it.
REPORTED = """
UPDATE daily_usage SET
    unpriced_calls = told.known,
    reported_nanodollars = told.reported,
    unreported_calls = told.unreported
FROM (
    SELECT project_id, day, user_id, source, provider, model, test_type,
        SUM(CASE WHEN usage_known THEN one ELSE 0 END) AS known,
        SUM(COALESCE(cost_nanodollars, 0)) AS reported,
        SUM(CASE WHEN usage_known AND cost_nanodollars IS NULL THEN one ELSE 0 END) AS unreported
    FROM (SELECT *, CASE WHEN calls > 0 THEN calls ELSE 1 END AS one FROM events) AS event
    WHERE counted AND NOT failed
    GROUP BY project_id, day, user_id, source, provider, model, test_type
) AS told
WHERE daily_usage.project_id = told.project_id AND daily_usage.day = told.day
    AND daily_usage.user_id = told.user_id AND daily_usage.source = told.source
    AND daily_usage.provider = told.provider AND daily_usage.model = told.model
    AND daily_usage.test_type = told.test_type
"""
COUNTERS = ("list_nanodollars", "unpriced_calls", "reported_nanodollars", "unreported_calls")


def up(migrator, db):
    # In place: the migrator would make the tables anew on SQLite, rows and all.
    db.execute_sql("ALTER TABLE events ADD COLUMN list_nanodollars BIGINT")
    for name in COUNTERS:
        db.execute_sql(f"ALTER TABLE daily_usage ADD COLUMN {name} BIGINT NOT NULL DEFAULT 0")
    db.execute_sql(REPORTED)
    db.create_tables(define(db))


def define(db):
    class Price(Model):
        provider = TextField()
        model = TextField()
        start = DateField()
        above = BigIntegerField()
        own = BooleanField()
        rule = TextField()
        prompt = TextField()
        completion = TextField()
        cache_read = TextField()
        cache_write = TextField()
        reasoning = TextField()
        place = BigIntegerField()

        class Meta:
            database = db
            table_name = "prices"
            primary_key = CompositeKey("provider", "model", "start", "above", "own")

    class PriceProvider(Model):
        provider = TextField(primary_key=True)
        place = BigIntegerField()
        known_as = TextField()
        serves = TextField()
        resells = TextField()

        class Meta:
            database = db
            table_name = "price_providers"

    class PriceList(Model):
        id = BigIntegerField(primary_key=True)
        version = BigIntegerField()
        source = TextField()
        synced_at = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "price_list"

    return Price, PriceProvider, PriceList
