"""Whether a pooled connection still lives, found out by a look and not by asking.

A server that ends a connection says so, and so does the kernel of one that was
killed: there is something to read on a connection that should be silent. A look
takes microseconds where a round trip (`pool_pre_ping`) takes a tenth of a list.
A machine that is cut from the net says nothing; what a request sends to it times
out, as a ping would.
"""

import select
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError


def watch(engine: Engine) -> None:
    """Look at each connection that the engine's pool gives out, and have the dead ones replaced."""

    @event.listens_for(engine, "checkout")
    def look(connection: Any, *_: object) -> None:
        if not connection.closed and not _has_something_to_say(connection):
            return
        # It may be a notice, so now it is asked.
        try:
            alive = engine.dialect.do_ping(connection)
        except psycopg.Error:
            alive = False
        if not alive:
            raise DisconnectionError("The server has ended this connection.")


def _has_something_to_say(connection: Any) -> bool:
    watched = select.poll()
    watched.register(connection.fileno(), select.POLLIN)
    return bool(watched.poll(0))
