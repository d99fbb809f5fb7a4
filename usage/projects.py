"""Projects: their zones, default rates, and how people are named in them."""

from datetime import datetime

from models import Project
from usage.accounts import Refused
from usage.ingest.event import InvalidEvent, plain_text
from usage.ingest.identity import RESERVED_SLUGS, slug
from usage.naming import POLICIES
from usage.pricing import InvalidRate, plain, read_rate
from usage.window import zone

LONGEST_NAME = 100


def create(name: str, timezone: str, now: datetime) -> Project:
    """Make a project. Raises Refused for a taken name or an unknown zone."""
    check_zone(timezone)
    name = _name(name)
    if Project.select().where(Project.slug == slug(name)).exists():
        raise Refused(f'There is a project "{slug(name)}" already.', "name")
    return Project.create(slug=slug(name), name=name, timezone=timezone, created_at=now)


def ensure(name: str, timezone: str, now: datetime) -> tuple[Project, bool]:
    """The project of that slug or name, and whether it had to be made. Raises Refused."""
    if project := Project.get_or_none(Project.slug == slug(name)):
        return project, False
    return create(name, timezone, now), True


def would_be(name: str) -> str:
    """The slug of that project, which may still have to be made. Raises Refused."""
    found = slug(name)
    return found if Project.select().where(Project.slug == found).exists() else slug(_name(name))


def _name(given: str) -> str:
    try:
        name = plain_text(given, "name", LONGEST_NAME)
    except InvalidEvent as error:
        raise Refused(f"The name {error.message}.", "name") from None
    if not name or name.casefold() in RESERVED_SLUGS:
        raise Refused(f'A project can\'t be named "{given}".', "name")
    return name


def everyone() -> list[Project]:
    """All projects, by name."""
    return list(Project.select().order_by(Project.name, Project.slug))


def find(slug: str) -> Project:
    """The project of that slug. Raises Refused."""
    project = Project.get_or_none(Project.slug == slug)
    if not project:
        raise Refused(f'There is no project "{slug}".')
    return project


def set_rates(project: Project, prompt: str, completion: str) -> None:
    """Give a project default rates; empty is the board's default. Raises Refused."""
    said = {"prompt_cost": prompt, "completion_cost": completion}
    rates = {field: _rate(text, field) for field, text in said.items()}
    Project.update(**rates).where(Project.id == project.id).execute()


def set_identity(project: Project, identity: str, least_users: int, binds_all: bool) -> None:
    """Say how people are named in a project. Raises Refused."""
    if identity not in POLICIES:
        raise Refused(
            f'"{identity}" is not a policy; choose from {", ".join(POLICIES)}.', "identity"
        )
    if identity == "hidden" and not 2 <= least_users <= 1000:
        wrong = "The least number of people must be a whole number from 2 to 1000."
        raise Refused(wrong, "least_users")
    least = least_users if identity == "hidden" else 0
    policy = {"identity": identity, "least_users": least, "binds_all": binds_all}
    Project.update(**policy).where(Project.id == project.id).execute()


def policy_words(identity: str, least_users: int, binds_all: bool) -> str:
    """A policy as one reads it in the audit."""
    least = f" below {least_users} people" if identity == "hidden" else ""
    return f"{identity}{least}{', for super admins too' if binds_all else ''}"


def check_zone(timezone: str) -> None:
    """Raises Refused for what is no IANA time zone."""
    try:
        zone(timezone)
    except ValueError as error:
        raise Refused(f"The time zone {error}.", "timezone") from None


def _rate(text: str, field: str) -> str:
    try:
        return plain(read_rate(text)) if text.strip() else ""
    except InvalidRate as error:
        raise Refused(f"A rate {error}.", field) from None
