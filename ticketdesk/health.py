"""Whether the process is alive and whether it can serve, for balancers and operators."""

import re
from functools import cache
from pathlib import Path

import orjson
from flask import Blueprint, Response
from sqlalchemy import text

from ticketdesk.core.errors import Unavailable
from ticketdesk.extensions import db

blueprint = Blueprint("health", __name__)

# Alembic would tell the same, but it is as large as all that a web process serves, and only migrating needs it.
_VERSIONS = Path(__file__).resolve().parent.parent / "migrations" / "versions"
_STEP = re.compile(r'^(?P<before>down_)?revision = "(?P<name>\w+)"', re.MULTILINE)


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


@cache
def known_revisions() -> tuple[str, ...]:
    """The migrations that this code knows, each before the one that follows it."""
    follows: dict[str | None, str] = {}
    for path in _VERSIONS.glob("*.py"):
        words = {step["before"]: step["name"] for step in _STEP.finditer(path.read_text(encoding="utf-8"))}
        follows[words.get("down_")] = words[None]
    chain = [follows[None]]
    while chain[-1] in follows:
        chain.append(follows[chain[-1]])
    return tuple(chain)


def wanted_revision() -> str:
    """The newest of them, which the database should be at."""
    return known_revisions()[-1]


def database_revision() -> str | None:
    """The migration that the database is at."""
    if db.session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = db.session.scalar(text("SELECT version_num FROM alembic_version"))
    return found
