"""Running the operator's commands as a terminal does, save for the process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.cli.examining import NOWHERE, Examined, Findings
from tests.conftest import opened, rolled_back, settings_for
from ticketdesk import create_app

Run = Callable[..., Result]


def refusal(result: Result) -> str:
    """The one sentence with which a command refused; nothing else may have been said."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


@pytest.fixture
def run(app: Flask) -> Run:
    """Runs a command on the app that rolls back."""
    runner = app.test_cli_runner()

    def invoke(*args: str, input: str | None = None) -> Result:
        return runner.invoke(args=args, input=input)

    return invoke


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """An app that rolls back, with a data folder of its own."""
    tmp_path.chmod(0o700)
    settings = settings_for(database_url, TICKETDESK_DATA=str(tmp_path), PUBLIC_URL="http://127.0.0.1:8000")
    with opened(create_app(settings)) as app, rolled_back(app):
        yield app


@pytest.fixture
def examine(tmp_path: Path) -> Callable[..., Findings]:
    """Examines a desk without a database under given settings."""

    def with_settings(**environ: str) -> Findings:
        with opened(create_app(settings_for(NOWHERE, **{"TICKETDESK_DATA": str(tmp_path)} | environ))) as app:
            return Examined(app).findings

    return with_settings
