"""The database and its tables. What is asked of them lives in usage/."""

from datetime import UTC, datetime, timedelta
from multiprocessing.connection import wait

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    Database,
    DatabaseProxy,
    DateField,
    ForeignKeyField,
    Model,
    TextField,
)
from playhouse.cysqlite_ext import PooledCySqliteDatabase
from playhouse.pool import PooledPostgresqlDatabase

db = DatabaseProxy()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
UNASSIGNED = 0
"""The project_id of usage that named no project."""


def connect(url: str, connections: int = 32) -> Database:
    """A pooled database for a SQLite or PostgreSQL URL; nothing is opened yet."""
    scheme, _, path = url.partition("://")
    if scheme != "sqlite":
        return _PostgreSQL(
            url,
            max_connections=connections,
            timeout=10,
            prefer_psycopg3=True,
            connect_timeout=5,
            # As on SQLite: whoever waits for a lock is told to come back, and holds no thread.
            options="-c lock_timeout=5000",
        )
    return PooledCySqliteDatabase(
        path.removeprefix("/"),
        max_connections=connections,
        # An acknowledged event has to survive a power cut: FULL waits for the disk.
        pragmas=(
            ("busy_timeout", 5000),
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("mmap_size", 0),
            ("cache_size", -16_000),
            # The server moves what is in the log to the file by itself: see usage/ingest/turns.py.
            ("wal_autocheckpoint", 40_000),
        ),
        lock_type="immediate",
    )


class _PostgreSQL(PooledPostgresqlDatabase):
    """Takes a connection as open whose server has said nothing unasked: to ask is a round trip."""

    def _is_closed(self, conn):
        if not conn.closed and wait([conn], timeout=0):
            conn.close()
        return conn.closed


class InstantField(BigIntegerField):
    """A moment as microseconds since 1970 UTC: exact and ordered alike on every database."""

    def db_value(self, value):
        return (value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value

    def python_value(self, value):
        return EPOCH + int(value) * MICROSECOND if value is not None else None


class Table(Model):
    class Meta:
        database = db
        legacy_table_names = False


class User(Table):
    """Whoever a sender named: a person, or another name of one.

    A name that was merged into another keeps its own events and daily rows, so that it can be
    parted again. `merged_into` is that other name, `owner_id` the person at the end of the chain;
    both are None for a name of its own. `confirmed` once an admin called it a person.
    """

    id = BigAutoField()
    username = TextField(unique=True)
    display_name = TextField(default="")
    email = TextField(default="")
    role = TextField(default="member")
    sample = BooleanField(default=False)
    created_at = InstantField()
    disabled_at = InstantField(null=True)
    confirmed = BooleanField(default=False)
    merged_into = BigIntegerField(null=True)
    merged_at = InstantField(null=True)
    owner_id = BigIntegerField(null=True, index=True)
    password_hash = TextField(default="")
    default_view_id = BigIntegerField(null=True)
    mail_to = TextField(default="")

    class Meta:
        table_name = "users"


class Project(Table):
    """What the work was for, the zone its days are counted in, and how people are named in it.

    `identity` is one of usage.naming's policies, `least_users` what "hidden" needs to show anyone;
    with `binds_all` it holds for super admins as well. Empty rates are the board's defaults.
    While `rezone_after` is a number, events of users above it are still on their former days.
    """

    id = BigAutoField()
    slug = TextField(unique=True)
    name = TextField()
    timezone = TextField()
    sample = BooleanField(default=False)
    created_at = InstantField()
    identity = TextField(default="named")
    least_users = BigIntegerField(default=0)
    binds_all = BooleanField(default=False)
    prompt_cost = TextField(default="")
    completion_cost = TextField(default="")
    rezone_after = BigIntegerField(null=True)

    class Meta:
        table_name = "projects"


class ProjectAdmin(Table):
    """A person who runs a project."""

    user_id = BigIntegerField()
    project_id = BigIntegerField()

    class Meta:
        table_name = "project_admins"
        primary_key = CompositeKey("user_id", "project_id")
        indexes = ((("project_id",), False),)


class Pseudonym(Table):
    """The number that stands for a person in a project; project -1 is all of them together."""

    project_id = BigIntegerField()
    user_id = BigIntegerField()
    number = BigIntegerField()

    class Meta:
        table_name = "pseudonyms"
        primary_key = CompositeKey("project_id", "user_id")
        indexes = ((("project_id", "number"), True),)


class Event(Table):
    """One call, kept once per user and id. "" and project 0 mean unassigned.

    A bucket is a vendor's sum over some calls; it isn't counted while single calls of the same
    user, model and day are known. cost_nanodollars is what the sender said, list_nanodollars what
    the list said when it was recorded; None is unknown.
    """

    user = ForeignKeyField(User, index=False)
    event_id = TextField()
    time = InstantField()
    day = DateField()
    project_id = BigIntegerField(default=UNASSIGNED)
    source = TextField(default="")
    provider = TextField(default="")
    model = TextField(default="")
    test_type = TextField(default="")
    prompt_tokens = BigIntegerField()
    completion_tokens = BigIntegerField()
    cache_read_tokens = BigIntegerField(default=0)
    cache_write_tokens = BigIntegerField(default=0)
    reasoning_tokens = BigIntegerField(default=0)
    cost_nanodollars = BigIntegerField(null=True)
    list_nanodollars = BigIntegerField(null=True)
    failed = BooleanField(default=False)
    usage_known = BooleanField(default=True)
    calls = BigIntegerField(default=1)
    bucket = BooleanField(default=False)
    counted = BooleanField(default=True)

    class Meta:
        table_name = "events"
        # By id first: whose call it is may be said by another sender only.
        primary_key = CompositeKey("event_id", "user")
        indexes = ((("user", "day"), False),)


class CallId(Table):
    """Another id under which a stored call may come again: a request, a span."""

    call_id = TextField()
    user_id = BigIntegerField()
    event_id = TextField()

    class Meta:
        table_name = "call_ids"
        primary_key = CompositeKey("call_id", "user_id")
        indexes = ((("user_id", "event_id"), False),)


class TraceName(Table):
    """Whom the spans around calls name, while the rest of their trace may still come.

    One row for each person of a trace, and for each of its calls that came without a person.
    """

    trace_id = TextField()
    username = TextField()
    event_id = TextField()
    seen_at = InstantField(index=True)

    class Meta:
        table_name = "trace_names"
        primary_key = CompositeKey("trace_id", "username", "event_id")


class DailyUsage(Table):
    """The roll-up that pages read: one row per day and combination of what events say."""

    project_id = BigIntegerField()
    day = DateField()
    user = ForeignKeyField(User, index=False)
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
    list_nanodollars = BigIntegerField(default=0)
    unpriced_calls = BigIntegerField(default=0)
    reported_nanodollars = BigIntegerField(default=0)
    unreported_calls = BigIntegerField(default=0)
    first_time = InstantField()
    last_time = InstantField()

    class Meta:
        table_name = "daily_usage"
        primary_key = CompositeKey(
            "project_id", "day", "user", "source", "provider", "model", "test_type"
        )
        indexes = ((("user", "day"), False), (("day",), False))


class BoardState(Table):
    """One row: the newest version of the numbers, and the epoch it belongs to. See usage.changes.

    A board has one epoch until so much changes at once that everything has to be read anew.
    """

    id = BigIntegerField(primary_key=True)
    epoch = BigIntegerField()
    version = BigIntegerField()

    class Meta:
        table_name = "board_state"


class Change(Table):
    """Whose numbers or names changed with a version: JSON, users by project."""

    version = BigIntegerField(primary_key=True)
    touched = TextField()

    class Meta:
        table_name = "changes"


class Retention(Table):
    """Since when every event is kept: the one row there is once events were dropped.

    Days before `kept_from` are closed, and so is the newest moment among their events: what may
    have been counted then is never counted again. Their daily rows are all that is left of them.
    """

    id = BigIntegerField(primary_key=True)
    kept_from = DateField()
    newest_dropped = InstantField()

    class Meta:
        table_name = "retention"


class Price(Table):
    """What a model's tokens cost from a day of UTC on, where a prompt has more tokens than `above`.

    Rates are USD per 1M tokens, "" where there is none of its own. `rule` tells which names stand
    for the model: see usage.price_book. What the board's own people set wins over what is seeded,
    of which the first in order of `place` that fits is meant.
    """

    provider = TextField()
    model = TextField()
    start = DateField()
    above = BigIntegerField(default=0)
    own = BooleanField(default=False)
    rule = TextField()
    prompt = TextField(default="")
    completion = TextField(default="")
    cache_read = TextField(default="")
    cache_write = TextField(default="")
    reasoning = TextField(default="")
    place = BigIntegerField(default=0)

    class Meta:
        table_name = "prices"
        primary_key = CompositeKey("provider", "model", "start", "above", "own")


class PriceProvider(Table):
    """Which names stand for a provider, which models it is known by, whose models it sells too.

    The first in order of `place` that fits is meant.
    """

    provider = TextField(primary_key=True)
    place = BigIntegerField()
    known_as = TextField(default="")
    serves = TextField(default="")
    resells = TextField(default="")

    class Meta:
        table_name = "price_providers"


class PriceList(Table):
    """Where the seeded prices are from and since when; the version is new with every change."""

    id = BigIntegerField(primary_key=True)
    version = BigIntegerField()
    source = TextField(default="")
    synced_at = InstantField(null=True)

    class Meta:
        table_name = "price_list"


class Key(Table):
    """What a program signs its requests with; only a hash of it is kept."""

    id = BigAutoField()
    name = TextField(unique=True)
    token_hash = TextField(unique=True)
    scopes = TextField()
    project = ForeignKeyField(Project, null=True)
    default_user = TextField(default="")
    default_source = TextField(default="")
    created_at = InstantField()
    revoked_at = InstantField(null=True)

    class Meta:
        table_name = "keys"


class Arrival(Table):
    """What one key sent in one format on one day of UTC; key 0 stands for imported files.

    received = accepted + duplicates + skipped + rejected; unreadable counts whole bodies.
    """

    key_id = BigIntegerField()
    format = TextField()
    day = DateField()
    received = BigIntegerField(default=0)
    accepted = BigIntegerField(default=0)
    duplicates = BigIntegerField(default=0)
    skipped = BigIntegerField(default=0)
    rejected = BigIntegerField(default=0)
    unknown_usage = BigIntegerField(default=0)
    unreadable = BigIntegerField(default=0)
    last_time = InstantField()

    class Meta:
        table_name = "arrivals"
        primary_key = CompositeKey("key_id", "format", "day")


class Reason(Table):
    """Why records or bodies of a key and format were not taken, and the latest of them."""

    key_id = BigIntegerField()
    format = TextField()
    reason = TextField()
    refused = BigIntegerField(default=0)
    example = TextField(default="")
    last_time = InstantField()

    class Meta:
        table_name = "refusal_reasons"
        primary_key = CompositeKey("key_id", "format", "reason")


class Session(Table):
    """A signed-in browser; the cookie holds the token, the row its hash."""

    token_hash = TextField(primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE")
    created_at = InstantField()
    expires_at = InstantField()
    address = TextField(default="")
    agent = TextField(default="")

    class Meta:
        table_name = "sessions"


class SignInLink(Table):
    """A link that, once, signs one person in or lets them set a password."""

    token_hash = TextField(primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE")
    purpose = TextField(default="sign-in")
    created_at = InstantField()
    expires_at = InstantField()

    class Meta:
        table_name = "sign_in_links"


class Attempt(Table):
    """Failed attempts to sign in under a name from an address, known by a hash of both."""

    name_hash = TextField(primary_key=True)
    failures = BigIntegerField()
    last_time = InstantField()
    blocked_until = InstantField()

    class Meta:
        table_name = "sign_in_attempts"


class SavedView(Table):
    """A scope under a name: a person's own, and shared with a project's board when it has one.

    `screen` is one of usage.saved_views.SCREENS, of that `username` where it is about a person;
    `query` are the arguments of the scope.
    """

    id = BigAutoField()
    user_id = BigIntegerField()
    project_id = BigIntegerField(null=True, index=True)
    name = TextField()
    screen = TextField()
    username = TextField(default="")
    query = TextField(default="")
    created_at = InstantField()

    class Meta:
        table_name = "saved_views"
        indexes = ((("user_id", "name"), True),)


class Budget(Table):
    """What a project may cost a calendar month, in USD, or a person in all projects together.

    The other of `project_id` and `user_id` is 0. `basis` is what costs are told by; `thresholds`
    are percents by spaces.
    """

    id = BigAutoField()
    project_id = BigIntegerField(default=0)
    user_id = BigIntegerField(default=0)
    amount = TextField()
    basis = TextField(default="rates")
    thresholds = TextField(default="")
    created_at = InstantField()

    class Meta:
        table_name = "budgets"
        indexes = ((("project_id", "user_id"), True),)


class Grant(Table):
    """What a portal may show in its own pages: of which projects, how much, and on which sites.

    Lists are texts with spaces between. `locked` holds arguments as an address would; `identity`
    is how people are named at the most. Which projects: GrantProject, or all of them.
    """

    id = BigAutoField()
    portal = TextField()
    origins = TextField()
    all_projects = BooleanField(default=False)
    locked = TextField(default="")
    columns = TextField()
    identity = TextField(default="named")
    details = BooleanField(default=False)
    created_by = TextField(default="")
    created_at = InstantField()
    revoked_at = InstantField(null=True)

    class Meta:
        table_name = "grants"


class GrantProject(Table):
    """A project that a portal may show."""

    grant_id = BigIntegerField()
    project_id = BigIntegerField()

    class Meta:
        table_name = "grant_projects"
        primary_key = CompositeKey("grant_id", "project_id")


class Notice(Table):
    """What deserves attention, once per `key`: a budget's threshold, or a project's unusual day.

    `value` is what was spent on these days in USD, `against` the budget's amount or the usual
    day; `percent` is the threshold, 0 for a day. `query` are the arguments of the scope.
    """

    id = BigAutoField()
    key = TextField(unique=True)
    kind = TextField()
    project_id = BigIntegerField(default=0, index=True)
    user_id = BigIntegerField(default=0, index=True)
    first_day = DateField()
    last_day = DateField()
    value = TextField()
    against = TextField()
    percent = BigIntegerField(default=0)
    query = TextField()
    created_at = InstantField()

    class Meta:
        table_name = "notices"


class Webhook(Table):
    """Where notices are posted to: those of one project, or with project 0 of all."""

    id = BigAutoField()
    project_id = BigIntegerField(default=0)
    url = TextField()
    salt = TextField()
    created_at = InstantField()

    class Meta:
        table_name = "webhooks"


class Delivery(Table):
    """A notice on its way: to "webhook:" or "mail:" and an id; the next attempt is not before."""

    notice_id = BigIntegerField()
    target = TextField(index=True)
    attempts = BigIntegerField(default=0)
    next_time = InstantField()
    done_at = InstantField(null=True)
    problem = TextField(default="")

    class Meta:
        table_name = "deliveries"
        primary_key = CompositeKey("notice_id", "target")


class AuditEntry(Table):
    """Who did what to whom or what, when and from where; actor "" is the command line."""

    id = BigAutoField()
    time = InstantField()
    actor = TextField(default="")
    action = TextField()
    subject = TextField(default="")
    detail = TextField(default="")
    address = TextField(default="")

    class Meta:
        table_name = "audit"


# A portal has one grant at a time.
Grant.add_index(
    Grant.index(Grant.portal, name="live_grants", unique=True, where=Grant.revoked_at.is_null())
)

# The few buckets among millions of events are looked for with every batch.
Event.add_index(Event.index(Event.user, name="event_buckets", where=Event.bucket))

TABLES = tuple(Table.__subclasses__())
# What grows with usage; on Citus these lie apart by user_id, all others on every node.
GROWING = (Event, CallId, DailyUsage)
