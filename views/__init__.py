"""HTTP only: parse, ask, respond."""

from views import account, analysis, api, assets, health, ingest, leaderboard

BLUEPRINTS = (
    leaderboard.bp,
    analysis.bp,
    api.bp,
    ingest.bp,
    account.bp,
    health.bp,
    assets.bp,
)
