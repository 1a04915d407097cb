"""Listening to what an app really sends to PostgreSQL, whichever way it goes to the driver."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Sent:
    """One statement as a cursor got it.

    ``alone`` where it was its own transaction, and ``prepared`` where it may be planned once for all values.
    """

    sql: str
    values: Any
    alone: bool
    prepared: bool


@contextmanager
def listening(engine: sa.Engine) -> Iterator[list[Sent]]:
    """The statements that the engine's connections send from here on, in their order."""
    heard: list[Sent] = []

    class Listening(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> "Listening":
            sql = query.decode() if isinstance(query, bytes) else query
            heard.append(Sent(sql, params or None, self.connection.autocommit, options.get("prepare") is not False))
            return super().execute(query, params, **options)

    def listen(connection: psycopg.Connection[Any], *_: object) -> None:
        connection.cursor_factory = Listening

    def stop(connection: psycopg.Connection[Any], *_: object) -> None:
        connection.cursor_factory = psycopg.Cursor

    sa.event.listen(engine, "checkout", listen)
    sa.event.listen(engine, "checkin", stop)
    try:
        yield heard
    finally:
        sa.event.remove(engine, "checkout", listen)
        sa.event.remove(engine, "checkin", stop)
