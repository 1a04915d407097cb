"""Reads that may be a moment old, from a streaming replica, but never older than what their reader has written.

`DATABASE_READ_URL` names the replica. Lists, searches and figures are read from
it while it keeps up; else, and without one, from the database itself. Whoever
changes something has the end of the log at that moment written down beside their
name, in the database, because the next request may reach another process; from
then on the replica serves them once it has replayed the log up to there.
"""

import threading
import time
from contextvars import ContextVar
from typing import Any

import psycopg
import structlog
from flask import Flask, current_app
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from config import Settings
from ticketdesk import liveness, reading
from ticketdesk.extensions import connect_with_timeouts, db, engine_options
from ticketdesk.reading import Row, Statement

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
"""Seconds after which a process looks again whether the replica keeps up."""

reader: ContextVar[str | None] = ContextVar("reader", default=None)
"""Who only reads in the request at hand, as `note_write` knows them; None reads from the database."""

# Ends of the log are told as bytes since its beginning.
_NOTE = text(
    """
    INSERT INTO last_write (who, log_end, at) VALUES (:who, (pg_current_wal_insert_lsn() - '0/0')::bigint, now())
    ON CONFLICT (who) DO UPDATE SET log_end = excluded.log_end, at = excluded.at
    """
)
# A database that was restored from a backup counts its log anew, so what is older than any lag counts for nothing.
_NOTED = Statement(b"SELECT log_end FROM last_write WHERE who = %(who)s AND at > now() - interval '2 hours'", {}, False)
_END = Statement(b"SELECT (pg_current_wal_lsn() - '0/0')::bigint", {}, False)
_HAS = Statement(b"SELECT pg_last_wal_replay_lsn() - '0/0' >= %(log_end)s", {}, False)
# A replica that has nothing left to replay is not behind, however long ago the last transaction was.
_BEHIND = Statement(
    b"""
    SELECT CASE WHEN pg_last_wal_replay_lsn() - '0/0' >= %(log_end)s THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float
    WHERE pg_is_in_recovery()
    """,
    {},
    False,
)

_FAILURES = (OperationalError, PoolTimeoutError, psycopg.OperationalError)


class Away(Exception):
    """The replica cannot serve this read now; the database can."""


class Replica:
    """The replica, as one process of the desk sees it."""

    def __init__(self, app: Flask, settings: Settings, url: str) -> None:
        # Where all of its connections are taken, the database is asked rather than waiting for one.
        self._engine = create_engine(url, **engine_options(settings.database_pool) | {"pool_timeout": 0.5})
        connect_with_timeouts(self._engine, app)
        liveness.watch(self._engine)
        self._most_behind = settings.database_read_lag
        self._looking = threading.Lock()
        self._look_again = 0.0
        self._keeps_up = False

    def rows(self, statement: Statement, values: dict[str, Any], who: str) -> list[Row]:
        """What `reading.rows` returns, as the replica has it.

        Raises:
            Away: the replica is down, too far behind, or has not replayed yet what ``who`` has written.
        """
        if not self._is_usable():
            raise Away
        noted = reading.rows(_NOTED, who=who)
        try:
            return self._read(statement, values, after=noted[0][0] if noted else None)
        except _FAILURES as error:
            cause = getattr(error, "orig", error)
            if isinstance(cause, psycopg.errors.QueryCanceled):
                raise  # What takes too long here would take the database as long.
            # All of its connections may be taken, or what was read be cleared away by what it replays: both pass.
            if not isinstance(cause, PoolTimeoutError | psycopg.errors.SerializationFailure):
                self._take(False, reason=str(cause))
            raise Away from error

    def _is_usable(self) -> bool:
        """Whether the replica kept up when it was last looked at; one thread looks, the others go by what is known."""
        if time.monotonic() >= self._look_again and self._looking.acquire(blocking=False):
            try:
                self._take(self._look())
                self._look_again = time.monotonic() + LOOK_EVERY
            finally:
                self._looking.release()
        return self._keeps_up

    def _look(self) -> bool:
        [(end,)] = reading.rows(_END)
        try:
            behind = self._read(_BEHIND, {"log_end": end})
        except _FAILURES:
            return False
        # One that was promoted is no replica any more, and one that has replayed nothing yet says nothing.
        return bool(behind) and behind[0][0] is not None and behind[0][0] <= self._most_behind

    def _read(self, statement: Statement, values: dict[str, Any], after: int | None = None) -> list[Row]:
        borrowed = self._engine.raw_connection()
        driver: psycopg.Connection[Row] = borrowed.driver_connection  # type: ignore[assignment]
        try:
            driver.autocommit = True
            if after is not None and reading.fetch(driver, _HAS, {"log_end": after}) != [(True,)]:
                raise Away
            return reading.fetch(driver, statement, {**statement.values, **values})
        finally:
            if driver.closed:
                borrowed.invalidate()
            borrowed.close()

    def _take(self, usable: bool, reason: str = "down or too far behind") -> None:
        """Read from the replica from now on, or no more."""
        if self._keeps_up and not usable:
            log.warning("replica_left", reason=reason)
            self._engine.dispose()
        elif usable and not self._keeps_up:
            log.info("replica_taken")
        self._keeps_up = usable


def install(app: Flask, settings: Settings) -> None:
    """Have the app read from a replica, if the settings name one."""
    url = settings.database_read_url
    app.extensions["replica"] = Replica(app, settings, url) if url is not None else None


def rows(statement: Statement, **values: Any) -> list[Row]:
    """What `reading.rows` returns, but it may be a moment old; for lists, searches and figures.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot answer.
    """
    replica: Replica | None = current_app.extensions["replica"]
    who = reader.get()
    if replica is not None and who is not None:
        try:
            return replica.rows(statement, values, who)
        except Away:
            pass
    return reading.rows(statement, **values)


def note_write(who: str) -> None:
    """Write down how far the replica has to be before it may serve ``who`` again; call it after their commit."""
    if current_app.extensions["replica"] is None:
        return
    try:
        with db.engine.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(_NOTE, {"who": who})
    except SQLAlchemyError as error:
        # What they changed is committed, and is told so; the replica may show it to them some milliseconds later.
        log.warning("write_not_noted", reason=str(getattr(error, "orig", error)))
