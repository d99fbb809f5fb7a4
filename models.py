"""The database and its tables. What is asked of them lives in usage/."""

from datetime import UTC, datetime, timedelta
from multiprocessing.connection import wait
from time import monotonic

from cysqlite import DatabaseLockedError
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
    OperationalError,
    TextField,
    make_snake_case,
)
from playhouse.cysqlite_ext import PooledCySqliteDatabase
from playhouse.pool import PooledPostgresqlDatabase

db = DatabaseProxy()
UNCOUNTED = ("usage", "state", "retention", "list")  # Names that stay as they are for a table.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LONGEST_WAIT = 5  # Seconds for somebody else's lock; a request is answered with 503 then.
UNASSIGNED = 0
"""The project_id of usage that named no project."""


def connect(url: str, connections: int = 32) -> Database:
    """A pooled database for a SQLite or PostgreSQL URL; nothing is opened yet."""
    scheme, _, path = url.partition("://")
    if scheme != "sqlite":
        return _PostgreSQL(
            f"postgresql://{path}",  # The driver takes postgres:// for a database's name.
            max_connections=connections,
            timeout=10,
            prefer_psycopg3=True,
            connect_timeout=5,
            options=f"-c lock_timeout={LONGEST_WAIT}s",
        )
    return _SQLite(
        path.removeprefix("/"),
        max_connections=connections,
        # An acknowledged event has to survive a power cut: FULL waits for the disk.
        pragmas=(
            ("busy_timeout", LONGEST_WAIT * 1000),
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("mmap_size", 0),
            ("cache_size", -16_000),
            # Large, because the server checkpoints by itself: see usage/ingest/turns.py.
            ("wal_autocheckpoint", 40_000),
            ("busy_timeout", 2),  # Once it is open: see _SQLite.
        ),
        lock_type="immediate",
    )


class _SQLite(PooledCySqliteDatabase):
    """Asks again every millisecond while others write: by itself, SQLite misses short gaps."""

    def begin(self, *args):
        self._insist(super().begin, *args)

    def execute_sql(self, *args):
        return self._insist(super().execute_sql, *args)

    def _insist(self, ask, *args):
        until = monotonic() + LONGEST_WAIT
        while True:
            try:
                return ask(*args)
            except OperationalError as error:
                if not isinstance(error.__context__, DatabaseLockedError) or monotonic() > until:
                    raise

    def rollback(self):
        # A full disk has ended it; to end it again would fail, and hide what was the matter.
        if self.connection().in_transaction:
            super().rollback()


class _PostgreSQL(PooledPostgresqlDatabase):
    """Takes a connection for open unless its server has sent something: to ask is a round trip."""

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


def _name(table: type[Model]) -> str:
    name = make_snake_case(table.__name__)
    return name if name.endswith(UNCOUNTED) else f"{name}s"


class Table(Model):
    """A table, named like its rows but for those that say another name."""

    class Meta:
        database = db
        table_function = _name


class User(Table):
    """A username that a sender or an admin named: a person, or another name of one.

    A name merged into another keeps its own events and daily rows, so that the merge can be undone.
    `merged_into` is the other name, `owner_id` the person at the end of such a chain; both are None
    for a person. `confirmed` is set once an admin has called the name a person.
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


class Project(Table):
    """What the work was for, the zone of its days, its default rates and its identity policy.

    `identity` is one of usage.naming's policies; "hidden" shows nobody unless there are at least
    `least_users`; with `binds_all` it holds for super admins as well. Empty rates are the board's
    defaults. While `rezone_after` is set, events of users with higher ids are on former days.
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


class ProjectAdmin(Table):
    """A person who runs a project."""

    user_id = BigIntegerField()
    project_id = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("user_id", "project_id")
        indexes = ((("project_id",), False),)


class Pseudonym(Table):
    """The number that stands for a person in a project; project -1 is all projects together."""

    project_id = BigIntegerField()
    user_id = BigIntegerField()
    number = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("project_id", "user_id")
        indexes = ((("project_id", "number"), True),)


class Event(Table):
    """One call, kept once per user and id. "" and project 0 mean unassigned.

    A bucket is a vendor's sum over some calls; it isn't counted while single calls of the same
    user, model and day are known. cost_nanodollars is the cost that the sender reported,
    list_nanodollars the cost by the price list when the call was recorded; None is unknown.
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
        # By id first: a call is looked up by its id before it is known whose it is.
        primary_key = CompositeKey("event_id", "user")
        indexes = ((("user", "day"), False),)


class CallId(Table):
    """Another id under which a stored call may arrive again, like that of a request or a span."""

    call_id = TextField()
    user_id = BigIntegerField()
    event_id = TextField()

    class Meta:
        primary_key = CompositeKey("call_id", "user_id")
        indexes = ((("user_id", "event_id"), False),)


class TraceName(Table):
    """People named by the spans around calls, kept for as long as the trace may still go on.

    One row for each person named in a trace, and one for each of its calls that named nobody.
    """

    trace_id = TextField()
    username = TextField()
    event_id = TextField()
    seen_at = InstantField(index=True)

    class Meta:
        primary_key = CompositeKey("trace_id", "username", "event_id")


class Rollup(Model):
    """What the rows of every roll-up count: see usage.counting.COUNTERS."""

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
    last_time = InstantField()


class DailyUsage(Table, Rollup):
    """The roll-up that pages read: one row per day and combination of the other dimensions."""

    project_id = BigIntegerField()
    day = DateField()
    user = ForeignKeyField(User, index=False)
    source = TextField()
    provider = TextField()
    model = TextField()
    test_type = TextField()
    first_time = InstantField()

    class Meta:
        primary_key = CompositeKey(
            "project_id", "day", "user", "source", "provider", "model", "test_type"
        )
        indexes = ((("user", "day"), False), (("day",), False))


class WeeklyUsage(Table, Rollup):
    """The daily rows added up by weeks, each named by its Monday, for long windows."""

    user = ForeignKeyField(User, index=False)
    week = DateField()
    project_id = BigIntegerField()
    source = TextField()

    class Meta:
        primary_key = CompositeKey("user", "week", "project_id", "source")
        indexes = ((("project_id", "week"), False), (("week",), False))


class BoardState(Table):
    """One row: the version of the numbers, and its epoch. See usage.changes.

    The epoch changes when so much changes at once that everything has to be read again.
    """

    id = BigIntegerField(primary_key=True)
    epoch = BigIntegerField()
    version = BigIntegerField()


class Change(Table):
    """The change log: whose numbers or names changed with a version, as JSON. See usage.growth."""

    version = BigIntegerField(primary_key=True)
    touched = TextField()


class Retention(Table):
    """The first day whose events are all kept; one row, once events were pruned.

    Days before `kept_from` are closed, as are moments up to `newest_dropped`: what may have been
    counted there is never counted again. Only the daily rows of closed days are left.
    """

    id = BigIntegerField(primary_key=True)
    kept_from = DateField()
    newest_dropped = InstantField()


class Price(Table):
    """What a model's tokens cost from a UTC day on, for prompts of more than `above` tokens.

    Rates are USD per 1M tokens, "" for none of its own. `rule` says which names mean the model:
    see usage.price_book. The `own` ones win over seeded ones; of these the first by `place` does.
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
        primary_key = CompositeKey("provider", "model", "start", "above", "own")


class PriceProvider(Table):
    """Rules for a provider: its names, its models, whose it resells; the first by `place` holds."""

    provider = TextField(primary_key=True)
    place = BigIntegerField()
    known_as = TextField(default="")
    serves = TextField(default="")
    resells = TextField(default="")


class PriceList(Table):
    """Where the seeded prices came from, and when; every change of a price changes `version`."""

    id = BigIntegerField(primary_key=True)
    version = BigIntegerField()
    source = TextField(default="")
    synced_at = InstantField(null=True)


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
        primary_key = CompositeKey("key_id", "format", "day")


class Reason(Table):
    """A reason why records or bodies of a key and format were refused, with the latest example."""

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


class SignInLink(Table):
    """A link that, once, signs one person in or lets them set a password."""

    token_hash = TextField(primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE")
    purpose = TextField(default="sign-in")
    created_at = InstantField()
    expires_at = InstantField()


class Attempt(Table):
    """Failed attempts to sign in under a name from an address, known by a hash of both."""

    name_hash = TextField(primary_key=True)
    failures = BigIntegerField()
    last_time = InstantField()
    blocked_until = InstantField()

    class Meta:
        table_name = "sign_in_attempts"


class SavedView(Table):
    """A scope under a name: one person's, or with a project_id shared with whoever sees its board.

    `screen` is one of usage.saved_views.SCREENS, `username` the person if it is about one, and
    `query` the arguments of the scope.
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
        indexes = ((("user_id", "name"), True),)


class Budget(Table):
    """What a project may cost a calendar month, in USD, or a person in all projects together.

    The other of `project_id` and `user_id` is 0. `basis` is the cost basis; `thresholds` are
    percents, separated by spaces.
    """

    id = BigAutoField()
    project_id = BigIntegerField(default=0)
    user_id = BigIntegerField(default=0)
    amount = TextField()
    basis = TextField(default="rates")
    thresholds = TextField(default="")
    created_at = InstantField()

    class Meta:
        indexes = ((("project_id", "user_id"), True),)


class Grant(Table):
    """What a portal may show in its own pages: of which projects, how much, and on which sites.

    Lists are separated by spaces. `locked` holds arguments as in a URL; `identity` is the most
    open policy by which people are named. Its projects are GrantProject rows, or all.
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


class GrantProject(Table):
    """A project that a portal may show."""

    grant_id = BigIntegerField()
    project_id = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("grant_id", "project_id")


class Notice(Table):
    """What deserves attention, once per `key`: a budget's threshold, or a project's unusual day.

    `value` is what these days cost in USD, `against` the budget's amount or the usual day's cost;
    `percent` is the threshold, 0 for a day. `query` holds the arguments of the scope.
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


class Webhook(Table):
    """Where notices are posted to: those of one project, or with project 0 of all."""

    id = BigAutoField()
    project_id = BigIntegerField(default=0)
    url = TextField()
    salt = TextField()
    created_at = InstantField()


class Delivery(Table):
    """A notice on its way to a target, "webhook:ID" or "mail:ID"; not tried before `next_time`."""

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

# Every batch asks for buckets, of which there are few among millions of events.
Event.add_index(Event.index(Event.user, name="event_buckets", where=Event.bucket))

TABLES = tuple(Table.__subclasses__())
