"""HTTP only: parse, ask, respond."""

from werkzeug.routing import PathConverter

from views import account, analysis, api, assets, health, ingest, leaderboard


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
    health.bp,
    assets.bp,
)
