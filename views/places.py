"""Where a board stands on a portal's page: under ids of its own, so that nothing gets mixed up."""

import re
import secrets
from functools import cache

from flask import Flask, request
from markupsafe import Markup

PLACE = re.compile(r"[a-z][a-z0-9]{0,15}")
# What templates write between quotes never holds one: Jinja escapes it.
ONE_ID = (' id="', ' for="', ' form="')
# They begin with what is searched for fast.
SOME_IDS = re.compile(r'( aria-(?:labelledby|describedby)=")([^"]+)')
SELECTORS = re.compile(r' hx-(?:target|sync|include|indicator|trigger)="[^"]+')


def register(app: Flask) -> None:
    """Offer `within` to templates."""
    app.jinja_env.filters["within"] = within


def place() -> str:
    """What the board is called on its page; a board that is new there draws a name."""
    said = request.args.get("board", "")
    return said if PLACE.fullmatch(said) else f"tb{secrets.token_hex(3)}"


def is_known() -> bool:
    """True when the page holds the board already."""
    return bool(PLACE.fullmatch(request.args.get("board", "")))


def inside(id: str) -> str:
    """An id of the board as it is without its place."""
    return id.removeprefix(f"{request.args.get('board', '')}-")


def within(html: str, place: str) -> Markup:
    """A board's HTML with that place before every id and before all that refers to one."""
    html = str(html)
    for attribute in ONE_ID:
        html = html.replace(attribute, f"{attribute}{place}-")
    html = SOME_IDS.sub(lambda m: m[1] + re.sub(r"\S+", rf"{place}-\g<0>", m[2]), html)

    @cache
    def selected(selector: str) -> str:
        return re.sub(r"#|\bform=", rf"\g<0>{place}-", selector)

    # The same few stand in every row.
    html = SELECTORS.sub(lambda m: selected(m[0]), html)
    html = html.replace("url(#", f"url(#{place}-")
    # A portal's page stays where its reader has scrolled it, and its history is its own.
    html = html.replace("show:window:top", "innerHTML")
    return Markup(html.replace(" hx-boost=", ' hx-push-url="false" hx-boost='))
