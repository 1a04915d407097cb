"""`flask doctor`: a desk in each of its states, and what is said of it."""

import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from config import Settings, load
from tests.conftest import opened, rolled_back, settings_for
from tests.factories import make_staff, make_ticket
from tests.fakes.gemini import FakeGemini
from tests.fakes.smtp import FakeMailServer
from ticketdesk import create_app, doctor, embedded
from ticketdesk.core import clock
from ticketdesk.extensions import db
from ticketdesk.models import Role

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
Findings = dict[str, tuple[str, str]]


class Examined:
    """What `flask doctor` printed, by topic; where a topic has several lines, the last."""

    def __init__(self, app: Flask, *args: str) -> None:
        result = app.test_cli_runner().invoke(args=["doctor", *args])
        self.exit_code, self.output = result.exit_code, result.output
        self.findings: Findings = {}
        for line in result.output.splitlines():
            level, topic, sentence = line.split(maxsplit=2)
            self.findings[topic] = level, sentence

    def levels(self) -> dict[str, str]:
        return {topic: level for topic, (level, _) in self.findings.items()}


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """An app that rolls back, with a data folder of its own."""
    tmp_path.chmod(0o700)
    settings = settings_for(database_url, TICKETDESK_DATA=str(tmp_path), PUBLIC_URL="http://127.0.0.1:8000")
    with opened(create_app(settings)) as app, rolled_back(app):
        yield app


def execute(statement: str) -> None:
    db.session.execute(sa.text(statement))
    db.session.commit()


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


@pytest.fixture
def examine(tmp_path: Path) -> Callable[..., Findings]:
    """Examines a desk without a database under given settings."""

    def with_settings(**environ: str) -> Findings:
        with opened(create_app(settings_for(NOWHERE, **{"TICKETDESK_DATA": str(tmp_path)} | environ))) as app:
            return Examined(app).findings

    return with_settings


@pytest.mark.parametrize(
    ("host", "public_url", "proxies", "level", "said"),
    [
        ("127.0.0.1", "http://localhost:8000", "0", "ok", "this machine alone"),
        ("::1", "http://[::1]:8000", "0", "ok", "this machine alone"),
        ("0.0.0.0", "http://localhost:3000", "1", "warn", "set PUBLIC_URL"),
        ("192.0.2.7", "http://127.0.0.1:8000", "0", "warn", "set PUBLIC_URL"),
        ("127.0.0.1", "http://support.example.com", "1", "warn", "not encrypted"),
        ("127.0.0.1", "https://support.example.com", "0", "warn", "TRUSTED_PROXIES is 0"),
        ("127.0.0.1", "https://support.example.com", "1", "ok", "encrypted"),
    ],
)
def test_addresses(
    examine: Callable[..., Findings], host: str, public_url: str, proxies: str, level: str, said: str
) -> None:
    found, sentence = examine(HOST=host, PUBLIC_URL=public_url, TRUSTED_PROXIES=proxies)["address"]
    assert (found, said in sentence) == (level, True), sentence


@pytest.mark.parametrize(("mode", "level"), [(0o600, "ok"), (0o640, "fail"), (0o604, "fail")])
def test_a_kept_secret(tmp_path: Path, mode: int, level: str) -> None:
    settings = load({"TICKETDESK_DATA": str(tmp_path)}, env_file=None)
    (tmp_path / "secret_key").chmod(mode)
    with opened(create_app(settings)) as app:
        found, sentence = Examined(app).findings["secret"]
    assert found == level
    assert settings.secret_key not in sentence
    assert (f"chmod 600 {tmp_path}/secret_key" in sentence) == (level == "fail")


def test_a_secret_from_the_environment(examine: Callable[..., Findings]) -> None:
    key = secrets.token_hex(32)
    assert examine(SECRET_KEY=key)["secret"] == ("ok", "From SECRET_KEY, 64 characters (32 are needed).")


@pytest.mark.parametrize(("mode", "level"), [(0o700, "ok"), (0o750, "warn"), (0o755, "warn")])
def test_a_data_folder(examine: Callable[..., Findings], tmp_path: Path, mode: int, level: str) -> None:
    tmp_path.chmod(mode)
    assert examine()["data"][0] == level


def test_files_that_cannot_be_kept(examine: Callable[..., Findings], tmp_path: Path) -> None:
    (tmp_path / "attachments").touch()
    level, sentence = examine()["files"]
    assert level == "fail"
    assert "Not a directory" in sentence
    assert "TICKETDESK_DATA" in sentence


def test_a_bucket(examine: Callable[..., Findings]) -> None:
    level, sentence = examine(S3_BUCKET="desk", S3_ENDPOINT="http://127.0.0.1:1")["files"]
    assert (level, sentence) == (
        "ok",
        "Kept in bucket 'desk' on http://127.0.0.1:1; `flask doctor --ask` tries it.",
    )


def test_no_data_folder(examine: Callable[..., Findings], tmp_path: Path) -> None:
    findings = examine(TICKETDESK_DATA=str(tmp_path / "none"))
    assert findings["data"][0] == "ok"
    assert "disk" not in findings


@pytest.mark.parametrize(("free", "level"), [(5_000_000_000, "ok"), (900_000_000, "warn"), (50_000_000, "fail")])
def test_free_room(examine: Callable[..., Findings], monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    found, sentence = examine()["disk"]
    assert (found, f"{free / 1e9:.1f} GB" in sentence) == (level, True)


# The AI engine.

KEY = "a-key-that-nobody-may-read"


@pytest.fixture
def gemini() -> Iterator[FakeGemini]:
    with FakeGemini() as fake:
        yield fake


def with_gemini(url: str, gemini: FakeGemini, **environ: str) -> Settings:
    return settings_for(url, GEMINI_API_KEY=KEY, GEMINI_ENDPOINT=gemini.url, AI_TIMEOUT="10", **environ)


def test_the_engine_is_named_and_not_asked(database_url: str, gemini: FakeGemini) -> None:
    with opened(create_app(with_gemini(database_url, gemini))) as app, rolled_back(app):
        level, sentence = Examined(app).findings["AI"]
    assert level == "ok"
    assert "gemini" in sentence
    assert "with a key" in sentence
    assert KEY not in sentence
    assert gemini.requests == []


def test_the_local_engine_points_to_the_key(desk: Flask) -> None:
    assert "Set GEMINI_API_KEY" in Examined(desk).findings["AI"][1]


@pytest.mark.parametrize(
    ("mode", "fallback", "level", "said"),
    [
        ("ok", "on", "ok", "gemini (gemini-3.5-flash-lite) says "),
        ("403", "on", "warn", "The local engine answered instead."),
        ("403", "off", "fail", "GEMINI_API_KEY"),
    ],
)
def test_the_engine_is_asked(
    committed_url: str, gemini: FakeGemini, mode: str, fallback: str, level: str, said: str
) -> None:
    gemini.mode = mode
    with opened(create_app(with_gemini(committed_url, gemini, AI_FALLBACK=fallback))) as app:
        examined, _again = Examined(app, "--ask"), Examined(app, "--ask")
    found, sentence = examined.findings["AI"]
    assert (found, said in sentence) == (level, True), sentence
    assert KEY not in examined.output
    assert logging.getLogger("ticketdesk.ai").isEnabledFor(logging.WARNING), "The log speaks again afterwards."
    assert len(gemini.requests) == 2, "An answer that was kept from the last time says nothing of today."


def test_the_local_engine_is_asked(desk: Flask) -> None:
    level, sentence = Examined(desk, "--ask").findings["AI"]
    assert level == "ok"
    assert sentence.startswith("local (")


def test_colours_are_for_terminals_alone(desk: Flask) -> None:
    assert "\x1b" not in Examined(desk).output
    on_a_terminal = desk.test_cli_runner().invoke(args=["doctor"], color=True).output
    assert "\x1b[31mfail\x1b[0m" in on_a_terminal
    assert os.linesep in on_a_terminal


MAIL = {"MAIL_FROM": "support@example.com", "MAIL_TIMEOUT": "20"}


@pytest.mark.parametrize(
    ("given", "level", "said"),
    [
        ({"PUBLIC_URL": "http://127.0.0.1:8000"}, "ok", "kept in the console's outbox"),
        ({"PUBLIC_URL": "https://desk.example.com"}, "warn", "reach nobody"),
        (
            MAIL | {"MAIL_URL": "smtps://mail.example.com"},
            "ok",
            "from support@example.com through mail.example.com:465",
        ),
        (MAIL | {"MAIL_URL": "smtp://mail.example.com?starttls"}, "ok", "mail.example.com:587"),
        (MAIL | {"MAIL_URL": "smtp://mail.example.com"}, "warn", "without encryption"),
        (MAIL | {"MAIL_URL": "smtp://127.0.0.1:2525"}, "ok", "127.0.0.1:2525"),
    ],
    ids=str,
)
def test_mail(database_url: str, given: dict[str, str], level: str, said: str) -> None:
    with opened(create_app(settings_for(database_url, **given))) as app, rolled_back(app):
        found, sentence = Examined(app).findings["mail"]
        assert (found, said in sentence) == (level, True), sentence


def test_the_mail_server_is_asked(database_url: str) -> None:
    with FakeMailServer() as server:
        given = MAIL | {"MAIL_URL": f"smtp://127.0.0.1:{server.port}", "AI_ENGINE": "local"}
        with opened(create_app(settings_for(database_url, **given))) as app, rolled_back(app):
            assert "and it answers" in Examined(app, "--ask").findings["mail"][1]
    with opened(create_app(settings_for(database_url, **given))) as app, rolled_back(app):
        examined = Examined(app, "--ask")
        level, sentence = examined.findings["mail"]
        assert (level, examined.exit_code) == ("fail", 1)
        assert sentence == "127.0.0.1 cannot be used: Connection refused. Check MAIL_URL."


def test_mails_that_did_not_go_out(desk: Flask) -> None:
    make_ticket()
    assert "outbox" not in Examined(desk).findings
    execute("UPDATE outgoing_mail SET state = 'failed'")
    assert Examined(desk).findings["outbox"] == ("warn", "1 mail could not be sent; see the outbox in the console.")
