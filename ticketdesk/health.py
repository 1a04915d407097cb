"""Whether the process is alive and whether it can serve, for balancers and operators."""

import orjson
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app

from ticketdesk.core.errors import Unavailable
from ticketdesk.extensions import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers; says nothing about the database."""
    return Response(orjson.dumps({"status": "alive"}), mimetype="application/json")


@blueprint.get("/readyz")
def ready() -> Response:
    """The database can be reached and has the schema that this code was written for."""
    wanted, found = wanted_revision(), database_revision()
    if found != wanted:
        raise Unavailable(f"The database is at revision {found or 'none'} and needs {wanted}; run “flask db upgrade”.")
    return Response(orjson.dumps({"status": "ready", "revision": found}), mimetype="application/json")


def wanted_revision() -> str | None:
    """The newest migration that this code knows."""
    return ScriptDirectory(current_app.extensions["migrate"].directory).get_current_head()


def database_revision() -> str | None:
    """The migration that the database is at."""
    return MigrationContext.configure(db.session.connection()).get_current_revision()
