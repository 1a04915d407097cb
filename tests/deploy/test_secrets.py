"""What is secret in an installation: made once, kept, and read by the desk from files."""

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from config import ROOT, ConfigError, load


def make_secrets(folder: Path) -> dict[str, str]:
    """Run the program that makes the secrets and return what is in the folder after it."""
    subprocess.run([sys.executable, ROOT / "deploy/make_secrets.py", folder, getpass.getuser()], check=True)
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_every_installation_has_its_own_secrets(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    ours, theirs = make_secrets(one), make_secrets(other)

    assert set(ours) == {"secret_key", "postgres_password", "pgpass"}
    assert not set(ours.values()) & set(theirs.values())
    assert {len(ours["secret_key"]), len(ours["postgres_password"])} == {64}
    assert ours["pgpass"] == f"*:*:*:*:{ours['postgres_password']}\n"
    assert {path.stat().st_mode & 0o777 for path in one.iterdir()} == {0o600}


def test_secrets_are_kept_once_they_are_made(tmp_path: Path) -> None:
    assert make_secrets(tmp_path) == make_secrets(tmp_path)


def test_a_first_start_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    (tmp_path / "pgpass").unlink()
    (tmp_path / ".pgpass").write_text("half of")

    assert make_secrets(tmp_path) == made


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_desk_owns_what_it_reads_and_root_what_the_database_reads(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "deploy/make_secrets.py", tmp_path, "nobody"], check=True)

    owners = {path.name: path.owner() for path in tmp_path.iterdir()}
    assert owners == {"secret_key": "nobody", "pgpass": "nobody", "postgres_password": "root"}


def test_the_desk_starts_from_the_files(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    settings = load(
        {
            "DATABASE_URL": f"postgresql://ticketdesk@db/ticketdesk?passfile={tmp_path}/pgpass",
            "SECRET_KEY_FILE": f"{tmp_path}/secret_key",
        },
        env_file=None,
    )

    assert settings.secret_key == made["secret_key"]
    assert make_url(settings.database_url or "").query["passfile"] == f"{tmp_path}/pgpass"


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"])
def test_every_secret_may_stand_in_a_file_and_its_variable_wins(tmp_path: Path, name: str) -> None:
    filed, given = (f"postgresql+psycopg://{word}.example/{'x' * 32}" for word in ("filed", "given"))
    (tmp_path / "value").write_text(filed + "\n")
    environ = {"DATABASE_URL": "postgresql://db/desk", "SECRET_KEY": "k" * 32, f"{name}_FILE": f"{tmp_path}/value"}
    environ.pop(name, None)

    assert getattr(load(environ, env_file=None), name.lower()) == filed
    assert getattr(load(environ | {name: given}, env_file=None), name.lower()) == given


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "cannot be read"), (b"\xff\xfe", "cannot be read"), (b" \n", "is empty")]
)
def test_a_secret_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "gemini"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=f"GEMINI_API_KEY_FILE.*{sentence}"):
        load({"GEMINI_API_KEY_FILE": str(path), "TICKETDESK_DATA": str(tmp_path)}, env_file=None)
