"""flask user and flask audit: people, their roles and ways in, and what was done."""

import click

from models import User, db
from usage import accounts, audit, directory, merging, sign_in
from usage.accounts import PROJECT_ADMIN
from usage.settings import Settings
from usage.terminal import now, plain_errors, printable

ROLES = click.Choice(("super-admin", "project-admin", "member"))
PROJECTS = click.option("--project", "projects", multiple=True, help="One that they run, by slug.")


@click.group()
def user() -> None:
    """People."""


@user.command("create")
@click.argument("username")
@click.option("--name", "display_name", default="", help="The name that people read.")
@click.option("--email", default="")
@click.option("--role", type=ROLES, help="What they may see.")
@PROJECTS
@click.pass_obj
@plain_errors
def create_user(
    settings: Settings,
    username: str,
    display_name: str,
    email: str,
    role: str | None,
    projects: tuple[str, ...],
) -> None:
    """Make a person ahead of their first usage, and print a link to set a password with."""
    given = role or ("project-admin" if projects else "member")
    profile = {"display_name": display_name, "email": email}
    with db.atomic():
        made = directory.invite(username, _stored(given), projects, now(), **profile)
        token = directory.password_link(made, settings.secret_key, now())
        audit.note("user created", now(), "", made.username, _words(given, projects))
    click.echo(f'The user "{made.username}" is made. To set a password within a week, once:')
    click.echo(f"{settings.base_url}/set-password/{token}")


@user.command("role")
@click.argument("username")
@click.argument("role", type=ROLES)
@PROJECTS
@plain_errors
def give_role(username: str, role: str, projects: tuple[str, ...]) -> None:
    """Make somebody super admin, project admin of some projects, or member."""
    with db.atomic():
        accounts.set_role(username, _stored(role), projects)
        audit.note("role changed", now(), "", username, _words(role, projects))
    click.echo(f'The user "{username}" is {_words(role, projects)} from now on.')


@user.command("disable")
@click.argument("username")
@plain_errors
def disable_user(username: str) -> None:
    """End a person's access; their usage stays on the board."""
    with db.atomic():
        accounts.disable_user(username, now())
        audit.note("user disabled", now(), "", username)
    click.echo(f'The user "{username}" is disabled.')


@user.command("enable")
@click.argument("username")
@plain_errors
def enable_user(username: str) -> None:
    """Give a disabled person access again."""
    with db.atomic():
        accounts.enable_user(username)
        audit.note("user enabled", now(), "", username)
    click.echo(f'The user "{username}" is enabled.')


@user.command("merge")
@click.argument("name")
@click.argument("into", required=False)
@click.option("--undo", is_flag=True, help="Part a merged name from its person again.")
@plain_errors
def merge_user(name: str, into: str | None, undo: bool) -> None:
    """Count the usage of NAME as that of the person INTO, from now on and so far."""
    if undo == bool(into):
        raise click.UsageError("Say NAME and INTO, or --undo and NAME.")
    if undo:
        merging.part(name)
        audit.note("identity parted", now(), "", name)
        click.echo(f'"{name}" has a row of its own again.')
        return
    found = merging.preview(name, into)
    merging.merge(name, into, now())
    audit.note("identity merged", now(), "", found.name.username, f"into {found.into.username}")
    moved, aside = found.name.usage.calls, found.set_aside
    click.echo(f'"{found.name.username}" is "{found.into.username}" from now on.')
    click.echo(f"Moved {moved:,} calls; set {aside:,} aside that both had.")


@user.command("link")
@click.argument("username", default="admin")
@click.pass_obj
@plain_errors
def sign_in_link(settings: Settings, username: str) -> None:
    """Print a link that signs a super admin in once, within the hour."""
    new = not User.select().where(User.username == username).exists()
    admin = accounts.ensure_super_admin(username, now())
    token = sign_in.create_link(admin, settings.secret_key, now())
    if new:
        audit.note("user created", now(), "", admin.username, "super admin")
    audit.note("sign-in link made", now(), "", admin.username)
    click.echo(f"Sign in within the hour, once:\n{settings.base_url}/sign-in/{token}")


@click.command("audit")
@click.option("--last", type=click.IntRange(1, 10_000), default=20, show_default=True)
@plain_errors
def show_audit(last: int) -> None:
    """Show the last entries of the audit, newest first: when, who, from where, what."""
    for one in audit.entries(per_page=last)[0]:
        who = one.actor or ("-" if one.address else "command line")
        what = " ".join(text for text in (one.action, one.subject) if text)
        more = f" ({one.detail})" if one.detail else ""
        place = f" from {one.address}" if one.address else ""
        click.echo(printable(f"{one.time:%Y-%m-%d %H:%M:%SZ} {who}{place}: {what}{more}"))


def _stored(role: str) -> str:
    return role.replace("-", "_")


def _words(role: str, projects: tuple[str, ...]) -> str:
    of = f" of {', '.join(sorted(projects))}" if _stored(role) == PROJECT_ADMIN else ""
    return role.replace("-", " ") + of
