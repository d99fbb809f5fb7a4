"""The same numbers as JSON, for keys with the scope "read"."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice

from flask import Blueprint, make_response

from usage import columns, prices
from usage.analysis import Analysis, Part, analysis
from usage.columns import AddedColumns
from usage.counting import TOKEN_FIELDS
from usage.counts import Counts, Standing, Totals
from usage.daily import BY_BASIS
from usage.horizon import ALL
from usage.pricing import LIST, RATES, plain
from usage.scope import Scope
from views import fresh
from views.arguments import strict_scope
from views.guards import at_one_moment, require_key

bp = Blueprint("api", __name__, url_prefix="/api/v1")
AT_ONCE = 200


@bp.get("/leaderboard")
@require_key("read")
@at_one_moment
def leaderboard():
    """One page of standings and the totals of the scope."""
    scope = strict_scope()
    tag, _ = fresh.etags(scope)
    if fresh.client_has(tag):
        return fresh.not_modified(tag)
    shown, values = columns.with_columns(scope)
    answer = head(scope, shown.totals) | {
        "totals": totals(shown.totals, scope),
        "standings": [row(scope, one, values) for one in shown.standings],
        "page": scope.page,
        "per_page": scope.per_page,
        "pages": shown.pages,
    }
    return fresh.with_etag(make_response(answer), tag)


@bp.get("/users/<username:username>")
@require_key("read")
def user(username: str):
    """One person's standing and breakdowns."""
    scope = strict_scope()
    return person(scope, analysis(scope, username))


def person(scope: Scope, person: Analysis) -> dict:
    """One person's numbers in a scope."""
    return head(scope, person.totals) | {
        "standing": standing(person.standing, scope),
        "by_source": parts("source", person.by_source, scope),
        "by_provider": parts("provider", person.by_provider, scope),
        "by_model": parts("model", person.by_model, scope),
        "by_test_type": parts("test_type", person.by_test_type, scope),
        "by_day": parts("day", person.by_day, scope),
    }


def head(scope: Scope, totals: Totals) -> dict:
    """The scope and the rates that the numbers stand for."""
    return {
        "scope": {
            "project": scope.project.slug if scope.project else ALL,
            "source": scope.source,
            "from": scope.window.first.isoformat(),
            "to": scope.window.last.isoformat(),
            "days": scope.window.length,
            "timezone": scope.window.timezone,
            "as_of": _moment(totals.as_of),
        },
        "rates": {
            "prompt": plain(scope.rates.prompt),
            "completion": plain(scope.rates.completion),
        },
    } | _basis(scope)


def _basis(scope: Scope) -> dict:
    """What else than the rates costs are told by, and which list that is."""
    told = {} if scope.basis == RATES else {"basis": scope.basis}
    listed = prices.listed() if scope.basis == LIST else None
    if listed:
        told["prices"] = {"source": listed.source, "as_of": _moment(listed.synced_at)}
    return told


def _moment(value: datetime | None) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value else None


def totals(values: Totals, scope: Scope) -> dict:
    """The whole scope, however many rows of it are shown."""
    return {"users": values.users} | counts(values, scope)


def standings(scope: Scope, rows: Iterable[Standing]) -> Iterator[dict]:
    """Rows of a long table, some at a time."""
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        values = columns.added_columns(scope, some)
        yield from (row(scope, one, values) for one in some)


def row(scope: Scope, one: Standing, values: Mapping[int, AddedColumns]) -> dict:
    """A row of the table with the columns that were added to it."""
    return standing(one, scope) | _added(scope, one, values.get(one.user_id))


def _added(scope: Scope, one: Standing, values: AddedColumns | None) -> dict:
    """The added columns of a row; a share is of 1, unknown is null."""
    row: dict[str, object] = {}
    if "movement" in scope.columns:
        row["rank_before"] = values.before and values.before.rank
        row["calls_before"] = (
            (values.before.calls if values.before else 0) if values.known else None
        )
    if "trend" in scope.columns:
        row["calls_by_day"] = list(values.trend)
    if "cached" in scope.columns:
        row["cached_share"] = columns.cached_share(one)
    if "active_days" in scope.columns:
        row["active_days"] = values.active_days
    if "cost_per_call" in scope.columns:
        each = columns.cost_per_call(one)
        row["cost_per_call"] = each if each is None else plain(each)
    if "last_seen" in scope.columns:
        row["last_seen"] = one.last_seen.isoformat().replace("+00:00", "Z")
    return row


def standing(one: Standing, scope: Scope) -> dict:
    """A row of the table."""
    named = {"rank": one.rank, "username": one.username, "display_name": one.display_name}
    return named | counts(one, scope)


def parts(name: str, found: Iterable[Part], scope: Scope) -> list[dict]:
    """A breakdown; what an event did not say is null."""
    return [{name: str(part.key or "") or None} | counts(part.counts, scope) for part in found]


def counts(values: Counts, scope: Scope) -> dict:
    """The counters; calls of unknown usage or cost are named only where there are any.

    A cost that nothing is known of is null.
    """
    unknown = {"unknown_calls": values.unknown_calls} if values.unknown_calls else {}
    if values.uncosted_calls:
        unknown[BY_BASIS[scope.basis][1]] = values.uncosted_calls
    tokens = {name: getattr(values, name) for name in TOKEN_FIELDS}
    called = {"calls": values.calls, "failed_calls": values.failed_calls}
    cost = None if values.cost is None else plain(values.cost)
    return called | unknown | tokens | {"cost": cost}
