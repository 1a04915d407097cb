"""Rate limits counted in PostgreSQL, so that they hold across all web workers.

`limits`, the library under Flask-Limiter, ships no PostgreSQL storage. Each hit
is one autocommitted statement on an unlogged table, outside the caller's
transaction: a request that is rolled back was still a request.
"""

import time

from limits.storage import Storage
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ticketdesk.extensions import db

SCHEME = "ticketdesk-postgresql"

_HIT = text(
    """
    INSERT INTO rate_limit AS window_ (key, hits, expires_at)
    VALUES (:key, :amount, now() + make_interval(secs => :seconds))
    ON CONFLICT (key) DO UPDATE SET
        hits = CASE WHEN window_.expires_at < now() THEN excluded.hits ELSE window_.hits + excluded.hits END,
        expires_at = CASE WHEN window_.expires_at < now() THEN excluded.expires_at ELSE window_.expires_at END
    RETURNING hits
    """
)
_HITS = text("SELECT hits FROM rate_limit WHERE key = :key AND expires_at > now()")
_EXPIRY = text("SELECT extract(epoch FROM expires_at) FROM rate_limit WHERE key = :key")
_CLEAR = text("DELETE FROM rate_limit WHERE key = :key")
_RESET = text("DELETE FROM rate_limit")


class PostgresStorage(Storage):
    """The storage that Flask-Limiter finds under ``ticketdesk-postgresql://``."""

    STORAGE_SCHEME = [SCHEME]

    @property
    def base_exceptions(self) -> type[Exception]:
        """What counts as the storage being out of order."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount`` hits in a window of ``expiry`` seconds and return the window's total."""
        with _connection() as connection:
            return int(connection.execute(_HIT, {"key": key[:255], "amount": amount, "seconds": expiry}).scalar_one())

    def get(self, key: str) -> int:
        """The hits in the current window."""
        with _connection() as connection:
            return connection.execute(_HITS, {"key": key[:255]}).scalar() or 0

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since the epoch."""
        with _connection() as connection:
            return float(connection.execute(_EXPIRY, {"key": key[:255]}).scalar() or time.time())

    def check(self) -> bool:
        """Whether the storage answers."""
        with _connection() as connection:
            return connection.execute(text("SELECT true")).scalar_one() is True

    def reset(self) -> int | None:
        """Forget all counts."""
        with _connection() as connection:
            return connection.execute(_RESET).rowcount

    def clear(self, key: str) -> None:
        """Forget one count."""
        with _connection() as connection:
            connection.execute(_CLEAR, {"key": key[:255]})


def _connection() -> Connection:
    # The engine belongs to the app at hand, while a limiter is shared by all apps of a process. `.engine`
    # makes it a connection of its own also where a test has put a connection into the engine's place.
    return db.engine.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
