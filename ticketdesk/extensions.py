"""The extensions, made here without an app and bound to one in `create_app`, and how the database is reached."""

import ipaddress
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, request
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import URL, Engine, MetaData, event, make_url
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of all models; its naming convention lets migrations name every constraint."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def client_address() -> str:
    """Where the request comes from, for counting; an IPv6 customer holds a whole /64 and counts as one."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a session of the database may take over things, in seconds, so that a bad one costs itself alone."""

    statement: float
    """One statement."""
    lock: float
    """A statement's wait for a lock of others."""
    idle: float
    """A transaction that does nothing."""

    def as_options(self, url: str | URL) -> str:
        """The same as the database takes it with a new connection; what the URL itself sets stands last, and wins."""
        given = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle,
        }
        ours = [f"-c {name}={round(seconds * 1000)}" for name, seconds in given.items()]
        return " ".join([*ours, str(make_url(url).query.get("options", ""))]).rstrip()


# A server that was switched off or cut from the net sends nothing, not even a refusal: it is given up after so long.
PATIENCE = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""Parameters of libpq with which every connection of a running desk is made; seconds, and milliseconds the last."""


def engine_options(pool: int) -> dict[str, Any]:
    """The options of an engine whose connections serve requests."""
    return {
        "pool_size": pool,
        "max_overflow": 2,
        # Who came back last is taken first, because what the server's process has in its caches is then still warm.
        "pool_use_lifo": True,
        "pool_timeout": 5,
        "connect_args": {**PATIENCE, "application_name": "ticketdesk"},
    }


class KeepingStatements(Connection[Any]):
    """A connection that is as fast after a rollback as before.

    Psycopg has the server forget all prepared statements then, because those that use what the transaction has made
    would fail. Requests make rows and no tables, and each page that reads in a transaction ends in a rollback.
    """

    def rollback(self) -> None:
        """End the transaction without its changes; after an error statements may be why, and are forgotten.

        Raises:
            psycopg.Error: the server cannot do it.
        """
        if self.pgconn.transaction_status != TransactionStatus.INTRANS:
            super().rollback()
            return
        with self.lock:
            result = self.pgconn.exec_(b"ROLLBACK")
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)


def connect_with_timeouts(engine: Engine, app: Flask) -> None:
    """Give each new connection the time-outs that the app's config then has as ``DATABASE_TIMEOUTS``.

    They are looked up late because a process finds out late that it is the worker.
    """

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> KeepingStatements:
        timeouts: Timeouts = app.config["DATABASE_TIMEOUTS"]
        return KeepingStatements.connect(*arguments, **parameters | {"options": timeouts.as_options(engine.url)})


def conninfo(url: str) -> str:
    """What libpq calls the database at an SQLAlchemy URL; several hosts stay several."""
    parsed = make_url(url)
    _, parameters = parsed.get_dialect()().create_connect_args(parsed)
    return make_conninfo(**parameters)


db = SQLAlchemy(metadata=Base.metadata)
csrf = CSRFProtect()
login = LoginManager()
limiter = Limiter(client_address)


@limiter.request_filter
def limits_are_off() -> bool:
    """Asked for each request, because the extension's own switch is one for all apps of a process."""
    return not current_app.config["RATE_LIMITS"]
