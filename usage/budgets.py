"""Budgets: what a project or a person may cost a month, what was spent, and the projection."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from models import Budget, User, db
from usage import accounts, naming
from usage.accounts import Refused, find_person
from usage.analysis import analysis
from usage.counts import Counts
from usage.horizon import ALL, Horizon, NotVisible, VisibleProject
from usage.leaderboard import totals_of
from usage.pricing import BASES, InvalidRate, plain, read_rate
from usage.scope import Scope
from usage.window import day_of, days_of_month, month_so_far

THRESHOLDS = (50, 80, 100)
FIRST_DAYS = 2
"""On the first days of a month there is no projection: they say too little."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A budget in the current month, as far as its viewer may know.

    spent is None where that is unknown, and `hidden` where it may not be told. uncosted_calls
    have no cost on the budget's basis, so what is spent is that at least.
    """

    id: int
    project: VisibleProject | None
    user_id: int
    username: str
    name: str
    amount: Decimal
    thresholds: tuple[int, ...]
    scope: Scope
    spent: Decimal | None
    uncosted_calls: int
    hidden: bool

    @property
    def days(self) -> int:
        """Days of the month that have begun."""
        return self.scope.window.last.day

    @property
    def days_of_month(self) -> int:
        """All days of the month."""
        return days_of_month(self.scope.window.last)

    @property
    def percent(self) -> int | None:
        """How much of the amount is spent, in whole percents."""
        if self.spent is None:
            return None
        return int((100 * self.spent / self.amount).to_integral_value(ROUND_FLOOR))

    @property
    def projected(self) -> Decimal | None:
        """What the month comes to if it goes on as it did: spent / days begun * days in all."""
        if self.spent is None or self.days <= FIRST_DAYS:
            return None
        return self.spent * self.days_of_month / self.days


def visible_to(viewer: User | None, horizon: Horizon) -> list[Pace]:
    """The budgets that a person may see, the most used up first."""
    paces = [
        _pace(row, month_scope(horizon, _slug(row, horizon), row.basis))
        for row in _visible(viewer, horizon)
    ]
    return sorted(paces, key=lambda pace: (-(pace.percent or 0), pace.name, pace.id))


def for_scope(viewer: User, scope: Scope, most: int) -> list[Pace]:
    """The budgets of a scope's project, or the first few of all that the viewer may see."""
    paces = visible_to(viewer, scope.horizon)
    if scope.project:
        return [pace for pace in paces if pace.project and pace.project.id == scope.project.id]
    return paces[:most]


def month_scope(horizon: Horizon, slug: str, basis: str) -> Scope:
    """The scope of a project, or all of them, in the current month of its zone so far."""
    zone = horizon.project(slug).timezone if slug != ALL else horizon.timezone
    first, today = month_so_far(day_of(horizon.now, zone))
    args = {"project": slug, "from": first.isoformat(), "to": today.isoformat(), "cost": basis}
    return Scope.from_args(args, horizon)


def subject(horizon: Horizon, slug: str, username: str) -> tuple[int, int]:
    """The ids of project and person to set a budget for, one of them 0, if the viewer may.

    Raises Refused, and NotVisible for a project out of sight.
    """
    if bool(slug) == bool(username):
        raise Refused("A budget is for a project or for a person: choose one of them.")
    if slug:
        project = None if horizon.only_self else horizon.project(slug)
        if not project or not project.id:
            raise Refused("A budget is for one project.")
        return project.id, 0
    if not horizon.sees_all:
        raise Refused("Only super admins set a person's budget.")
    person = find_person(username)
    if not person:
        raise Refused(f'There is no user "{username}".')
    return 0, person.id


def set_budget(
    ids: tuple[int, int], amount: str, basis: str, thresholds: Iterable[str], now: datetime
) -> Decimal:
    """Set the monthly amount of a subject(), and return it in dollars. Raises Refused."""
    try:
        dollars = read_rate(amount)
    except InvalidRate as error:
        raise Refused(f"The amount {error}.") from None
    if not dollars:
        raise Refused("The amount must be more than 0.")
    if basis not in BASES:
        raise Refused(f'"{basis}" is no basis of cost; choose from {", ".join(BASES)}.')
    chosen = set(thresholds)
    if not chosen <= {str(one) for one in THRESHOLDS}:
        raise Refused(f"Notices are given at {', '.join(map(str, THRESHOLDS))} percent.")
    said = " ".join(sorted(chosen, key=int))
    values = {"amount": plain(dollars), "basis": basis, "thresholds": said}
    fields = {"project_id": ids[0], "user_id": ids[1], "created_at": now} | values
    key = (Budget.project_id, Budget.user_id)
    Budget.insert(fields).on_conflict(conflict_target=key, update=values).execute()
    return dollars


def remove(viewer: User, horizon: Horizon, id: int) -> str:
    """Forget a budget that the viewer may set, and return whose it was. Raises NotVisible."""
    for row in _visible(viewer, horizon):
        if row.id == id and may_set(horizon, row.project_id):
            with db.atomic():
                Budget.delete().where(Budget.id == id).execute()
            return _slug(row, horizon) if row.project_id else User.get_by_id(row.user_id).username
    raise NotVisible("There is no such budget here.")


def may_set(horizon: Horizon, project_id: int) -> bool:
    """True for super admins, and for admins of that project; project 0 is a person's budget."""
    return horizon.sees_all or (bool(project_id) and not horizon.only_self)


def _visible(viewer: User | None, horizon: Horizon) -> list[Budget]:
    """The budgets of projects whose board the viewer may see, and of people they may know."""
    projects = [] if horizon.only_self else [project.id for project in horizon.projects]
    shown = Budget.project_id.in_(projects)
    if people_are_named(horizon):
        shown |= Budget.user_id != 0
    elif viewer and horizon.only_self:
        shown |= Budget.user_id.in_(accounts.user_ids(viewer.id))
    # A merged name's budget is the person's, unless they have one of their own.
    own = User.owner_id.in_(Budget.select(Budget.user_id).where(Budget.user_id != 0))
    rest = Budget.user_id.in_(User.select(User.id).where(own))
    return list(Budget.select().where(shown, ~rest))


def people_are_named(horizon: Horizon) -> bool:
    """True for whoever sees everybody by name in all projects together."""
    everything = month_scope(horizon, ALL, BASES[0]) if horizon.sees_all else None
    return bool(everything) and naming.policy(everything) == naming.NAMED


def _slug(row: Budget, horizon: Horizon) -> str:
    slugs = {project.id: project.slug for project in horizon.projects}
    return slugs[row.project_id] if row.project_id else ALL


def _pace(row: Budget, scope: Scope) -> Pace:
    user = User.get_by_id(row.user_id) if row.user_id else None
    user = User.get_by_id(user.owner_id) if user and user.owner_id else user
    counts: Counts = analysis(scope, user.username).standing if user else totals_of(scope)
    # A project's totals are all 0 where the identity policy hides them.
    hidden = not user and not counts.total_tokens and naming.least_users(scope) > 0
    return Pace(
        id=row.id,
        project=None if user else scope.project,
        user_id=user.id if user else 0,
        username=user.username if user else "",
        name=(user.display_name or user.username) if user else scope.project.name,
        amount=Decimal(row.amount),
        thresholds=tuple(int(one) for one in row.thresholds.split()),
        scope=scope,
        spent=None if hidden else counts.cost,
        uncosted_calls=0 if hidden else counts.uncosted_calls,
        hidden=hidden,
    )
