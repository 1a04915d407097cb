"""Running the operator's commands as a terminal does, save for the process."""

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

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
