"""Liveness and readiness, for whatever watches over the server."""

from flask import Blueprint

from usage import daily

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive():
    """The process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
def ready():
    """The database answers; a busy or missing one makes this a 503."""
    daily.any_usage()
    return {"status": "ok"}
