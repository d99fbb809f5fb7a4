"""Import usage from files that an admin uploads."""

from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Blueprint, request
from werkzeug.datastructures import FileStorage

from usage import projects
from usage.ingest import formats, identity
from usage.ingest.event import SOURCES
from usage.ingest.imports import Import, Imported
from usage.ingest.intake import Sender
from usage.scope import InvalidScope
from views.admin import frame
from views.forms import about
from views.guards import horizon, note, now, require_admin, settings
from views.responses import respond

bp = Blueprint("imports", __name__, url_prefix="/admin")
LARGEST_UPLOAD = 256 * 1024 * 1024
MOST_TOLD = 50


@bp.get("/import")
@require_admin
def show():
    """Files to choose, and what to assume of them."""
    return _page([], [])


@bp.post("/import")
@require_admin
def upload():
    """Import the files, or only show what would happen; each is accounted for."""
    request.max_content_length = LARGEST_UPLOAD
    refused: list[tuple[str, int, Exception]] = []
    how = Import(
        _sender(),
        settings().reporting_timezone,
        now,
        _chosen("format", formats.NAMES, "auto"),
        trial=set() if _is_trial() else None,
        refused=lambda *refusal: len(refused) < MOST_TOLD and refused.append(refusal),
    )
    chosen = [file for file in request.files.getlist("files") if file.filename]
    if not chosen:
        raise InvalidScope("files", "choose at least one file")
    with TemporaryDirectory() as folder:
        imported = [_import(how, file, Path(folder, str(n))) for n, file in enumerate(chosen)]
    if not _is_trial():
        accepted = sum(file.receipt.accepted for file in imported)
        note("import", _files(imported), f"{accepted:,} accepted")
    return _page(imported, [(Path(path).name, *rest) for path, *rest in refused])


def _import(how: Import, file: FileStorage, folder: Path) -> Imported:
    # A browser sends the files of a folder with their places below it.
    place = "".join(char for char in file.filename if char.isprintable())
    folder.mkdir()
    path = folder / (Path(place.replace("\\", "/")).name[-60:] or "file")
    file.save(path)
    imported = how.file(path, f"./{place}" if "/" in place else path.name)
    imported.path, imported.problem = place, imported.problem.replace(f"{folder}/", "")
    return imported


def _files(imported: list[Imported]) -> str:
    more = f" and {len(imported) - 1} more" if len(imported) > 1 else ""
    return f"{imported[0].path}{more}"


def _sender() -> Sender:
    project = request.form.get("project", "").strip()
    user = request.form.get("user", "").strip()
    if project and not _is_trial():
        with about("project", instead_of="name"):
            projects.ensure(project, settings().reporting_timezone, now())
    source = _chosen("source", SOURCES, "")
    return Sender(identity.slug(project) if project else "", user, source)


def _chosen(name: str, allowed: tuple[str, ...], default: str) -> str:
    value = request.form.get(name, "") or default
    if value not in (*allowed, default):
        raise InvalidScope(name, f"must be one of {', '.join(allowed)}")
    return value


def _is_trial() -> bool:
    return request.form.get("do") == "preview"


def _page(imported: list[Imported], refused: list[tuple[str, int, Exception]]):
    return respond(
        "imports",
        "",
        imported=imported,
        refused=refused,
        trial=_is_trial(),
        formats=formats.NAMES,
        sources=SOURCES,
        projects=horizon().projects,
        **frame("imports.show"),
    )
