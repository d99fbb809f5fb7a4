"""The scope as a whole: totals beside the window before, breakdowns, and who came and went."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

from peewee import Field, fn

from models import UNASSIGNED as NO_PROJECT
from models import DailyUsage, User
from usage import naming, sums, warm
from usage.analysis import Part, by_activity, every_day
from usage.answers import answers
from usage.counts import Counts, Standing, Totals
from usage.daily import active, cost_of, in_scope
from usage.horizon import UNASSIGNED, VisibleProject
from usage.leaderboard import people_of, standings
from usage.scope import ACTIVITY, Scope
from usage.sums import Sums
from usage.uncosted import Uncosted, ranked
from usage.window import MOST_DAYS, Window, last_days

MOST_ACTIVE = 5
BROKEN_DOWN = (DailyUsage.source, DailyUsage.provider, DailyUsage.model, DailyUsage.test_type)


class Rest(NamedTuple):
    """The key of a part that sums up several: the smallest, or with `few` the withheld ones."""

    count: int
    few: bool = False


@dataclass(frozen=True)
class Overview:
    """Everything the overview shows; `before` is None where nothing may be told of those days.

    Newcomers used AI in the window and not in the one before, the quiet the other way round.
    People are None where everybody sees only themselves.
    """

    totals: Totals
    before: Totals | None
    by_project: list[Part]
    by_source: list[Part]
    by_provider: list[Part]
    by_model: list[Part]
    by_test_type: list[Part]
    by_day: list[Part]
    blank: frozenset[date]
    most_active: list[Standing] | None
    newcomers: list[Standing] | None
    quiet: list[Standing] | None
    least_users: int
    uncosted: list[Uncosted]

    def days(self, window: Window) -> list[tuple[date, int, int, int]]:
        """Calls, prompt and completion tokens of every day in the window, quiet ones too."""
        return every_day(self.by_day, window)


def overview(scope: Scope) -> Overview:
    """What everyone in a scope used together, and what that was in the equal window before."""
    plain = replace(scope.plain(), sort=ACTIVITY, columns=())
    return warm.of_one_state(lambda: _overview(plain))


def _overview(scope: Scope) -> Overview:
    past = scope.before()
    earlier, totals_before = _before(past)
    people, totals = standings(scope, leave_out=earlier, keep_first=MOST_ACTIVE)
    hidden = 0 if totals.users else naming.least_users(scope)
    used = {} if hidden else answers.by_day(sums.by_day, scope)
    found = sums.all_days(used.values())
    by_day = sorted(_parts({day: sums.total(rows) for day, rows in used.items()}, scope))
    days = _withhold_few(by_day, DailyUsage.day, scope)
    days = [part for part in days if not isinstance(part.key, Rest)]
    named = naming.policy(scope) != naming.OWN
    compared = named and totals_before is not None and not hidden
    return Overview(
        totals=totals,
        before=totals_before,
        by_project=_by_project(found[sums.PROJECT], scope),
        **{
            f"by_{column.name}": _withhold_few(_parts(found[column.name], scope), column, scope)
            for column in BROKEN_DOWN
        },
        by_day=days,
        blank=_blank(scope, {part.key for part in by_day} - {part.key for part in days}),
        most_active=people[:MOST_ACTIVE] if named else None,
        newcomers=[one for one in people if one.user_id not in earlier] if compared else None,
        quiet=_quiet(scope, past) if compared else None,
        least_users=hidden,
        # Models that few people use are hidden as well.
        uncosted=[] if naming.least_users(scope) else _uncosted(found[sums.SERVED], scope),
    )


def on_days(scope: Scope, first: date, last: date) -> Scope:
    """The same scope on some of its days."""
    window = Window(first, last, scope.window.timezone)
    return replace(scope.plain(), window=window, days=None)


def narrowed_to(scope: Scope, by: str, key: object) -> Scope | None:
    """The scope of one entry of a breakdown; None if no address leads to that."""
    if isinstance(key, Rest) or by not in ("project", "source"):
        return None
    if by == "source":
        return replace(scope.plain(), source=key or UNASSIGNED)
    project = project_of(scope, key)
    window = Window(scope.window.first, scope.window.last, project.timezone)
    # In a zone where today is another day, "last N days" would be other days: name both ends.
    days = scope.days if scope.days and _last(scope, project) == window else None
    asked = replace(scope.plain(), project=project, window=window, days=days)
    return asked if window.last <= asked.today + timedelta(days=1) else None


def largest(found: list[Part], most: int) -> list[Part]:
    """The largest parts, with all others in one Rest, so that the sum stays the same."""
    if len(found) <= most:
        return found
    rest = [part.counts for part in found[most - 1 :]]
    return [*found[: most - 1], Part(Rest(len(rest)), _sum(rest))]


def project_of(scope: Scope, id: int) -> VisibleProject:
    """The project of that id, among those in sight of someone who sees all of them."""
    seen = {project.id: project for project in scope.horizon.projects}
    return seen[id] if id else scope.horizon.project(UNASSIGNED)


def _last(scope: Scope, project: VisibleProject) -> Window:
    return last_days(scope.days, scope.horizon.now, project.timezone)


def _before(past: Scope | None) -> tuple[frozenset[int], Totals | None]:
    people, totals = people_of(past) if past else (frozenset(), None)
    return people, None if not people and past and naming.least_users(past) else totals


def _quiet(scope: Scope, past: Scope | None) -> list[Standing]:
    return standings(past, leave_out=people_of(scope)[0])[0] if past else []


def _parts(found: Sums, scope: Scope) -> list[Part]:
    """A breakdown, the most calls first."""
    return by_activity(
        Part(key, Counts(*counters, *cost_of(counters, scope))) for key, counters in found.items()
    )


def _by_project(found: Sums, scope: Scope) -> list[Part]:
    """The breakdown by project; those that came up since the question was asked are one Rest."""
    known = {NO_PROJECT, *(project.id for project in scope.horizon.projects)}
    parts = _parts(found, scope)
    new = [part.counts for part in parts if part.key not in known]
    parts = [part for part in parts if part.key in known]
    shown = _withhold_few(parts, DailyUsage.project_id, scope)
    return [*shown, Part(Rest(len(new)), _sum(new))] if new else shown


def _uncosted(served: Sums, scope: Scope) -> list[Uncosted]:
    return ranked({pair: cost_of(counters, scope)[1] for pair, counters in served.items()})


def _withhold_few(found: list[Part], column: Field, scope: Scope) -> list[Part]:
    """A breakdown in which what too few people used is put together in one Rest."""
    least = {part.key: _least(scope, column, part.key) for part in found}
    if not any(least.values()):
        return found
    people = dict(answers.to(_people, scope, column.name))
    shown = [part for part in found if people.get(part.key, 0) >= least[part.key]]
    few = [part.counts for part in found if people.get(part.key, 0) < least[part.key]]
    return [*shown, Part(Rest(len(few), few=True), _sum(few))] if few else shown


def _sum(some: list[Counts]) -> Counts:
    names = Counts.__dataclass_fields__
    return Counts(*(sum(getattr(counts, name) for counts in some) for name in names))


def _least(scope: Scope, column: Field, key: object) -> int:
    """How many people a part needs to be shown: a project has a policy of its own."""
    if column is DailyUsage.project_id:
        own = naming.least_users(replace(scope, project=project_of(scope, key)))
        return max(own, naming.least_users(scope))
    return naming.least_users(scope)


def _people(scope: Scope, name: str) -> tuple[tuple[object, int], ...]:
    """How many people used AI per entry of a column; several names of a person count once."""
    column = getattr(DailyUsage, name)
    person = fn.COUNT(fn.DISTINCT(fn.COALESCE(User.owner_id, User.id)))
    query = in_scope(DailyUsage.select(column, person).join(User), scope)
    return tuple(query.where(active()).group_by(column).tuples())


def _blank(scope: Scope, withheld: set[date]) -> frozenset[date]:
    """The days of the window without any data: before the first, after today, or not told."""
    ever = replace(scope, window=Window(date.min, date.max, scope.window.timezone))
    since = answers.to(_first_day, ever)[0] or date.max
    days = scope.window.days() if scope.window.length <= MOST_DAYS else ()
    return frozenset(day for day in days if not since <= day <= scope.today) | withheld


def _first_day(scope: Scope) -> tuple[date | None]:
    return (in_scope(DailyUsage.select(fn.MIN(DailyUsage.day)), scope).scalar(),)
