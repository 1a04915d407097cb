"""What every command says when it cannot do its work: one sentence, and exit status 1."""

import subprocess
import sys

import pytest
from flask import Flask

from config import ROOT
from tests.cli.conftest import refusal
from tests.conftest import SECRET_KEY, opened, settings_for
from ticketdesk import create_app
from ticketdesk.commands import Command

NOWHERE = "postgresql://nobody:a-secret-word@127.0.0.1:1/none"
COMMANDS = [
    ["demo"],
    ["setup-link"],
    ["worker"],
    ["search", "rebuild"],
    ["token", "create", "x"],
    ["token", "list"],
    ["token", "revoke", "1"],
    ["staff", "list"],
    ["staff", "reset-password", "a@example.com", "--password-stdin"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_database(command: list[str]) -> None:
    with opened(create_app(settings_for(NOWHERE))) as app:
        said = refusal(app.test_cli_runner().invoke(args=command, input="a few new words"))
    assert said.startswith("The database cannot be used: ")
    assert "a-secret-word" not in said


def test_every_command_is_of_the_kind_that_says_so(app: Flask) -> None:
    ours = [entry for name, entry in app.cli.commands.items() if name != "db"]  # Flask-Migrate's is its own.
    commands = [command for entry in ours for command in getattr(entry, "commands", {"": entry}).values()]
    assert len(commands) >= len(COMMANDS)
    assert [command.name for command in commands if not isinstance(command, Command)] == []


def test_as_a_process_it_is_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "demo"],
        cwd=ROOT,
        env={"DATABASE_URL": NOWHERE, "SECRET_KEY": SECRET_KEY, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: The database cannot be used: ")
    assert len(done.stderr.splitlines()) == 1
