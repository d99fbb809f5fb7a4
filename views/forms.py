"""A refused form: its page again, with what was typed, and why beside the field it is about."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, current_app, g, make_response, request
from werkzeug.exceptions import HTTPException

from usage.accounts import Refused
from usage.horizon import NotVisible
from usage.scope import InvalidScope

# The page of a form that is sent to an address without one.
PAGES = {
    "account.change_password": "account.show",
    "account.revoke": "account.show",
    "saved_views.change": "saved_views.index",
}
# Whoever sent the form can mend it, or try again.
MENDABLE = (409, 422, 429)
BUTTON = "do"


def register(app: Flask) -> None:
    """Let templates say what is wrong with a field, and fill it with what was typed."""
    app.add_template_global(known, "known_field")
    app.add_template_global(wrong, "wrong")
    app.add_template_global(typed, "typed")


@contextmanager
def about(field: str, instead_of: str = "") -> Iterator[None]:
    """What is refused meanwhile is about that field of the form, which has another name there."""
    try:
        yield
    except Refused as error:
        error.field = field if error.field == instead_of else error.field
        raise


def known(field: str | None) -> str | None:
    """That field, if the form that was sent has it for a person to fill in."""
    if not field or field == BUTTON:
        return None
    # Of unticked boxes and files not chosen nothing is sent: a hidden field tells of them.
    sent = (*request.form, *request.files, *request.form.getlist("fields"))
    return field if field in sent else None


def again(status: int, message: str, field: str | None) -> Response | None:
    """The page that the sent form stands on, saying what is wrong; None if there is none."""
    if request.method != "POST" or status not in MENDABLE:
        return None
    named = message if message.endswith(".") or not field else f"{field} {message}"
    try:
        if field := known(field):
            page = _page(field, message)
            # Not everybody is shown every field that they may send.
            if f'id="problem-{field}"' in page.get_data(as_text=True):
                return page
        return _page("", named)
    except (Refused, InvalidScope, NotVisible, HTTPException):
        return None


def wrong(field: str) -> str:
    """What is wrong with that field of the refused form, "" for nothing; of "", with all of it."""
    about, message = g.get("refused", ("", ""))
    return sentence(message) if message and about == field else ""


def typed(name: str, usual: object = "") -> object:
    """What the refused form has in that field, of boxes a list; the usual if none was refused."""
    if "refused" not in g:
        return usual
    is_boxes = name in request.form.getlist("fields")
    return request.form.getlist(name) if is_boxes else request.form.get(name, usual)


def sentence(message: str) -> str:
    """A message as it stands by itself."""
    return f"{message[:1].upper()}{message[1:].removesuffix('.')}."


def _page(field: str, message: str) -> Response:
    g.refused = field, message
    endpoint, args = PAGES.get(request.endpoint), {}
    if not endpoint:
        endpoint, args = current_app.create_url_adapter(request).match(method="GET")
    return make_response(current_app.view_functions[endpoint](**args))
