"""A streaming standby: lists are read from it, and when the primary dies it takes its place."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import flask_migrate
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import FreshClient, csrf_header, opened, settings_for, signed_in
from tests.factories import make_token
from tests.load.pair import Server, pair, synchronize, url
from tests.load.serving import UNANSWERED, Crowd, do_a_job, flask, serving
from tests.processes.watch import until
from ticketdesk import create_app, replica
from ticketdesk.models import Role, Scope
from ticketdesk.tickets import queries, stats
from ticketdesk.tickets.filter import Filter

pytestmark = pytest.mark.processes

WRITES_ARE_BACK_WITHIN = 15
"""Seconds after the primary is gone, in which its standby is promoted too; on a busy machine as much longer as all
takes there."""
TICKET = {"title": "The zebra does not print", "description": "Stripes.", "category": "technical", "priority": "high"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """A primary that has the desk's schema, and its standby; the last test kills the primary."""
    with pair(tmp_path_factory.mktemp("pair")) as (primary, standby):
        with opened(create_app(settings_for(url(primary)))) as app, app.app_context():
            flask_migrate.upgrade()
        yield primary, standby


@contextmanager
def desks(servers: tuple[Server, Server], count: int, lag: str) -> Iterator[list[Flask]]:
    """So many web processes, as far as what they keep in memory goes, which read from the standby."""
    primary, standby = servers
    settings = settings_for(url(primary), DATABASE_READ_URL=url(standby), DATABASE_READ_LAG=lag)
    with ExitStack() as stack:
        apps = [stack.enter_context(opened(create_app(settings))) for _ in range(count)]
        for app in apps:
            app.test_client_class = FreshClient
        yield apps


def bearer(app: Flask) -> dict[str, str]:
    """The headers of a new program."""
    with app.app_context():
        return {"Authorization": f"Bearer {make_token(Scope.WRITE)}"}


@contextmanager
def standing_still(primary: Server, standby: Server) -> Iterator[None]:
    """Have the standby replay all that was written, and nothing more."""
    until(lambda: primary.ask("SELECT replay_lsn >= pg_current_wal_lsn() FROM pg_stat_replication"))
    standby.ask("SELECT pg_wal_replay_pause()")
    until(lambda: standby.ask("SELECT pg_get_wal_replay_pause_state()") == "paused")
    try:
        yield
    finally:
        standby.ask("SELECT pg_wal_replay_resume()")


def views(client: FlaskClient, headers: dict[str, str] | None = None) -> tuple[int, int, int]:
    """How many tickets the list, a search and the figures show."""
    listed = client.get("/api/tickets/", headers=headers).json
    found = client.get("/api/tickets/?search=zebra", headers=headers).json
    figures = client.get("/api/tickets/stats/", headers=headers).json
    assert isinstance(listed, list)
    assert isinstance(found, list)
    assert isinstance(figures, dict)
    return len(listed), len(found), figures["total_tickets"]


def counts(app: Flask, reader: str | None) -> tuple[list[int], int]:
    """How many tickets the side bar counts, and how many the chart of the dashboard has, for somebody who reads."""
    with app.app_context():
        token = replica.reader.set(reader)
        try:
            return queries.counts([Filter()], most=10), sum(stats.created_by_day(date(2026, 1, 1)).values())
        finally:
            replica.reader.reset(token)


def test_lists_come_from_the_standby_and_nobody_misses_what_they_wrote(servers: tuple[Server, Server]) -> None:
    primary, standby = servers
    with desks(servers, 2, lag="3600") as (here, there):
        writer, other = bearer(here), bearer(here)
        with here.app_context():
            agent = signed_in(here, Role.AGENT)
        for headers in (writer, other):
            assert views(there.test_client(), headers) == (0, 0, 0)
        with standing_still(primary, standby):
            assert here.test_client().post("/api/tickets/", json=TICKET, headers=writer).status_code == 201
            assert views(there.test_client(), writer) == (1, 1, 1), "One's own write is seen in every process."
            assert views(there.test_client(), other) == (0, 0, 0), "This was to come from the standby."
            assert counts(there, "somebody") == ([0], 0), "So was this."
            assert counts(there, None) == ([1], 1)

            elsewhere = there.test_client()
            cookie = agent.get_cookie("ticketdesk")
            assert cookie is not None
            elsewhere.set_cookie("ticketdesk", cookie.value)
            assert views(elsewhere) == (0, 0, 0)
            sent = agent.post("/api/tickets/", json=TICKET, headers=csrf_header(agent))
            assert sent.status_code == 201
            assert views(elsewhere) == (2, 2, 2), "Staff see what their session wrote."
            assert elsewhere.get("/staff/queue/").text.count("The zebra does not print") >= 2
        until(lambda: views(there.test_client(), other) == (2, 2, 2))


def test_a_standby_that_falls_behind_or_dies_is_left_until_it_is_back(servers: tuple[Server, Server]) -> None:
    primary, standby = servers
    readers = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ticketdesk'"
    with desks(servers, 1, lag="0.2") as (desk,):
        writer, other = bearer(desk), bearer(desk)
        client = desk.test_client()
        # On a busy machine it may be behind at first.
        until(lambda: views(client, other) and standby.ask(readers))
        before = views(client, other)[0]
        with standing_still(primary, standby):
            assert client.post("/api/tickets/", json=TICKET, headers=writer).status_code == 201
            until(lambda: views(client, other)[0] == before + 1)
        standby.kill()
        assert client.post("/api/tickets/", json=TICKET, headers=writer).status_code == 201
        assert views(client, other)[0] == before + 2
        standby.start()
        until(lambda: views(client, other)[0] == before + 2 and standby.ask(readers))


def test_a_failover_loses_no_acknowledged_ticket(servers: tuple[Server, Server], tmp_path: Path) -> None:
    primary, standby = servers
    synchronize(primary)
    # The standby is named first, so whoever takes the first host that answers cannot write.
    address = url(standby, primary, target_session_attrs="read-write")
    flask(address, "db", "upgrade")
    with serving(address, tmp_path) as desk, Crowd(desk) as crowd:
        began = time.monotonic()
        crowd.await_more()
        usual = time.monotonic() - began
        primary.kill()
        # Of what each customer was just sending, an answer may still be on its way.
        killed, before = time.monotonic(), len(crowd.acknowledged) + len(crowd.customers)
        standby.promote()
        until(lambda: len(crowd.acknowledged) > before, seconds=WRITES_ARE_BACK_WITHIN + 5 * usual)
        print(f"Writes were back {time.monotonic() - killed:.1f} s after the primary was gone.")
        crowd.await_more()
        do_a_job(standby.dsn)
    with psycopg.connect(standby.dsn) as connection:
        made = connection.execute("SELECT title, id FROM ticket WHERE title <> %s", [TICKET["title"]]).fetchall()

    assert crowd.statuses <= {201, 503, UNANSWERED}
    assert len(dict(made)) == len(made), "A key made two tickets."
    assert crowd.acknowledged.items() <= dict(made).items(), "An acknowledged ticket is lost."
