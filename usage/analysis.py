"""One user's breakdowns in a scope; every list adds up to the user's standing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from peewee import fn

from models import DailyUsage, User
from usage import accounts, changes, naming, warm
from usage.changes import State
from usage.counting import COUNTERS
from usage.counts import Counts, Standing, Totals
from usage.daily import cost_of, in_scope, sums, within_locks
from usage.horizon import NotVisible
from usage.kept_names import named
from usage.leaderboard import rank_of, totals_of
from usage.scope import Scope
from usage.uncosted import Uncosted, ranked
from usage.window import Window


class Part(NamedTuple):
    """One entry of a breakdown; the key "" is unassigned."""

    key: str | date
    counts: Counts


@dataclass(frozen=True)
class Analysis:
    """Everything the analysis page of one person shows."""

    standing: Standing
    totals: Totals
    names: list[int]
    by_source: list[Part]
    by_provider: list[Part]
    by_model: list[Part]
    by_test_type: list[Part]
    by_day: list[Part]
    uncosted: list[Uncosted]
    first_seen: datetime | None
    last_seen: datetime | None

    @property
    def main_source(self) -> str | None:
        """Where most of the calls came from; None without usage."""
        return self.by_source[0].key if self.standing.calls else None

    def days(self, window: Window) -> list[tuple[date, int, int, int]]:
        """Calls, prompt and completion tokens of every day in the window, quiet ones too."""
        return every_day(self.by_day, window)


def analysis(scope: Scope, username: str) -> Analysis:
    """A person's usage in a scope, asked for by any name of theirs that the viewer may know.

    Raises NotVisible for someone out of the viewer's sight.
    """
    return warm.of_one_state(lambda: _analysis(scope, username))


def _analysis(scope: Scope, username: str) -> Analysis:
    # Names don't tell their state, nor does it if no row is found: it is this one or a later one.
    changes.told(changes.latest())
    user, names = visible_user(scope, username)
    rows = _rows(scope, names)
    rank, totals = rank_of(scope, user.id)
    last_seen = max((row[-1] for row in rows), default=None)
    if scope.horizon.only_self:
        # A member is not told when others were last at work.
        totals = replace(totals, as_of=last_seen)
    return Analysis(
        standing=_standing(user, total_of(rows, scope), rank, scope),
        totals=totals,
        names=names,
        by_day=sorted(breakdown(rows, 0, scope), key=lambda part: part.key),
        by_source=breakdown(rows, 1, scope),
        by_provider=breakdown(rows, 2, scope),
        by_model=breakdown(rows, 3, scope),
        by_test_type=breakdown(rows, 4, scope),
        uncosted=uncosted(rows, scope),
        first_seen=min((row[-2] for row in rows), default=None),
        last_seen=last_seen,
    )


def every_day(by_day: Iterable[Part], window: Window) -> list[tuple[date, int, int, int]]:
    """Calls, prompt and completion tokens of every day in a window, zeros where there are none."""
    used = {part.key: part.counts for part in by_day}
    return [
        (day, one.calls, one.prompt_tokens, one.completion_tokens)
        if (one := used.get(day))
        else (day, 0, 0, 0)
        for day in window.span(used)
    ]


def visible_user(scope: Scope, username: str) -> tuple[User, list[int]]:
    """The person whom a name stands for, with the ids of all their names. Raises NotVisible."""
    one = _named(username)
    user = User.get_by_id(one.owner_id) if one and one.owner_id else one
    if not user or user.id != scope.horizon.person:
        user = _other(scope, username, user)
    names = accounts.user_ids(user.id) if user else []
    horizon = scope.horizon
    if user and not horizon.knows_everybody and user.id != horizon.person:
        # A merged name is found where it was used itself: elsewhere nobody knows of it.
        seen = [one.id] if one and one.owner_id == user.id else names
        usage = within_locks(DailyUsage.select().where(DailyUsage.user.in_(seen)), scope)
        user = user if usage.exists() else None
    if not user or not horizon.details:
        raise NotVisible("There is no such person here.")
    return user, names


def _named(username: str) -> User | None:
    name = username.casefold() if "@" in username else username
    # PostgreSQL's texts can't hold a NUL, so nobody is called that.
    return None if "\0" in name else User.get_or_none(User.username == name)


def _other(scope: Scope, username: str, user: User | None) -> User | None:
    """Somebody else than the viewer, if the identity policy lets the viewer find them."""
    policy = naming.policy(scope)
    if policy == naming.PSEUDONYMS:
        # The pseudonym of a merged name stands for nobody.
        whose = User.id == (naming.whose(scope, username) or 0)
        return User.get_or_none(whose, User.owner_id.is_null())
    if policy == naming.HIDDEN and not totals_of(scope).users:
        return None
    return None if policy == naming.OWN else user


def breakdown(rows: Sequence[tuple], column: int, scope: Scope) -> list[Part]:
    """Rows of day, source, provider, model, test type and counters, summed by one column.

    The most calls come first.
    """
    groups: dict[str | date, list[tuple]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return by_activity(Part(key, total_of(group, scope)) for key, group in groups.items())


def by_activity(found: Iterable[Part]) -> list[Part]:
    """Entries with the most calls first; equals by tokens, then by name."""
    return sorted(found, key=lambda p: (-p.counts.calls, -p.counts.total_tokens, str(p.key)))


def total_of(rows: Iterable[tuple], scope: Scope) -> Counts:
    """The sum of such rows."""
    counters = [0] * len(COUNTERS)
    for row in rows:
        for place in range(len(COUNTERS)):
            counters[place] += int(row[5 + place])
    return Counts(*counters, *cost_of(counters, scope))


def uncosted(rows: Iterable[tuple], scope: Scope) -> list[Uncosted]:
    """The models whose calls have no cost on the scope's basis."""
    missing: Counter[tuple[str, str]] = Counter()
    for row in rows:
        missing[row[2], row[3]] += int(cost_of(row[5 : 5 + len(COUNTERS)], scope)[1])
    return ranked(missing)


def _rows(scope: Scope, names: list[int]) -> list[tuple]:
    dimensions = [
        DailyUsage.day,
        DailyUsage.source,
        DailyUsage.provider,
        DailyUsage.model,
        DailyUsage.test_type,
    ]
    moments = [fn.MIN(DailyUsage.first_time), fn.MAX(DailyUsage.last_time)]
    columns = (*dimensions, *sums(), *moments, *changes.COLUMNS)
    query = in_scope(changes.joined(DailyUsage.select(*columns)), scope)
    query = query.where(DailyUsage.user.in_(names)).group_by(*dimensions)
    found = list(query.tuples())
    if found:
        changes.told(State(*found[0][-2:]))
    return [row[:-2] for row in found]


def _standing(user: User, counts: Counts, rank: int | None, scope: Scope) -> Standing:
    values = [getattr(counts, name) for name in Counts.__dataclass_fields__]
    name = named(user.username, user.display_name, user.email)
    if naming.policy(scope) == naming.PSEUDONYMS and user.id != scope.horizon.person:
        name = naming.pseudonym(naming.numbers(scope, [user.id])[user.id])
    return Standing(*values, rank, name.username, name.display_name, name.email, user.id)
