"""What is asked: the arguments of an address, each said once, and the scope that they make."""

from flask import g, request

from usage.horizon import Horizon
from usage.scope import ARGUMENTS, InvalidScope, Scope
from views.guards import horizon

# A program asks again by itself.
PAGES_ONLY = "live"
# A form names each of several by itself.
SEVERAL = "columns"


def scope() -> Scope:
    """The scope that the request asks for, within what its sender may see."""
    return strict_scope() if "key" in g else _within(horizon())


def strict_scope(*more: str, within: Horizon | None = None) -> Scope:
    """As scope(), for programs: an argument that isn't known would be silently ignored."""
    known = [name for name in ARGUMENTS if name != PAGES_ONLY]
    for name in request.args:
        if name not in (*known, *more):
            raise InvalidScope(name[:100], f"is not known; use {', '.join(known)}")
    for name in more:
        once(name)
    return _within(within or horizon())


def once(name: str) -> str:
    """An argument of the address, "" where it isn't there.

    Of several, none would be the one that was meant: only columns may be named one by one.
    """
    said = request.args.getlist(name)
    if len(said) > 1 and name != SEVERAL:
        raise InvalidScope(name, "is given more than once")
    return ",".join(said)


def _within(sight: Horizon) -> Scope:
    # What is locked overrules whatever is said, however often.
    said = {name: once(name) for name in ARGUMENTS if name not in sight.fixed}
    return Scope.from_args(said, sight)
