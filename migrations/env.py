"""Runs the migrations online, on the app's own engine.

Each migration has its own transaction and gives up soon where it cannot have a
lock, so that a migration which waits never makes the whole desk wait behind it.
It is then tried again, as long as a busy desk may take to leave a gap.
"""

import time
from typing import Any

from alembic import context
from alembic.util import CommandError
from flask import current_app
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

# One number for all: two processes that migrate at once go one after the other.
MIGRATION_LOCK = 7_402_116_001
ATTEMPTS = 20
PAUSE = 1.0
"""Seconds in which those who waited behind a migration may go on before it is tried again."""


def is_ours(obj: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Leave the job queue's own tables to its own schema."""
    table = name if kind == "table" else getattr(getattr(obj, "table", None), "name", None)
    return not (table or "").startswith("procrastinate_")


def connect(engine: Engine) -> Connection:
    """A connection, or one sentence about why there is none."""
    try:
        return engine.connect()
    except OperationalError as error:
        raise CommandError(f"The database cannot be reached: {str(error.orig).splitlines()[0]}") from None


def run() -> None:
    """Bring the database to the wanted revision."""
    migrate = current_app.extensions["migrate"]
    with connect(migrate.db.engine) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("SET lock_timeout = '3s'"))
        connection.execute(text("SET statement_timeout = '15min'"))
        connection.commit()
        try:
            for attempts_left in reversed(range(ATTEMPTS)):
                context.configure(
                    connection=connection,
                    target_metadata=migrate.db.metadata,
                    include_object=is_ours,
                    transaction_per_migration=True,
                    compare_server_default=False,
                    **migrate.configure_args,
                )
                try:
                    with context.begin_transaction():
                        context.run_migrations()
                    break
                except OperationalError as error:
                    if not attempts_left or not isinstance(error.orig, DeadlockDetected | LockNotAvailable):
                        raise
                # Those before it are done and noted, so it begins with the one that could not have its lock.
                connection.rollback()
                time.sleep(PAUSE)
        finally:
            # A session-level lock outlives a rollback, and the pool would keep the session.
            connection.invalidate()


if context.is_offline_mode():
    raise SystemExit("Migrations run on a live database only; leave out --sql.")
run()
