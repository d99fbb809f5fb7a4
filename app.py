"""create_app(): settings, database, extensions, blueprints and commands, put together."""

from pathlib import Path

from flask import Flask
from flask_compress import Compress
from jinja2 import StrictUndefined
from peewee import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from playhouse.pool import MaxConnectionsExceeded

import models
from usage import cli, warm
from usage.settings import Settings
from views import (
    BLUEPRINTS,
    Username,
    assets,
    done,
    format,
    forms,
    fresh,
    guards,
    health,
    id_prefix,
    proxies,
    responses,
)

ROOT = Path(__file__).parent


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; without settings, they are read from the environment."""
    app = Flask(__name__, static_folder=None)
    settings = settings or Settings.from_env(instance=ROOT / "instance")
    app.extensions["settings"] = settings
    app.json.sort_keys = False
    app.config.update(COMPRESS_ALGORITHM=["br", "gzip"], COMPRESS_MIN_SIZE=400)
    # Higher levels take twice as long and save one byte in a hundred.
    app.config.update(COMPRESS_BR_LEVEL=5, COMPRESS_LEVEL=7)
    # Views answer 304 themselves, before anything is rendered: see views/fresh.py.
    app.config.update(COMPRESS_EVALUATE_CONDITIONAL_REQUEST=False)
    # Enough for any form; views that take usage or uploads raise it.
    app.config["MAX_CONTENT_LENGTH"] = 256 * 1024
    app.extensions["compress"] = Compress(app)
    _use_database(app, settings)
    warm.store.most_rows = settings.warm_rows
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    health.register(app)
    app.jinja_env.add_extension(format.Unindented)
    for part in (format, fresh, id_prefix, assets, guards, responses, done, forms):
        part.register(app)
    for error in (OperationalError, InterfaceError, MaxConnectionsExceeded):
        app.register_error_handler(error, responses.unavailable)
    app.register_error_handler(ProgrammingError, responses.unmigrated)
    for error in (DataError, OverflowError):
        app.register_error_handler(error, responses.unstorable)
    app.register_error_handler(IntegrityError, responses.taken)
    app.url_map.merge_slashes = False
    app.url_map.converters["username"] = Username
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.wsgi_app = proxies.under_prefix(app)
    cli.register(app.cli, settings, ROOT / "migrations")
    return app


def _use_database(app: Flask, settings: Settings) -> None:
    """Connect to the database of the settings; a request gives its connection back at its end."""
    url = settings.database_url
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        file = ROOT / url.removeprefix("sqlite:///")
        file.parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{file}"
    models.db.initialize(models.connect(url))

    @app.teardown_request
    def give_back(_error):
        if not models.db.is_closed():
            models.db.close()
