"""What becomes of pooled connections that the server has ended, or that it has something to say on."""

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from tests.conftest import opened, settings_for
from tests.statements import listening
from ticketdesk import create_app
from ticketdesk.extensions import db


@pytest.fixture
def engine(committed_url: str) -> Iterator[sa.Engine]:
    with opened(create_app(settings_for(committed_url))) as app, app.app_context():
        yield db.engine


@pytest.fixture
def admin(committed_url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(committed_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def pids(engine: sa.Engine, count: int) -> list[int]:
    """The server processes of so many connections that are used at once."""
    connections = [engine.connect() for _ in range(count)]
    found = [connection.scalar(sa.text("SELECT pg_backend_pid()")) for connection in connections]
    for connection in connections:
        connection.close()
    return [int(pid or 0) for pid in found]


def test_connections_that_the_server_ended_are_replaced_unnoticed(
    engine: sa.Engine, admin: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    before = pids(engine, 3)
    for pid in before:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    after = pids(engine, 3)
    assert len({*before, *after}) == 6
    assert sorted(pids(engine, 3)) == sorted(after)


def test_a_connection_with_a_message_on_it_is_kept(
    engine: sa.Engine, admin: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("LISTEN something"))
    before = pids(engine, 1)
    admin.execute("NOTIFY something")
    assert pids(engine, 1) == before


def test_a_living_connection_is_not_asked(engine: sa.Engine) -> None:
    with listening(engine) as heard:
        pids(engine, 1)
        pids(engine, 1)
    assert [sent.sql for sent in heard] == ["SELECT pg_backend_pid()"] * 2
