"""`flask doctor` on what is around the database: addresses, secrets, files, the AI engine, mail."""

import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from config import Settings, load
from tests.cli.examining import Examined, Findings, execute
from tests.conftest import opened, rolled_back, settings_for
from tests.factories import make_ticket
from tests.fakes.gemini import FakeGemini
from tests.fakes.smtp import FakeMailServer
from ticketdesk import create_app


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
