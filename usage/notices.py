"""Notices: a budget's threshold crossed, or a project's unusual day; each is made once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from urllib.parse import parse_qsl, quote, urlencode

from peewee import Expression, fn

from models import DailyUsage, Notice, User
from usage import accounts, budgets, naming
from usage.budgets import Pace
from usage.daily import cost_of, in_scope, sums
from usage.horizon import Horizon, VisibleProject
from usage.leaderboard import totals_of
from usage.pricing import dollars, plain
from usage.scope import Scope

BUDGET, UNUSUAL = "budget", "unusual day"
WEEKDAYS, USED, TIMES = 14, 7, 3
"""A day is unusual above TIMES the median of so many weekdays before, USED of them with usage."""
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class ReadableNotice:
    """A notice in words: one sentence, and the path of the scope that it is about."""

    id: int
    sentence: str
    path: str
    created_at: datetime


def candidates(horizon: Horizon, floor: Decimal) -> Iterator[dict]:
    """The notices that today's numbers call for, whether they were made already or not.

    An unusual day costs more than `floor`, on the cost basis of the project's budget, or at the
    rates if it has none.
    """
    paces = budgets.visible_to(None, horizon)
    bases = {pace.project.id: pace.scope.basis for pace in paces if pace.project}
    for pace in (*_of_the_month_before(horizon), *paces):
        crossed = [one for one in pace.thresholds if (pace.percent or 0) >= one]
        if crossed:
            yield _threshold(pace, max(crossed))
    for project in horizon.projects:
        today = budgets.month_scope(horizon, project.slug, budgets.BASES[0]).window.last
        for day in (today - timedelta(days=1), today):
            basis = bases.get(project.id, budgets.BASES[0])
            if notice := _unusual(horizon, project, day, basis, floor):
                yield notice


def make(notice: dict, now: datetime) -> Notice | None:
    """Store a notice; None if it, or one of a higher threshold, was made already."""
    month, _, percent = notice["key"].rpartition(":")
    if notice["kind"] == BUDGET:
        others = Notice.select(Notice.percent).where(Notice.key.startswith(f"{month}:"))
        if any(higher >= int(percent) for (higher,) in others.tuples()):
            return None
    # Two processes may find the same at once: the key lets one of them make it.
    new = Notice.insert(notice | {"created_at": now}).on_conflict_ignore().as_rowcount().execute()
    return Notice.get(Notice.key == notice["key"]) if new else None


def page_for(
    viewer: User, horizon: Horizon, page: int, per_page: int
) -> tuple[list[ReadableNotice], int]:
    """A page of the notices that a person may see, the newest first, and how many there are."""
    query = Notice.select().where(_readable(viewer, horizon)).order_by(Notice.id.desc())
    rows = [row for row in query.paginate(page, per_page) if may_see(row, horizon, viewer)]
    return [readable(row, horizon) for row in rows], query.count()


def may_see(notice: Notice, horizon: Horizon, viewer: User | None = None) -> bool:
    """True if the viewer's role and the identity policy let them know what a notice tells."""
    if notice.user_id:
        own = viewer and horizon.only_self and notice.user_id in accounts.user_ids(viewer.id)
        return bool(own) or budgets.people_are_named(horizon)
    slugs = [one.slug for one in horizon.projects if one.id == notice.project_id]
    if not slugs or horizon.only_self:
        return False
    scope = Scope.from_args(dict(parse_qsl(notice.query)), horizon)
    if naming.least_users(scope) and not totals_of(scope).total_tokens:
        return False
    return notice.kind != UNUSUAL or _usual_is_told(scope)


def readable(notice: Notice, horizon: Horizon) -> ReadableNotice:
    """A notice in words, for somebody who may see it."""
    if notice.user_id:
        user = User.get_by_id(notice.user_id)
        name, path = user.display_name or user.username, f"/users/{quote(user.username)}"
    else:
        project = next(one for one in horizon.projects if one.id == notice.project_id)
        name, path = project.name, "/leaderboard"
    words = _sentence(notice, name)
    return ReadableNotice(notice.id, words, f"{path}?{notice.query}", notice.created_at)


def _readable(viewer: User, horizon: Horizon) -> Expression:
    projects = [] if horizon.only_self else [project.id for project in horizon.projects]
    people = Notice.user_id != 0
    if not budgets.people_are_named(horizon):
        names = accounts.user_ids(viewer.id) if horizon.only_self else []
        people = Notice.user_id.in_(names)
    return people | ((Notice.user_id == 0) & Notice.project_id.in_(projects))


def _sentence(notice: Notice, name: str) -> str:
    value, against = _usd(Decimal(notice.value)), _usd(Decimal(notice.against))
    if notice.kind == BUDGET:
        percent = int(100 * Decimal(notice.value) / Decimal(notice.against))
        month = f"{notice.last_day:%B %Y}"
        return f"{name} has spent {value} of the {against} budgeted for {month} ({percent} %)."
    day = f"{notice.last_day.day} {notice.last_day:%B %Y}"
    return (
        f"{name} spent {value} on {day}, more than {TIMES} times the usual {against} "
        f"(the median of the {WEEKDAYS} weekdays before)."
    )


def _of_the_month_before(horizon: Horizon) -> list[Pace]:
    """On the first day of a month: what came in on the last day of the one before counts too."""
    yesterday = replace(horizon, now=horizon.now - timedelta(days=1))
    paces = budgets.visible_to(None, yesterday)
    return [pace for pace in paces if pace.days == pace.days_of_month]


def _threshold(pace: Pace, percent: int) -> dict:
    window = pace.scope.window
    project_id = pace.project.id if pace.project else 0
    return {
        "key": f"{BUDGET}:{project_id}:{pace.user_id}:{window.first:%Y-%m}:{percent}",
        "kind": BUDGET,
        "project_id": project_id,
        "user_id": pace.user_id,
        "first_day": window.first,
        "last_day": window.last,
        "value": plain(pace.spent),
        "against": plain(pace.amount),
        "percent": percent,
        "query": _query(pace.scope),
    }


def _unusual(
    horizon: Horizon, project: VisibleProject, day: date, basis: str, floor: Decimal
) -> dict | None:
    before = _weekdays_before(day)
    costs = _costs(_days(horizon, project, basis, before[-1], day))
    usual = median(costs.get(one, Decimal(0)) for one in before)
    used = sum(1 for one in before if costs.get(one))
    if used < USED or costs.get(day, 0) <= max(TIMES * usual, floor):
        return None
    scope = _days(horizon, project, basis, day, day)
    cost = totals_of(scope).cost
    # Totals are hidden where too few people took part.
    if cost is None or cost <= floor or not _usual_is_told(scope):
        return None
    return {
        "key": f"{UNUSUAL}:{project.id}:{day}",
        "kind": UNUSUAL,
        "project_id": project.id,
        "first_day": day,
        "last_day": day,
        "value": plain(cost),
        "against": plain(usual),
        "query": _query(scope),
    }


def _usual_is_told(scope: Scope) -> bool:
    """False if too few people took part in one of the days that the usual day is made of."""
    least = naming.least_users(scope)
    if not least:
        return True
    before = _weekdays_before(scope.window.first)
    days = _days(scope.horizon, scope.project, scope.basis, before[-1], before[0])
    person = fn.COALESCE(User.owner_id, User.id)
    query = DailyUsage.select(fn.COUNT(fn.DISTINCT(person))).join(User)
    active = (DailyUsage.calls + DailyUsage.prompt_tokens + DailyUsage.completion_tokens) > 0
    used = in_scope(query, days).where(active, DailyUsage.day.in_(before))
    return all(people >= least for (people,) in used.group_by(DailyUsage.day).tuples())


def _weekdays_before(day: date) -> list[date]:
    """The WEEKDAYS days from Monday to Friday before a day, the latest first."""
    found: list[date] = []
    while len(found) < WEEKDAYS:
        day -= timedelta(days=1)
        found += [day] if day.weekday() < 5 else []
    return found


def _costs(scope: Scope) -> dict[date, Decimal]:
    """What each day of a scope with usage cost, on its basis."""
    query = DailyUsage.select(DailyUsage.day, *sums())
    rows = in_scope(query, scope).group_by(DailyUsage.day).tuples()
    return {day: dollars(cost_of(counts, scope)[0]) for day, *counts in rows}


def _days(horizon: Horizon, project: VisibleProject, basis: str, first: date, last: date) -> Scope:
    days = {"from": first.isoformat(), "to": last.isoformat()}
    return Scope.from_args({"project": project.slug, "cost": basis} | days, horizon)


def _query(scope: Scope) -> str:
    """The arguments of a scope, including defaults that may be others when the link is opened."""
    rates = {"prompt_cost": scope.rates.prompt, "completion_cost": scope.rates.completion}
    said = {name: plain(rate) for name, rate in rates.items()}
    return urlencode(
        {"project": scope.project.slug if scope.project else "all"} | said | scope.to_args()
    )


def _usd(amount: Decimal) -> str:
    return f"${amount.quantize(CENT):,}"
