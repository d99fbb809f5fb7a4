"""flask grant: what portals may show in their own pages."""

import click

from models import db
from usage import accounts, audit, grants
from usage.accounts import Refused
from usage.horizon import COLUMNS, Horizon
from usage.projects import everyone
from usage.scope import InvalidScope
from usage.settings import Settings
from usage.terminal import now, plain_errors


@click.group()
def grant() -> None:
    """What portals may show in their own pages."""


@grant.command("create")
@click.argument("portal")
@click.option("--origin", "origins", multiple=True, required=True, help="Where its pages are.")
@click.option("--project", "slugs", multiple=True, help="A project; without any, all of them.")
@click.option("--lock", "locks", multiple=True, metavar="NAME=VALUE", help="As in addresses.")
@click.option("--column", "columns", multiple=True, type=click.Choice(COLUMNS), default=COLUMNS)
@click.option("--identity", type=click.Choice(grants.IDENTITIES), default=grants.IDENTITIES[0])
@click.option("--details/--no-details", default=True, help="A page for each person.")
@click.pass_obj
@plain_errors
def create_grant(
    settings: Settings,
    portal: str,
    origins: tuple[str, ...],
    slugs: tuple[str, ...],
    locks: tuple[str, ...],
    **shown: object,
) -> None:
    """Let a portal show the board."""
    ids = {one.slug: one.id for one in everyone()}
    if unknown := [slug for slug in slugs if slug not in ids]:
        raise Refused(f'There is no project "{unknown[0]}".')
    locked = _locked(locks)
    projects = [ids[slug] for slug in slugs]
    try:
        with db.atomic():
            everything = _everything(settings)
            made = grants.create(
                portal, origins, projects, locked, horizon=everything, creator="", **shown
            )
            audit.note("grant created", now(), "", made.portal, grants.in_words(made))
    except InvalidScope as error:
        raise Refused(f"{error.field} {error.message}.") from None
    click.echo(f'The portal "{made.portal}" may show the board at {made.origins}.')


@grant.command("list")
@plain_errors
def list_grants() -> None:
    """Show all grants."""
    for one in grants.everyone():
        state = "revoked" if one.revoked_at else "live"
        click.echo(f"{one.portal}: {grants.in_words(one)} ({state})")


@grant.command("revoke")
@click.argument("portal")
@click.pass_obj
@plain_errors
def revoke_grant(settings: Settings, portal: str) -> None:
    """End what a portal may show, and every token it has, from now on."""
    with db.atomic():
        grants.revoke(portal, _everything(settings))
        audit.note("grant revoked", now(), "", portal)
    click.echo(f'The grant "{portal}" is revoked.')


def _locked(locks: tuple[str, ...]) -> dict[str, str]:
    locked: dict[str, str] = {}
    for lock in locks:
        name, _, value = lock.partition("=")
        # From a script whose variable is empty, say: locking nothing would show everything.
        if not value.strip():
            raise Refused(f'The lock "{lock}" needs a value, like source=ide.')
        if name in locked:
            raise Refused(f"{name} is locked twice.")
        locked[name] = value
    return locked


def _everything(settings: Settings) -> Horizon:
    """Whoever runs commands on the server sees all there is."""
    return accounts.everything(settings.rates, settings.reporting_timezone, now())
