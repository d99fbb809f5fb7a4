"""Horizon: what a viewer may see, and the defaults that their questions start from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from usage.pricing import Rates

ALL = "all"
UNASSIGNED = "unassigned"
COLUMNS = ("calls", "prompt_tokens", "completion_tokens", "cost")
"""The columns of a row that a viewer may be shown, and sort by."""
DATES = ("days", "from", "to")
RATES = ("prompt_cost", "completion_cost", "cost")
TOKENS = ("prompt_tokens", "completion_tokens")


class NotVisible(LookupError):
    """What was asked for does not exist, or not for this viewer: the same answer for both.

    `field` names the argument that asked for it, if one did.
    """

    def __init__(self, message: str, field: str | None = None):
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class VisibleProject:
    """A project as far as a scope needs it; id 0 is usage without a project.

    `identity`, `least_users` and `binds_all` say how people are named in it: see usage.naming.
    """

    id: int
    slug: str
    name: str
    timezone: str
    rates: Rates | None = None
    identity: str = "named"
    least_users: int = 0
    binds_all: bool = False


class Projects(tuple[VisibleProject, ...]):
    """A tuple of projects, with what is derived from all of them worked out once."""

    @cached_property
    def digest(self) -> str:
        """A hash of all their fields."""
        return sha256(repr(tuple(self)).encode(errors="surrogatepass")).hexdigest()

    @cached_property
    def ways(self) -> tuple[VisibleProject, ...]:
        """One project for each different identity policy among them."""
        return tuple({(p.identity, p.least_users, p.binds_all): p for p in self}.values())

    @cached_property
    def bound(self) -> "Projects":
        """The same projects, with policies that bind super admins as well."""
        return Projects(replace(one, binds_all=True) for one in self)


@dataclass(frozen=True)
class Permission:
    """What a portal may show one of its readers: its grant, narrowed to what its token locks.

    `projects` are ids, ignored with all_projects; `locked` overrules arguments of the same names;
    `identity` is the most open policy by which people are named. `person` is the reader's own
    user id, 0 for nobody in particular.
    """

    portal: str
    origins: tuple[str, ...]
    projects: tuple[int, ...]
    all_projects: bool
    locked: Mapping[str, str]
    columns: tuple[str, ...]
    identity: str
    details: bool
    person: int = 0


@dataclass(frozen=True)
class Horizon:
    """What a viewer may see, and the defaults their questions start from.

    `person` is the viewer's own user id, 0 for a program; with only_self nobody else's row is
    shown, in any of the projects they used. `columns`, `details`, `identity` and `locked` narrow
    what a portal shows: see Permission. ETags hash its repr, which leaves out `now` and the
    projects: see views.fresh.
    """

    projects: Projects = field(repr=False)
    sees_all: bool
    timezone: str
    rates: Rates
    now: datetime = field(repr=False)
    person: int = 0
    only_self: bool = False
    columns: tuple[str, ...] = COLUMNS
    details: bool = True
    identity: str = "named"
    locked: Mapping[str, str] = field(default_factory=dict)
    embedded: bool = False

    @cached_property
    def fixed(self) -> frozenset[str]:
        """Arguments that the viewer can't change: the locked ones; with one date all of them."""
        dates = DATES if any(name in self.locked for name in DATES) else ()
        return frozenset((*self.locked, *dates))

    @property
    def knows_everybody(self) -> bool:
        """True if the viewer may learn who there is on the whole board; no portal's reader does."""
        return self.sees_all and not self.embedded

    @property
    def choices(self) -> tuple[str, ...]:
        """The filters that the viewer may choose from."""
        return tuple(name for name in ("project", "source", "dates") if self.offers(name))

    def offers(self, choice: str) -> bool:
        """True if the viewer may choose the "project", "source", "dates" or "rates" themselves."""
        names = {"dates": DATES, "rates": RATES}.get(choice, (choice,))
        if self.fixed.intersection(names):
            return False
        if choice == "project":
            return self.sees_all or (self.embedded and len(self.projects) > 1)
        # With rates of their own choice a viewer could work hidden tokens out from the cost.
        return choice != "rates" or {"cost", *TOKENS} <= set(self.columns)

    def project(self, slug: str) -> VisibleProject | None:
        """The project of that slug, None for all of them together. Raises NotVisible."""
        everything = self.sees_all or self.only_self
        if everything and slug in ("", ALL):
            return None
        if everything and slug == UNASSIGNED:
            return VisibleProject(0, UNASSIGNED, "Unassigned", self.timezone)
        for project in self.projects:
            if slug in ("", project.slug):
                return project
        named = f' "{slug}"' if slug else ""
        raise NotVisible(f"There is no project{named} here.", "project")

    def rates_of(self, project: VisibleProject | None) -> Rates:
        """The default rates of a project, or of all of them."""
        return (project and project.rates) or self.rates
