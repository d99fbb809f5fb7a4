"""HTTP only: parse, ask, respond."""

from werkzeug.routing import PathConverter

from views import (
    account,
    admin,
    analysis,
    api,
    arrivals,
    assets,
    health,
    identities,
    imports,
    ingest,
    leaderboard,
)


class Username(PathConverter):
    """Any name at all in an address, with slashes wherever they stand."""

    regex = ".+"
    part_isolating = False


BLUEPRINTS = (
    leaderboard.bp,
    analysis.bp,
    api.bp,
    ingest.bp,
    account.bp,
    admin.bp,
    arrivals.bp,
    identities.bp,
    imports.bp,
    health.bp,
    assets.bp,
)
