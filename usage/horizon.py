"""Horizon: what a viewer may see, and the defaults that their questions start from."""

from dataclasses import dataclass
from datetime import datetime

from usage.pricing import Rates

ALL = "all"
UNASSIGNED = "unassigned"


class NotVisible(LookupError):
    """What was asked for does not exist, or not for this viewer: the same answer for both."""


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


@dataclass(frozen=True)
class Horizon:
    """What a viewer may see, and the defaults their questions start from.

    `person` is the viewer's own user id, 0 for a program; who sees only_self sees nobody else's
    row, in any of the projects they used.
    """

    projects: tuple[VisibleProject, ...]
    sees_all: bool
    timezone: str
    rates: Rates
    now: datetime
    person: int = 0
    only_self: bool = False

    def project(self, slug: str) -> VisibleProject | None:
        """The project of that slug; None stands for all of them. Raises NotVisible."""
        everything = self.sees_all or self.only_self
        if everything and slug in ("", ALL):
            return None
        if everything and slug == UNASSIGNED:
            return VisibleProject(0, UNASSIGNED, "Unassigned", self.timezone)
        for project in self.projects:
            if slug in ("", project.slug):
                return project
        named = f' "{slug}"' if slug else ""
        raise NotVisible(f"There is no project{named} here.")

    def rates_of(self, project: VisibleProject | None) -> Rates:
        """The default rates of a project, or of all of them."""
        return (project and project.rates) or self.rates
