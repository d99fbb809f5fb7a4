"""The arguments of a request, each given once, and the scope that they ask for."""

from flask import g, request

from usage.horizon import Horizon
from usage.scope import ARGUMENTS, InvalidScope, Scope
from views import guards

# For pages that refresh themselves; a program asks again as it likes.
PAGES_ONLY = "live"
# The one argument that may be repeated: a form sends each ticked column by itself.
REPEATABLE = "columns"


def requested_scope() -> Scope:
    """The scope that the request asks for, within what its viewer may see."""
    return strict_scope() if "key" in g else _within(guards.horizon())


def strict_scope(*more: str, within: Horizon | None = None) -> Scope:
    """As requested_scope(), for programs: an unknown argument is refused, not ignored."""
    known = [name for name in ARGUMENTS if name != PAGES_ONLY]
    for name in request.args:
        if name not in (*known, *more):
            raise InvalidScope(name[:100], f"is not known; use {', '.join(known)}")
    for name in more:
        argument(name)
    return _within(within or guards.horizon())


def argument(name: str) -> str:
    """An argument of the address, "" if it is missing. Raises InvalidScope for a repeated one."""
    values = request.args.getlist(name)
    if len(values) > 1 and name != REPEATABLE:
        raise InvalidScope(name, "is given more than once")
    return ",".join(values).strip()


def _within(horizon: Horizon) -> Scope:
    # Locked arguments are not the viewer's: they are not even checked.
    given = {name: argument(name) for name in ARGUMENTS if name not in horizon.fixed}
    return Scope.from_args(given, horizon)
