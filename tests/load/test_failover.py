"""The primary is killed under load and its standby promoted: the desk follows, with all that was acknowledged."""

import time
from pathlib import Path

import psycopg
import pytest

from tests.load.pair import pair, url
from tests.load.serving import UNANSWERED, Crowd, flask, serving
from tests.processes.watch import until

pytestmark = pytest.mark.processes

WRITES_ARE_BACK_WITHIN = 15
"""Seconds after the primary is gone, in which its standby is promoted too."""


def test_a_failover_loses_no_acknowledged_ticket(tmp_path: Path) -> None:
    with pair(tmp_path) as (primary, standby):
        # The standby is named first, so whoever takes the first host that answers cannot write.
        desks = url(standby, primary, target_session_attrs="read-write")
        flask(desks, "db", "upgrade")
        with serving(desks, tmp_path) as desk, Crowd(desk) as crowd:
            crowd.await_more(50)
            primary.kill()
            # Of what each customer was just sending, an answer may still be on its way.
            killed, before = time.monotonic(), len(crowd.acknowledged) + len(crowd.customers)
            standby.promote()
            until(lambda: len(crowd.acknowledged) > before, seconds=WRITES_ARE_BACK_WITHIN)
            print(f"Writes were back {time.monotonic() - killed:.1f} s after the primary was gone.")
            crowd.await_more(50)
            flask(desks, "counters", "check")
            standby.ask(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
                " VALUES ('default', 'jobs.sweep', '{\"timestamp\": 0}')"
            )
            waiting = "SELECT count(*) FROM procrastinate_jobs WHERE status <> 'succeeded' AND task_name = 'jobs.sweep'"
            until(lambda: standby.ask(waiting) == 0)
        with psycopg.connect(standby.dsn) as connection:
            made = connection.execute("SELECT title, id FROM ticket").fetchall()

    assert crowd.statuses <= {201, 503, UNANSWERED}
    assert len(dict(made)) == len(made), "A key made two tickets."
    assert crowd.acknowledged.items() <= dict(made).items(), "An acknowledged ticket is lost."
