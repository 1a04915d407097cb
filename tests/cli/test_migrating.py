"""`flask db`, which is there for who migrates and costs nobody else anything."""

import subprocess
import sys

from tests.conftest import ROOT, settings_for
from ticketdesk import create_app


def test_the_command_is_there(database_url: str) -> None:
    run = create_app(settings_for(database_url)).test_cli_runner()
    assert "Perform database migrations." in run.invoke(args=["--help"]).output
    assert "upgrade" in run.invoke(args=["db", "--help"]).output
    assert run.invoke(args=["db", "heads"]).exit_code == 0


def test_a_web_process_does_not_load_what_migrates(database_url: str) -> None:
    code = f"""
import sys
from config import load
from ticketdesk import create_app

create_app(load({{"DATABASE_URL": {database_url!r}, "SECRET_KEY": "x" * 40}}, env_file=None))
assert not any(name.startswith(("alembic", "flask_migrate")) for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
