"""Web workers and the database are killed and restarted under load: nothing acknowledged is lost or done twice."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import psutil
import psycopg
import pytest

from tests.conftest import opened, settings_for
from tests.load.serving import UNANSWERED, Crowd, Desk, do_a_job, serving
from tests.processes.watch import PATIENCE, running_in, until
from ticketdesk import create_app, embedded

pytestmark = pytest.mark.processes

SERVING_AGAIN_WITHIN = 5
"""Seconds after the database takes connections again, and on a busy machine as much longer as all takes there."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[embedded.Cluster]:
    """A PostgreSQL that keeps what it acknowledged, and is started again when it ends."""
    cluster = embedded.hold(tmp_path / "var")
    yield cluster
    cluster.release()
    until(lambda: not running_in(tmp_path / "var"))


@pytest.fixture
def desk(cluster: embedded.Cluster, tmp_path: Path) -> Iterator[Desk]:
    with opened(create_app(settings_for(cluster.url()))) as app, app.app_context():
        flask_migrate.upgrade()
    with serving(cluster.url(), tmp_path) as desk:
        yield desk


def end_postgres(folder: Path, how: signal.Signals) -> None:
    """Send PostgreSQL a signal and wait until it has ended; its owner starts it again."""
    pid = int((folder / "var" / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, how)
    until(lambda: not psutil.pid_exists(pid))


def takes_connections(dsn: str) -> bool:
    """Whether one can connect to the database."""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(dsn):
        return True
    return False


def test_no_acknowledged_ticket_is_lost_and_none_is_made_twice(
    cluster: embedded.Cluster, desk: Desk, tmp_path: Path
) -> None:
    worker_pid = desk.worker.pid
    with Crowd(desk) as crowd:
        began = time.monotonic()
        crowd.await_more()
        usual = time.monotonic() - began
        killed = desk.web_workers()[0]
        killed.kill()
        crowd.await_more()
        for how in (signal.SIGKILL, signal.SIGINT):
            end_postgres(tmp_path, how)
            until(lambda: takes_connections(cluster.dsn()))
            crowd.await_more(len(crowd.customers), seconds=SERVING_AGAIN_WITHIN + 5 * usual)
            crowd.await_more()
        do_a_job(cluster.dsn())

    assert crowd.statuses <= {201, 503, UNANSWERED}, "A customer saw something else than success or “come again”."
    assert 503 in crowd.statuses
    with psycopg.connect(cluster.dsn()) as connection:
        made = connection.execute("SELECT title, id FROM ticket").fetchall()
    assert len(dict(made)) == len(made), "A key made two tickets."
    assert crowd.acknowledged.items() <= dict(made).items()
    assert "unexpected_error" not in desk.log.read_text()

    assert (desk.worker.pid, desk.worker.poll()) == (worker_pid, None), "The worker waited for its database."
    cluster.release()
    until(lambda: not running_in(tmp_path / "var"))
    desk.worker.terminate()
    assert desk.worker.wait(PATIENCE) == 0, "It can be stopped without one, too."
