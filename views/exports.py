"""Exports: all pages of exactly what is on screen, as CSV, JSON, or TSV for the clipboard.

For people who are signed in, and for keys with the scope "read".
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO

from flask import Blueprint, Response, jsonify, request

from usage import export, warm
from usage import overview as whole
from usage.analysis import Analysis, Part, analysis
from usage.counting import TOKEN_FIELDS
from usage.counts import Counts, Standing, Totals
from usage.horizon import UNASSIGNED
from usage.leaderboard import Board, board
from usage.overview import Overview
from usage.scope import Scope
from views import api
from views.arguments import requested_scope
from views.format import address
from views.guards import note, or_key, require_board, require_session

bp = Blueprint("exports", __name__)
FORM = "<any(csv, json, tsv):form>"
TYPES = {"csv": "text/csv", "json": "application/json", "tsv": "text/tab-separated-values"}
COUNTERS = ("calls", "failed_calls", "unknown_calls", *TOKEN_FIELDS, "cost", "uncosted_calls")
STANDING = ("rank", "username", "display_name", *COUNTERS)
MOST_IN_MEMORY, PIECE = 4 * 1024 * 1024, 64 * 1024
LISTS = ("source", "provider", "model", "test_type", "day")
PEOPLE = ("most_active", "newcomers", "quiet")
ADDED = {
    "movement": ("rank_before", "calls_before"),
    "trend": ("calls_by_day",),
    "cached": ("cached_share",),
    "active_days": ("active_days",),
    "cost_per_call": ("cost_per_call",),
    "last_seen": ("last_seen",),
}
PART = ("by", "value", *COUNTERS)


@bp.get(f"/leaderboard.{FORM}")
@or_key(require_board)
def leaderboard(form: str):
    """Everyone whom the table shows, on all of its pages."""
    scope = requested_scope()
    shown = board(scope.on_one_page())
    if scope.columns:
        # Whoever is new has a pseudonym by now: in the snapshot, nothing can be written.
        with warm.snapshot():
            pieces = _leaderboard(form, scope, board(scope.on_one_page()))
            answer = _complete(pieces, TYPES[form])
    else:
        answer = Response(_leaderboard(form, scope, shown), mimetype=TYPES[form])
    return _file(answer, "leaderboard", scope)


@bp.get(f"/users.{FORM}/<username:username>")
@or_key(require_session)
def user(form: str, username: str):
    """One person's totals and breakdowns."""
    scope = requested_scope()
    person = analysis(scope, username)
    if form == "json":
        answer = jsonify(api.person(scope, person) | _head(scope, person.totals))
    else:
        pieces = _table(form, ("username", *PART), _parts(person), scope, person.totals)
        answer = Response(pieces, mimetype=TYPES[form])
    return _file(answer, person.standing.username, scope)


@bp.get(f"/overview.{FORM}")
@or_key(require_board)
def overview(form: str):
    """The scope as a whole: totals, those before, every breakdown in full, and people."""
    scope = requested_scope()
    found = whole.overview(scope)
    if form == "json":
        answer = jsonify(_head(scope, found.totals) | _overview(scope, found))
    else:
        pieces = _table(form, PART, _overview_rows(scope, found), scope, found.totals)
        answer = Response(pieces, mimetype=TYPES[form])
    return _file(answer, "overview", scope)


def _leaderboard(form: str, scope: Scope, shown: Board) -> Iterator[str]:
    if form == "json":
        head = _head(scope, shown.totals) | {"totals": api.totals(shown.totals, scope)}
        return export.json_text(head, "standings", api.standings(scope, shown.standings))
    header = STANDING + tuple(name for column in scope.columns for name in ADDED.get(column, ()))
    return _table(form, header, _standings(scope, shown.standings), scope, shown.totals)


def _complete(pieces: Iterable[str], mimetype: str) -> Response:
    """An answer that is complete before any of it is sent: each piece asks the database."""
    with ExitStack() as stack:
        file = stack.enter_context(SpooledTemporaryFile(MOST_IN_MEMORY))
        file.writelines(piece.encode() for piece in pieces)
        file.seek(0)
        answer = Response(_sent(file), mimetype=mimetype)
        answer.call_on_close(stack.pop_all().close)
        return answer


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(partial(file.read, PIECE), b"")


def _overview(scope: Scope, found: Overview) -> dict:
    window = scope.window.before()
    past = found.before and {
        "from": window.first.isoformat(),
        "to": window.last.isoformat(),
        "totals": api.totals(found.before, scope),
    }
    people = {name: getattr(found, name) for name in PEOPLE}
    return {
        "totals": api.totals(found.totals, scope),
        "before": past,
        **{
            f"by_{by}": api.parts(by, _named(scope, found, by), scope) for by in ("project", *LISTS)
        },
        **{
            name: some and [api.standing(one, scope) for one in some]
            for name, some in people.items()
        },
    }


def _overview_rows(scope: Scope, found: Overview) -> Iterator[dict]:
    yield {"by": "total"} | _counters(found.totals)
    if found.before:
        yield {"by": "total before"} | _counters(found.before)
    for by in ("project", *LISTS):
        for key, counts in _named(scope, found, by):
            yield {"by": by, "value": key or UNASSIGNED} | _counters(counts)
    for name in PEOPLE:
        for one in getattr(found, name) or ():
            yield {"by": name.replace("_", " "), "value": one.username} | _counters(one)


def _named(scope: Scope, found: Overview, by: str) -> list[Part]:
    """A breakdown under the words of addresses: a project is its slug, "" is unassigned."""
    listed = getattr(found, f"by_{by}")
    words = [_word(scope, by, part.key) for part in listed]
    return [Part(word, part.counts) for word, part in zip(words, listed, strict=True)]


def _word(scope: Scope, by: str, key: object) -> object:
    if isinstance(key, whole.Rest):
        return "too few people" if key.few else "new"
    return key and whole.project_of(scope, key).slug if by == "project" else key


def _parts(person: Analysis) -> Iterator[dict]:
    """The total, then every entry of every breakdown."""
    who = {"username": person.standing.username}
    yield who | {"by": "total"} | _counters(person.standing)
    for name in LISTS:
        for key, counts in getattr(person, f"by_{name}"):
            yield who | {"by": name, "value": key or UNASSIGNED} | _counters(counts)


def _standings(scope: Scope, rows: Iterable[Standing]) -> Iterator[dict]:
    """As the API tells them, with every counter; days in one cell are parted by spaces."""
    for one, told in zip(rows, api.standings(scope, rows), strict=True):
        days = " ".join(map(str, told.get("calls_by_day", ())))
        yield told | _counters(one) | {"calls_by_day": days}


def _counters(values: Counts) -> dict:
    return {name: getattr(values, name) for name in COUNTERS}


def _table(
    form: str, header: Sequence[str], rows: Iterable[Mapping], scope: Scope, totals: Totals
) -> Iterator[str]:
    """Lines of a table; in a file each says its scope, so that files can be joined and sorted.

    What is pasted stands beside words of its own.
    """
    if form == "tsv":
        return export.csv_text(header, rows, tabs=True)
    head = _head(scope, totals)
    rates = {f"{name}_rate": rate for name, rate in head["rates"].items()}
    stamp = head["scope"] | {"basis": scope.basis} | rates
    return export.csv_text((*header, *stamp), ({**row, **stamp} for row in rows))


def _head(scope: Scope, totals: Totals) -> dict:
    head = api.head(scope, totals)
    return head | {"scope": head["scope"] | {"q": scope.q, "sort": scope.sort}}


def _file(answer: Response, what: str, scope: Scope) -> Response:
    """The answer as a download, kept in the audit."""
    form = request.view_args["form"]
    note("export", f"{what}.{form}", address("", scope.args()))
    project = scope.project.slug if scope.project else "all"
    name = f"{what}-{project}-{scope.window.first}-to-{scope.window.last}"
    name = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return answer
