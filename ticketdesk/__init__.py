"""The application: configuration, extensions, doors. No query, migration or network call happens here."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Settings, load
from ticketdesk import (
    cli,
    cli_ai,
    embedded,
    error_handlers,
    events,
    filters,
    gate,
    health,
    liveness,
    reactions,
    replica,
    statics,
)
from ticketdesk.accounts import limits
from ticketdesk.ai.suggest import Suggester
from ticketdesk.api import views as api
from ticketdesk.attachments.policy import Limits
from ticketdesk.attachments.storage import storage_from
from ticketdesk.core import logs
from ticketdesk.extensions import Timeouts, connect_with_timeouts, csrf, db, engine_options, limiter, login
from ticketdesk.portal import views as portal
from ticketdesk.staff import console

ROOT = Path(__file__).resolve().parent.parent
REQUEST_MAX = 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """Build the app.

    Raises:
        config.ConfigError: a setting is missing or wrong.
    """
    settings = settings or load()
    logs.configure(settings.log_format)
    app = Flask(__name__)
    app.config.from_mapping(_flask_config(settings))
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.extensions["suggester"] = Suggester.from_settings(settings, lambda: _database(app))
    app.extensions["attachments"] = storage_from(settings)
    events.follow(reactions.REACTIONS, reactions.TOGETHER)

    db.init_app(app)
    connect_with_timeouts(_database(app), app)
    liveness.watch(_database(app))
    replica.install(app, settings)
    _migrate_later(app)
    # Before what reads a request's form, so that nobody sends files to where they may not.
    gate.install(app)
    csrf.init_app(app)
    login.init_app(app, add_context_processor=False)
    limiter.init_app(app)
    # All limits stand on views, which look to them; looking before each request too finds none, and takes a list 5 %.
    app.before_request_funcs[None].remove(limiter._check_request_limit)

    error_handlers.install(app)
    filters.install(app)
    statics.install(app)
    csrf.exempt(api.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(portal.blueprint)
    app.register_blueprint(api.blueprint)
    console.install(app)
    cli.install(app)
    cli_ai.install(app)
    return app


def _migrate_later(app: Flask) -> None:
    """Have Flask-Migrate made when it is asked for: with Alembic it is 7 MB that only who migrates needs."""

    def made(among: Any, name: str) -> Any:
        from flask_migrate import Migrate

        Migrate(app, db, directory=str(ROOT / "migrations"), render_as_batch=False)  # It takes both places.
        return among[name]

    app.extensions["migrate"] = LocalProxy(lambda: made(app.extensions, "migrate"))
    app.cli.commands["db"] = LocalProxy(lambda: made(app.cli.commands, "db"))  # type: ignore[assignment]


def _database(app: Flask) -> Engine:
    """The app's engine, also for threads that serve no request. Tests put a connection into its place."""
    with app.app_context():
        return db.engine.engine


def _flask_config(settings: Settings) -> dict[str, Any]:
    return {
        "SETTINGS": settings,
        "DESK_NAME": settings.desk_name,
        "PUBLIC_URL": settings.public_url,
        "SECRET_KEY": settings.secret_key,
        "MAX_CONTENT_LENGTH": REQUEST_MAX,
        "MAX_FORM_MEMORY_SIZE": REQUEST_MAX,
        "SESSION_COOKIE_NAME": "ticketdesk",
        "SESSION_COOKIE_SECURE": settings.https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=14),
        # A form that stayed open over lunch is sent all the same: the token lives as long as the session.
        "WTF_CSRF_TIME_LIMIT": None,
        "SQLALCHEMY_DATABASE_URI": settings.database_url or embedded.socket_url(settings.data_dir, "ticketdesk"),
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_pool),
        "DATABASE_TIMEOUTS": Timeouts(
            statement=settings.database_statement_timeout,
            lock=settings.database_lock_timeout,
            idle=settings.database_idle_timeout,
        ),
        "SEARCH_LANGUAGE": settings.search_language,
        "RATE_LIMITS": settings.ratelimit_enabled,
        "RATELIMIT_STORAGE_URI": settings.ratelimit_storage or f"{limits.SCHEME}://",
        "RATELIMIT_CREATE": settings.ratelimit_create,
        "RATELIMIT_REPLY": settings.ratelimit_reply,
        "RATELIMIT_FIND": settings.ratelimit_find,
        "RATELIMIT_CLASSIFY": settings.ratelimit_classify,
        "RATELIMIT_UPLOAD": settings.ratelimit_upload,
        "ATTACHMENT_LIMITS": Limits(settings.attachment_files, settings.attachment_size, settings.attachment_total),
    }
