"""The first page of a person, and the addresses of saved views."""

from flask import url_for

from usage import accounts, saved_views
from usage.saved_views import View
from views import guards

SCREENS = {
    "leaderboard": "leaderboard.show",
    "overview": "overview.show",
    "users": "analysis.index",
    "person": "analysis.show",
}


def front_page(user) -> str:
    """Where somebody begins: the view they chose, the leaderboard, or a member's own usage."""
    chosen = saved_views.default(user, guards.horizon(user)) if user.default_view_id else None
    if chosen:
        return address_of(chosen)
    if accounts.role_of(user) == accounts.MEMBER:
        return url_for("analysis.show", username=user.username)
    return url_for("leaderboard.show")


def address_of(view: View) -> str:
    """The address that a view which leads somewhere stands for."""
    person = {"username": view.username} if view.screen == "person" else {}
    return url_for(SCREENS[view.screen], **person, **view.scope.to_args())
