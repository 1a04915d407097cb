"""The short way to the database: which connection it takes, what it does when that one is dead, and who writes when."""

from contextlib import ExitStack

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.conftest import opened, settings_for
from tests.factories import make_ticket
from tests.statements import listening
from ticketdesk import create_app, reading
from ticketdesk.extensions import db
from ticketdesk.models import Ticket

PID = reading.compiled(sa.select(sa.func.pg_backend_pid()))


def test_it_reads_what_the_transaction_at_hand_wrote(app: Flask) -> None:
    ticket = make_ticket()
    ticket.title = "Changed, and not yet flushed"
    title = reading.compiled(sa.select(Ticket.title).where(Ticket.id == sa.bindparam("id", None)))
    assert reading.rows(title, id=ticket.id) == [("Changed, and not yet flushed",)]


def test_a_request_never_holds_two_connections(plain_app: Flask) -> None:
    with plain_app.app_context():
        mine = db.session.scalar(sa.text("SELECT pg_backend_pid()"))
        assert reading.rows(PID) == [(mine,)]
        assert db.engine.pool.checkedout() == 1  # type: ignore[attr-defined]


def test_without_a_transaction_it_sends_the_statement_alone(plain_app: Flask) -> None:
    with plain_app.app_context(), listening(db.engine) as heard:
        reading.rows(PID)
        assert [(sent.sql, sent.alone) for sent in heard] == [(PID.sql.decode(), True)]
        assert db.session.scalar(sa.text("SHOW transaction_isolation"))
        assert not heard[-1].alone, "The connection went back as it had been."


def test_a_connection_that_dies_meanwhile_is_replaced_once(committed_url: str) -> None:
    with opened(create_app(settings_for(committed_url))) as app, app.app_context():
        [(pid,)] = reading.rows(PID)
        killing = psycopg.connect(committed_url.replace("+psycopg", ""), autocommit=True)
        deaths = [1]

        @sa.event.listens_for(db.engine, "checkout")
        def kill(connection: psycopg.Connection[object], *_: object) -> None:
            if deaths[0]:
                deaths[0] -= 1
                killing.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])

        with killing:
            [(fresh,)] = reading.rows(PID)
            assert fresh != pid
            deaths[0] = 2
            with pytest.raises(OperationalError, match="terminat"):
                reading.rows(PID)
            assert reading.rows(PID)


def test_a_statement_over_its_time_is_told_and_leaves_a_usable_connection(plain_app: Flask) -> None:
    with plain_app.app_context():
        # So that all three are read on the same connection.
        db.engine.dispose()
        [(pid,)] = reading.rows(PID)
        reading.rows(reading.compiled(sa.select(sa.func.set_config("statement_timeout", "300", False))))
        with pytest.raises(OperationalError, match="statement timeout"):
            reading.rows(reading.compiled(sa.select(sa.func.pg_sleep(5))))
        assert reading.rows(PID) == [(pid,)]
        db.engine.dispose()


def prepared(statement: reading.Statement) -> bool:
    """Whether the connection at hand has the statement prepared."""
    found = sa.text("SELECT count(*) FROM pg_prepared_statements WHERE statement = :sql")
    return bool(db.session.scalar(found, {"sql": statement.sql.decode()}))


def test_a_page_that_only_read_leaves_the_statements_prepared(plain_app: Flask) -> None:
    with plain_app.app_context():
        db.engine.dispose()
        for _ in range(8):
            reading.rows(PID)
        assert prepared(PID)
        db.session.rollback()
        assert prepared(PID)


def test_after_an_error_they_are_prepared_anew(plain_app: Flask) -> None:
    with plain_app.app_context():
        db.engine.dispose()
        for _ in range(8):
            reading.rows(PID)
        with pytest.raises(sa.exc.DBAPIError):
            db.session.execute(sa.text("SELECT 1 / 0"))
        db.session.rollback()
        assert not prepared(PID)
        db.session.rollback()
        db.engine.dispose()


def turns_left() -> int:
    """How many more may write now."""
    taken = 0
    while reading._turns.acquire(blocking=False):
        taken += 1
    for _ in range(taken):
        reading._turns.release()
    return taken


def test_two_write_at_once_and_another_when_one_of_them_is_done(plain_app: Flask) -> None:
    with plain_app.app_context():
        reading.written(PID)
        reading.written(PID)
        assert turns_left() == 1
        with plain_app.app_context():
            reading.written(PID)
            assert turns_left() == 0
        assert turns_left() == 1
        db.session.rollback()
        assert turns_left() == 2


def test_who_has_waited_long_enough_writes_without_a_turn(plain_app: Flask) -> None:
    with plain_app.app_context(), ExitStack() as others:
        for _ in range(2):
            others.enter_context(plain_app.app_context())
            reading.written(PID)
        with plain_app.app_context():
            assert reading.written(PID)
        assert turns_left() == 0


def test_a_turn_is_passed_on_where_the_database_is_away() -> None:
    app = create_app(settings_for("postgresql+psycopg://nobody@127.0.0.1:1/desk"))
    with app.app_context():
        with pytest.raises(OperationalError):
            reading.written(PID)
        assert turns_left() == 1
    assert turns_left() == 2
