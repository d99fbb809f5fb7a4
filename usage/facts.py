"""What filters and ETags need: which usage there is, calls by source, digests of a scope."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from models import UNASSIGNED, DailyUsage, db
from usage import accounts, changes, naming, warm
from usage.changes import NOTHING, State
from usage.daily import any_usage, in_scope, sum_of
from usage.horizon import ALL
from usage.rows import is_active
from usage.scope import Scope
from usage.tally import Tally


class Facts(NamedTuple):
    """Whether there is usage at all, usage of no project, and sample data."""

    any_usage: bool
    unassigned_project: bool
    sample: bool


class Content(NamedTuple):
    """A digest of a scope: as long as it stays equal, so do its numbers, names and filters."""

    numbers: tuple[int, ...]
    by_source: Mapping[str, int]
    facts: Facts
    newest: datetime | None


class _Kept:
    """The facts, and the state of the board that they are of."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.state: State = NOTHING
        self.facts = Facts(False, False, False)


_kept = _Kept()


def facts() -> Facts:
    """The facts about the board, up to date."""
    if db.in_transaction():
        return _asked()
    with _kept.lock:
        now = changes.latest()
        changed = changes.since(_kept.state, now)
        # Once there is usage, only a new epoch can mean that there is none any more.
        if changed is None or UNASSIGNED in changed or not _kept.facts.any_usage:
            _kept.facts = _asked()
        _kept.state = now
        return _kept.facts


def content(scope: Scope) -> Content:
    """The digest of a scope as it is now."""
    least = naming.least_users(scope)
    # The tally of a single source doesn't have the calls of the others.
    others = calls_by_source(scope) if scope.source != ALL else None
    with warm.store.tally(scope) as tally:
        by_source = _by_source(tally, least) if others is None else others
        if least and naming.too_few(scope, sum(map(is_active, tally.people.values()))):
            # Not even a change of the digest may tell that these few were active.
            return Content((), by_source, facts(), None)
        numbers = tally.digest(warm.store.names.content)
        newest = DailyUsage.last_time.python_value(tally.aggregate.newest)
        return Content(numbers, by_source, facts(), newest)


def calls_by_source(scope: Scope, users: Collection[int] = ()) -> dict[str, int]:
    """Answered calls per source in the scope's project and days, of some users or of everyone.

    "" is unassigned. Sources that too few people used are left out where these are hidden.
    """
    scope = replace(scope, source=ALL)
    if users:
        query = DailyUsage.select(DailyUsage.source, sum_of(DailyUsage.calls))
        query = in_scope(query, scope, of_few=True).where(DailyUsage.user.in_(users))
        return dict(query.group_by(DailyUsage.source).tuples())
    least = naming.least_users(scope)
    with warm.store.tally(scope) as tally:
        return _by_source(tally, least)


def _by_source(tally: Tally, least: int) -> dict[str, int]:
    found = tally.aggregate.by_source.items()
    return {source: calls for source, (calls, people) in found if people >= least}


def _asked() -> Facts:
    return Facts(any_usage(), any_usage(UNASSIGNED), accounts.holds_sample_data())
