"""Scopes under a name: private or shared with a project, and one that somebody begins with."""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from peewee import JOIN, IntegrityError

from models import SavedView, User, db
from usage import naming
from usage.accounts import SUPER_ADMIN, Refused
from usage.analysis import visible_user
from usage.horizon import ALL, Horizon, NotVisible
from usage.ingest.event import MOST_USER_CHARACTERS, InvalidEvent, plain_text
from usage.scope import InvalidScope, Scope

SCREENS = ("leaderboard", "overview", "users", "person")
MOST = 50
LONGEST_NAME = 60
ELSE = "somebody else"


@dataclass(frozen=True, slots=True)
class View:
    """A saved view as its viewer has it: the scope it leads to, or why it leads nowhere."""

    id: int
    name: str
    screen: str
    username: str
    scope: Scope | None
    problem: str
    own: bool
    owner: str
    shared_with: str
    default: bool


def save(
    viewer: User, scope: Scope, screen: str, username: str, name: str, shared: bool, now: datetime
) -> SavedView:
    """Keep a scope under a name, shared with whoever may see its project's board or not.

    Raises Refused.
    """
    if screen not in SCREENS:
        raise Refused(f'"{screen}" is no page that can be saved; choose from {", ".join(SCREENS)}.')
    if shared and (scope.horizon.only_self or not scope.project or not scope.project.id):
        raise Refused("A view is shared with one project that you run: choose the project first.")
    if shared and screen == "person":
        raise Refused("The page of one person can't be shared; leave the view to yourself.")
    if scope.horizon.only_self and (screen, username) != ("person", viewer.username):
        raise Refused("You can save your own page, and no other.")
    if SavedView.select().where(SavedView.user_id == viewer.id).count() >= MOST:
        raise Refused(f"You have {MOST} views; delete one first.")
    fields = {
        "user_id": viewer.id,
        "project_id": scope.project.id if shared else None,
        "name": _name(name),
        "screen": screen,
        "username": _person(scope, username) if screen == "person" else "",
        "query": urlencode(_said(scope)),
        "created_at": now,
    }
    try:
        with db.atomic():
            return SavedView.create(**fields)
    except IntegrityError:
        raise _taken(fields["name"]) from None


def offered(viewer: User, horizon: Horizon) -> list[View]:
    """The viewer's own views and those shared with the boards they may see, by name."""
    mine = SavedView.user_id == viewer.id
    shared = SavedView.project_id.in_([project.id for project in horizon.projects])
    query = SavedView.select(SavedView, User.username.alias("owner"))
    query = query.join(User, JOIN.LEFT_OUTER, on=(User.id == SavedView.user_id))
    query = query.where(mine if horizon.only_self else mine | shared)
    views = [_view(row, viewer, horizon) for row in query.objects()]
    return sorted(views, key=lambda view: (view.name.casefold(), view.owner, view.id))


def find(viewer: User, horizon: Horizon, id: int) -> View:
    """One of those. Raises NotVisible."""
    for view in offered(viewer, horizon):
        if view.id == id:
            return view
    raise NotVisible("There is no such view here.")


def default(viewer: User, horizon: Horizon) -> View | None:
    """The view that the viewer begins with, if they chose one that still leads somewhere."""
    if not viewer.default_view_id:
        return None
    views = [view for view in offered(viewer, horizon) if view.default and view.scope]
    return views[0] if views else None


def set_default(viewer: User, view: View | None) -> None:
    """Begin with that view from now on, or with the usual page."""
    chosen = view.id if view else None
    User.update(default_view_id=chosen).where(User.id == viewer.id).execute()


def rename(viewer: User, view: View, name: str) -> str:
    """Give a view another name, and return it. Raises Refused."""
    name = _name(name)
    _keep_off(viewer, view)
    try:
        with db.atomic():
            SavedView.update(name=name).where(SavedView.id == view.id).execute()
    except IntegrityError:
        raise _taken(name) from None
    return name


def delete(viewer: User, view: View) -> None:
    """Forget a view, for all whom it was shared with as well. Raises Refused."""
    _keep_off(viewer, view)
    with db.atomic():
        begun = User.default_view_id == view.id
        User.update(default_view_id=None).where(begun).execute()
        SavedView.delete().where(SavedView.id == view.id).execute()


def may_change(viewer: User, view: View) -> bool:
    """True for its owner, and for super admins where it is shared."""
    return view.own or viewer.role == SUPER_ADMIN


def _said(scope: Scope) -> dict[str, str]:
    """The scope's arguments from the first page on, with the project said in any case."""
    args = scope.to_args()
    args.pop("page", None)
    # Whose default project it is depends on who asks.
    return {"project": scope.project.slug if scope.project else ALL} | args


def _view(row: SavedView, viewer: User, horizon: Horizon) -> View:
    scope, problem, owner = None, "", row.owner or ""
    try:
        if horizon.only_self and (row.screen, row.username) != ("person", viewer.username):
            raise NotVisible("There is no such page for you any more.")
        found = Scope.from_args(dict(parse_qsl(row.query)), horizon)
        if row.screen == "person":
            visible_user(found, row.username)
        scope = found
        if row.user_id != viewer.id and naming.policy(scope) != naming.NAMED:
            # Whom somebody else searched for may be named to them alone, and so may they.
            scope, owner = replace(scope, q=""), ELSE
    except InvalidScope as error:
        problem = f"{error.field} {error.message}."
    except NotVisible as error:
        problem = str(error)
    if problem and row.user_id != viewer.id:
        # Of what it shows, so of whom it may name, nothing is known.
        owner = ELSE
    names = {project.id: project.name for project in horizon.projects}
    return View(
        id=row.id,
        name=row.name,
        screen=row.screen,
        username=row.username,
        scope=scope,
        problem=problem,
        own=row.user_id == viewer.id,
        owner=owner,
        shared_with=names.get(row.project_id, "a project") if row.project_id else "",
        default=row.id == viewer.default_view_id,
    )


def _keep_off(viewer: User, view: View) -> None:
    if not may_change(viewer, view):
        raise Refused(f'"{view.name}" belongs to {view.owner}.')


def _name(text: str) -> str:
    try:
        name = plain_text(text, "name", LONGEST_NAME)
    except InvalidEvent as error:
        raise Refused(f"The name {error.message}.", "name") from None
    if not name:
        raise Refused("A view needs a name.", "name")
    return name


def _person(scope: Scope, username: str) -> str:
    if not username.strip() or "\0" in username or len(username) > MOST_USER_CHARACTERS:
        raise Refused("A view of a person needs the username.")
    try:
        visible_user(scope, username)
    except NotVisible as error:
        raise Refused(str(error)) from None
    return username


def _taken(name: str) -> Refused:
    return Refused(f'You have a view "{name}" already.', "name")
