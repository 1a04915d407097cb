"""What a request is told when the database cannot serve it now: 503, when to come again, and never a traceback."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from psycopg.errors import DeadlockDetected, IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from sqlalchemy.exc import InternalError
from werkzeug.test import TestResponse

from tests.conftest import FreshClient, opened, settings_for
from tests.factories import make_ticket, make_token
from ticketdesk import create_app
from ticketdesk.core.errors import NotFound
from ticketdesk.extensions import Timeouts, db
from ticketdesk.models import Scope
from ticketdesk.tickets import queries
from ticketdesk.tickets.pages import Page

TICKET = {"title": "The export stops", "description": "It ends after 200 rows.", "category": "technical"}
ALL = {"priority": "low"}


@pytest.fixture
def desk(committed_url: str) -> Iterator[Flask]:
    """A desk that does not wait long for what others hold, with two connections."""
    settings = settings_for(committed_url, DATABASE_POOL="1", DATABASE_LOCK_TIMEOUT="0.1")
    with opened(create_app(settings)) as app:
        app.test_client_class = FreshClient
        yield app


@pytest.fixture
def token(desk: Flask) -> dict[str, str]:
    with desk.app_context():
        return {"Authorization": f"Bearer {make_token(Scope.WRITE)}"}


@pytest.fixture
def others(committed_url: str) -> Iterator[sa.Connection]:
    """Somebody else's session of the same database."""
    engine = sa.create_engine(committed_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def is_told_to_come_again(answer: TestResponse) -> str:
    """The sentence that a program was told."""
    assert answer.status_code == 503, answer.text
    assert answer.mimetype == "application/problem+json"
    assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert answer.json is not None
    return str(answer.json["detail"])


def test_a_connection_has_the_time_outs_of_the_settings(desk: Flask) -> None:
    with desk.app_context():
        shown = [
            db.session.scalar(sa.text(f"SHOW {name}"))
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert shown == ["5min", "100ms", "1h"]


def test_the_database_urls_own_options_win(committed_url: str) -> None:
    url = f"{committed_url}&options=-c%20statement_timeout%3D7s"
    with opened(create_app(settings_for(url))) as app, app.app_context():
        assert db.session.scalar(sa.text("SHOW statement_timeout")) == "7s"
        assert db.session.scalar(sa.text("SHOW lock_timeout")) == "1min"


def test_a_ticket_that_somebody_else_holds(desk: Flask, token: dict[str, str], others: sa.Connection) -> None:
    with desk.app_context():
        ticket_id = make_ticket().id
    others.execute(sa.text("SELECT FROM ticket WHERE id = :id FOR UPDATE"), {"id": ticket_id})
    client = desk.test_client()

    said = is_told_to_come_again(client.patch(f"/api/tickets/{ticket_id}/", json=ALL, headers=token))
    assert said == "Others are changing the same right now; try again in a moment."
    others.rollback()
    assert client.patch(f"/api/tickets/{ticket_id}/", json=ALL, headers=token).status_code == 200


def test_a_statement_that_takes_too_long(desk: Flask, token: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        # This statement alone has little time: on a busy machine any other could need as much.
        db.session.execute(sa.text("SET LOCAL statement_timeout = '50ms'"))
        db.session.execute(sa.text("SELECT pg_sleep(30)"))

    client = desk.test_client()
    with monkeypatch.context() as patched:
        patched.setattr(queries, "page", slow)
        said = is_told_to_come_again(client.get("/api/tickets/", headers=token))
    assert said.startswith("This took longer than the desk allows")
    assert client.get("/api/tickets/", headers=token).status_code == 200


def test_more_requests_than_connections(desk: Flask, token: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with desk.app_context():
        monkeypatch.setattr(db.engine.pool, "_timeout", 0.05)
    taken, release = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with desk.app_context():
            db.session.execute(sa.text("SELECT 1"))
            taken.release()
            release.wait(30)

    holders = [threading.Thread(target=hold) for _ in range(3)]
    for holder in holders:
        holder.start()
        taken.acquire()
    client = desk.test_client()
    try:
        said = is_told_to_come_again(client.get("/api/tickets/stats/", headers=token))
    finally:
        release.set()
        for holder in holders:
            holder.join()
    assert said == "The desk is busy with other requests; try again in a moment."
    assert client.get("/api/tickets/stats/", headers=token).status_code == 200


def killed(others: sa.Connection) -> None:
    """End every session but this one, as a restart does."""
    others.execute(
        sa.text(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )
    others.rollback()


@pytest.mark.parametrize("status", [404, 200])
def test_a_connection_that_dies_under_a_request(
    desk: Flask, token: dict[str, str], others: sa.Connection, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Whether the view is refused something afterwards or answers, the session can be closed."""

    def dies(*_: object, **__: object) -> Page:
        db.session.execute(sa.text("SELECT 1"))
        killed(others)
        if status == 404:
            raise NotFound("There is no such thing.")
        return Page([], None)

    client = desk.test_client()
    with monkeypatch.context() as patched:
        patched.setattr(queries, "page", dies)
        assert client.get("/api/tickets/", headers=token).status_code == status
    assert client.get("/api/tickets/", headers=token).status_code == 200


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (IdleInTransactionSessionTimeout("terminating connection"), 503),
        (ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"), 503),
        (DeadlockDetected("deadlock detected"), 503),
        (AssertionError("a fault of ours"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_passes_by_itself_and_what_does_not(
    desk: Flask, token: dict[str, str], monkeypatch: pytest.MonkeyPatch, cause: Exception, status: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InternalError("INSERT …", {}, cause)

    monkeypatch.setattr(queries, "page", fail)
    answer = desk.test_client().get("/api/tickets/", headers=token)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert str(cause) not in answer.text


@pytest.fixture
def cut_off() -> Iterator[FlaskClient]:
    """Somebody who is signed in at a desk that has no database any more."""
    with opened(create_app(settings_for("postgresql://nobody@127.0.0.1:1/none", RATELIMIT_ENABLED="on"))) as app:
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = "1:a-session-key"
        yield client


@pytest.mark.parametrize("path", ["/staff/", "/staff/queue/", "/staff/tickets/1001", "/t/" + "0" * 32])
def test_a_person_is_told_kindly_while_there_is_no_database(cut_off: FlaskClient, path: str) -> None:
    answer = cut_off.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.mimetype == "text/html"
    assert "We will be right back" in answer.text
    assert '<meta http-equiv="refresh" content="5">' in answer.text


@pytest.mark.parametrize("path", ["/api/tickets/", "/api/tickets/stats/", "/readyz"])
def test_a_program_is_told_in_json_while_there_is_no_database(cut_off: FlaskClient, path: str) -> None:
    assert is_told_to_come_again(cut_off.get(path)).startswith("The desk cannot reach its database")


def test_time_outs_are_written_in_milliseconds() -> None:
    assert Timeouts(statement=0.5, lock=2, idle=60).as_options("postgresql://desk") == (
        "-c statement_timeout=500 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=60000"
    )
