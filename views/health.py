"""Liveness, readiness and metrics, for whatever watches over the server."""

from time import perf_counter

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import Forbidden

from usage import daily, metrics
from views.guards import require_key

bp = Blueprint("health", __name__)


def register(app: Flask) -> None:
    """Time every request, and count its answer."""
    app.before_request(_begin)
    app.after_request(_end)


@bp.get("/healthz")
def alive():
    """The process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
def ready():
    """The database answers; a busy or missing one makes this a 503."""
    daily.any_usage()
    return {"status": "ok"}


@bp.get("/metrics")
@require_key("read")
def measured():
    """What Prometheus scrapes, with a key that reads all projects: the sums are those of all."""
    if g.key.project_id:
        raise Forbidden("Metrics are of all projects, and this key is of one.")
    text, kind = metrics.exposition(request.headers.get("Accept", ""))
    return Response(text, content_type=kind)


def _begin() -> None:
    g.began = perf_counter()


def _end(response: Response) -> Response:
    metrics.count(request.endpoint or "none", response.status_code, perf_counter() - g.began)
    return response
