"""A prefix for all ids of a board in a portal's page, so that they clash with no others there."""

import re
import secrets
from functools import cache

from flask import Flask, request
from markupsafe import Markup

PREFIX = re.compile(r"[a-z][a-z0-9]{0,15}")
# Attributes that hold one id. No text can look like them: Jinja escapes its quotes.
ONE_ID = (' id="', ' for="', ' form="')
# The fixed text at the start makes the search fast.
SOME_IDS = re.compile(r'( aria-(?:labelledby|describedby)=")([^"]+)')
SELECTORS = re.compile(r' hx-(?:target|sync|include|indicator|trigger)="[^"]+')
ANY = f"tb{secrets.token_hex(7)}"
"""Stands for every board's prefix in what is kept for all of them. Nobody's text can hold it."""


def register(app: Flask) -> None:
    """Offer the filter `prefixed` to templates."""
    app.jinja_env.filters["prefixed"] = prefixed


def prefix() -> str:
    """The prefix of the board that asks; a new one for a board that is not on the page yet."""
    said = request.args.get("board", "")
    return said if PREFIX.fullmatch(said) else f"tb{secrets.token_hex(3)}"


def of_this_board(html: str) -> str:
    """HTML that was made for any board, for the one that asks."""
    return html.replace(ANY, prefix())


def is_known() -> bool:
    """True if the page holds the board already."""
    return bool(PREFIX.fullmatch(request.args.get("board", "")))


def without_prefix(id: str) -> str:
    """An id of the board as its templates write it."""
    return id.removeprefix(f"{request.args.get('board', '')}-")


def prefixed(html: str, prefix: str) -> Markup:
    """A board's HTML with the prefix before every id and every reference to one."""
    html = str(html)
    for attribute in ONE_ID:
        html = html.replace(attribute, f"{attribute}{prefix}-")
    html = SOME_IDS.sub(lambda m: m[1] + re.sub(r"\S+", rf"{prefix}-\g<0>", m[2]), html)

    @cache
    def selected(selector: str) -> str:
        return re.sub(r"#|\bform=", rf"\g<0>{prefix}-", selector)

    # Every row has the same few selectors.
    html = SELECTORS.sub(lambda m: selected(m[0]), html)
    html = html.replace("url(#", f"url(#{prefix}-")
    # Neither the scroll position nor the history of a portal's page is the board's to change.
    html = html.replace("show:window:top", "innerHTML")
    return Markup(html.replace(" hx-boost=", ' hx-push-url="false" hx-boost='))
