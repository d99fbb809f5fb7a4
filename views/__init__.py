"""HTTP only: parse, ask, respond."""

from werkzeug.routing import PathConverter

from views import (
    account,
    admin,
    analysis,
    api,
    arrivals,
    assets,
    audit,
    budgets,
    embed,
    exports,
    grants,
    health,
    identities,
    imports,
    ingest,
    keys,
    leaderboard,
    notices,
    oidc,
    overview,
    people,
    prices,
    projects,
    rates,
    saved_views,
    webhooks,
)


class Username(PathConverter):
    """Any name at all in an address, with slashes wherever they stand."""

    regex = ".+"
    part_isolating = False


BLUEPRINTS = (
    leaderboard.bp,
    analysis.bp,
    overview.bp,
    exports.bp,
    saved_views.bp,
    budgets.bp,
    notices.bp,
    api.bp,
    ingest.bp,
    account.bp,
    oidc.bp,
    admin.bp,
    arrivals.bp,
    identities.bp,
    imports.bp,
    people.bp,
    projects.bp,
    rates.bp,
    prices.bp,
    keys.bp,
    webhooks.bp,
    audit.bp,
    embed.bp,
    grants.bp,
    health.bp,
    assets.bp,
)
