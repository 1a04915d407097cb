"""`flask doctor`: a desk whose database is in each of its states, and what is said of it."""

import os
import secrets
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from config import load
from tests.cli.examining import NOWHERE, Examined, execute
from tests.conftest import opened, settings_for
from tests.factories import make_staff
from ticketdesk import create_app, doctor, embedded
from ticketdesk.core import clock
from ticketdesk.extensions import db
from ticketdesk.models import Role


def start_worker(seconds_ago: int = 3) -> None:
    """Leave the mark of a worker that reported so many seconds ago."""
    execute(
        "INSERT INTO procrastinate_workers (last_heartbeat)"
        f" VALUES (clock_timestamp() - interval '{seconds_ago} seconds')"
    )


def add_job(status: str, *, seconds_ago: int, scheduled_in: int | None = None) -> None:
    """A job that was enqueued so many seconds ago, perhaps for a time of its own."""
    scheduled = "NULL" if scheduled_in is None else f"now() + interval '{scheduled_in} seconds'"
    execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at)"
        f" VALUES ('default', 'tickets.classify', '{status}', {scheduled})"
    )
    execute(f"UPDATE procrastinate_events SET at = now() - interval '{seconds_ago} seconds'")


def test_a_desk_that_is_fine(desk: Flask) -> None:
    make_staff(Role.ADMIN)
    start_worker()
    examined = Examined(desk)
    assert set(examined.levels().values()) == {"ok"}, examined.output
    assert list(examined.findings) == [
        *("settings", "database", "schema", "staff", "worker", "jobs"),
        *("search", "clock", "mail", "AI", "address", "secret", "data", "disk", "files"),
    ]
    assert examined.exit_code == 0


def test_a_fresh_desk_lacks_its_people_and_its_worker(desk: Flask) -> None:
    examined = Examined(desk)
    assert examined.findings["staff"][0] == "warn"
    assert "flask setup-link" in examined.findings["staff"][1]
    assert examined.findings["worker"][0] == "fail"
    assert "flask worker" in examined.findings["worker"][1]
    assert examined.exit_code == 1


def test_a_desk_whose_admins_are_all_switched_off(desk: Flask) -> None:
    make_staff(Role.AGENT)
    make_staff(Role.ADMIN).active = False
    db.session.commit()
    assert Examined(desk).findings["staff"][0] == "fail"


def test_a_worker_that_died(desk: Flask) -> None:
    start_worker(seconds_ago=300)
    level, sentence = Examined(desk).findings["worker"]
    assert level == "fail"
    assert "None has reported for 5 minutes" in sentence


@pytest.mark.parametrize(
    ("job", "level", "said"),
    [
        ({"status": "failed", "seconds_ago": 60}, "warn", "1 failed for good"),
        ({"status": "todo", "seconds_ago": 7200}, "warn", "1 waiting for more than 5 minutes, the longest for 2 hours"),
        ({"status": "todo", "seconds_ago": 60}, "ok", "None failed"),
        ({"status": "todo", "seconds_ago": 7200, "scheduled_in": 90}, "ok", "None failed"),
        ({"status": "todo", "seconds_ago": 7200, "scheduled_in": -400}, "warn", "1 waiting"),
        ({"status": "succeeded", "seconds_ago": 7200}, "ok", "None failed"),
    ],
    ids=str,
)
def test_jobs(desk: Flask, job: dict[str, object], level: str, said: str) -> None:
    add_job(**job)  # type: ignore[arg-type]
    found, sentence = Examined(desk).findings["jobs"]
    assert (found, said in sentence) == (level, True), sentence


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", "At revision 0001, behind"),
        ("UPDATE alembic_version SET version_num = 'f00d'", "made by a newer ticketdesk"),
        ("DELETE FROM alembic_version", "There is none yet"),
        ("DROP TABLE alembic_version", "There is none yet"),
    ],
)
def test_a_schema_of_another_version(desk: Flask, statement: str, said: str) -> None:
    execute(statement)
    examined = Examined(desk)
    level, sentence = examined.findings["schema"]
    assert level == "fail"
    assert said in sentence
    assert "worker" not in examined.findings, "What stands in tables is not looked for in a schema that is not ours."
    assert examined.exit_code == 1


def test_a_table_that_may_not_be_read(desk: Flask) -> None:
    execute("ALTER TABLE procrastinate_workers RENAME TO gone")
    examined = Examined(desk)
    assert examined.findings["database"][0] == "fail"
    assert "procrastinate_workers" in examined.findings["database"][1]
    assert "disk" in examined.findings, "The rest is looked at all the same."


def test_no_database(tmp_path: Path) -> None:
    with opened(create_app(settings_for(NOWHERE, TICKETDESK_DATA=str(tmp_path)))) as app:
        examined = Examined(app)
    level, sentence = examined.findings["database"]
    assert level == "fail"
    assert sentence.startswith("It cannot be reached: ")
    assert "Connection refused; check DATABASE_URL" in sentence
    assert "Traceback" not in examined.output
    assert list(examined.findings) == [
        "settings",
        "database",
        "mail",
        "AI",
        "address",
        "secret",
        "data",
        "disk",
        "files",
    ]
    assert examined.exit_code == 1


def test_an_embedded_database_that_does_not_run(tmp_path: Path) -> None:
    with opened(create_app(load({"TICKETDESK_DATA": str(tmp_path)}, env_file=None))) as app:
        level, sentence = Examined(app).findings["database"]
    assert level == "fail"
    assert "start it with `./run up`" in sentence


def test_a_database_in_another_encoding(cluster: embedded.Cluster) -> None:
    name = f"ascii_{secrets.token_hex(4)}"
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'".encode()
        )
        try:
            with opened(create_app(settings_for(cluster.url(name)))) as app:
                level, sentence = Examined(app).findings["database"]
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    assert level == "fail"
    assert "SQL_ASCII, but must be UTF8" in sentence


@pytest.mark.parametrize(("versions", "level"), [(range(98, 99), "fail"), (range(10, 12), "warn")])
def test_a_postgresql_of_another_version(
    desk: Flask, monkeypatch: pytest.MonkeyPatch, versions: range, level: str
) -> None:
    monkeypatch.setattr(doctor, "POSTGRESQL_VERSIONS", versions)
    assert Examined(desk).findings["database"][0] == level


def test_clocks_that_differ(desk: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(minutes=5))
    level, sentence = Examined(desk).findings["clock"]
    assert level == "warn"
    assert "5 minutes apart" in sentence


def test_colours_are_for_terminals_alone(desk: Flask) -> None:
    assert "\x1b" not in Examined(desk).output
    on_a_terminal = desk.test_cli_runner().invoke(args=["doctor"], color=True).output
    assert "\x1b[31mfail\x1b[0m" in on_a_terminal
    assert os.linesep in on_a_terminal
