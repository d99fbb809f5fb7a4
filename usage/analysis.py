"""One user's breakdowns in a scope; every list adds up to the user's standing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from peewee import fn

from models import DailyUsage, User
from usage.leaderboard import Counts, Standing, Totals, in_scope, standings, sums
from usage.rollups import COUNTERS
from usage.scope import NotVisible, Scope
from usage.window import MOST_DAYS, Window


class Part(NamedTuple):
    """One entry of a breakdown; the key "" is unassigned."""

    key: str | date
    counts: Counts


@dataclass(frozen=True)
class Analysis:
    """Everything the analysis page of one person shows."""

    standing: Standing
    totals: Totals
    by_source: list[Part]
    by_provider: list[Part]
    by_model: list[Part]
    by_test_type: list[Part]
    by_day: list[Part]
    first_seen: datetime | None
    last_seen: datetime | None

    @property
    def main_source(self) -> str | None:
        """Where most of the calls came from; None without usage."""
        return self.by_source[0].key if self.standing.calls else None

    def days(self, window: Window) -> list[tuple[date, int, int, int]]:
        """Calls, prompt and completion tokens of every day in the window, quiet ones too."""
        used = {part.key: part.counts for part in self.by_day}
        # A range may begin centuries before anyone used AI: those days say nothing.
        shown = window.days() if window.length <= MOST_DAYS else _between(used)
        return [
            (day, one.calls, one.prompt_tokens, one.completion_tokens)
            if (one := used.get(day))
            else (day, 0, 0, 0)
            for day in shown
        ]


def analysis(scope: Scope, username: str) -> Analysis:
    """A person's usage in a scope, asked for by any name of theirs.

    Raises NotVisible for someone out of the viewer's sight.
    """
    user, names = _visible_user(scope, username)
    dimensions = [
        DailyUsage.day,
        DailyUsage.source,
        DailyUsage.provider,
        DailyUsage.model,
        DailyUsage.test_type,
    ]
    moments = [fn.MIN(DailyUsage.first_time), fn.MAX(DailyUsage.last_time)]
    query = in_scope(DailyUsage.select(*dimensions, *sums(), *moments), scope)
    query = query.where(DailyUsage.user.in_(names)).group_by(*dimensions)
    rows = list(query.tuples())
    ranked, totals = standings(scope)
    mine = (one.rank for one in ranked if one.username == user.username)
    return Analysis(
        standing=_standing(user, _added(rows, scope), next(mine, None)),
        totals=totals,
        by_day=sorted(_parts(rows, 0, scope), key=lambda part: part.key),
        by_source=_parts(rows, 1, scope),
        by_provider=_parts(rows, 2, scope),
        by_model=_parts(rows, 3, scope),
        by_test_type=_parts(rows, 4, scope),
        first_seen=min((row[-2] for row in rows), default=None),
        last_seen=max((row[-1] for row in rows), default=None),
    )


def _between(used: Iterable[date]) -> list[date]:
    return Window(min(used), max(used), "UTC").days() if used else []


def _visible_user(scope: Scope, username: str) -> tuple[User, list[int]]:
    """The person whom a name stands for, with the ids of all their names."""
    name = username.casefold() if "@" in username else username
    # PostgreSQL's texts can't hold a NUL, so nobody is called that.
    user = None if "\0" in name else User.get_or_none(User.username == name)
    if user and user.owner_id:
        user = User.get_by_id(user.owner_id)
    others = User.select(User.id).where(User.owner_id == user.id).tuples() if user else ()
    names = [user.id, *(id for (id,) in others)] if user else []
    if user and not scope.horizon.sees_all:
        seen = [project.id for project in scope.horizon.projects]
        usage = DailyUsage.select().where(DailyUsage.user.in_(names))
        user = user if usage.where(DailyUsage.project_id.in_(seen)).exists() else None
    if not user:
        raise NotVisible("There is no such person here.")
    return user, names


def _parts(rows: Sequence[tuple], column: int, scope: Scope) -> list[Part]:
    """The rows added up by one column, the most calls first."""
    groups: dict[str | date, list[tuple]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    parts = [Part(key, _added(group, scope)) for key, group in groups.items()]
    return sorted(parts, key=lambda p: (-p.counts.calls, -p.counts.total_tokens, str(p.key)))


def _added(rows: Iterable[tuple], scope: Scope) -> Counts:
    counters = [0] * len(COUNTERS)
    for row in rows:
        for place in range(len(COUNTERS)):
            counters[place] += int(row[5 + place])
    return Counts(*counters, scope.rates.picodollars(counters[3], counters[4]))


def _standing(user: User, counts: Counts, rank: int | None) -> Standing:
    # From the breakdowns' own rows: what is ingested meanwhile can't set them at odds.
    values = [getattr(counts, name) for name in Counts.__dataclass_fields__]
    return Standing(*values, rank, user.username, user.display_name, user.email)
