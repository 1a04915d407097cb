"""What a request's SQL costs by itself: the same statements on the same data, sent by pgbench."""

import functools
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.bench.desk import Desk
from tests.bench.scenarios import Requests
from tests.conftest import settings_for
from ticketdesk import create_app
from ticketdesk.embedded import _binaries
from ticketdesk.extensions import db

SAMPLE = 10


def milliseconds(desk: Desk, requests: Requests) -> float | None:
    """The mean latency of a request's statements at one connection, or None where a request needs a session."""
    if desk.dsn is None or requests.cookie:
        return None
    with tempfile.TemporaryDirectory() as folder:
        command = [str(_binaries() / "pgbench"), "-n", "-M", "prepared", "-c", "1", "-T", "1"]
        for number, statements in enumerate(_statements(desk, requests)):
            script = Path(folder, f"{number}.sql")
            # To pgbench a colon and a word, as in JSON, is a variable of its own.
            lines = (re.sub(r"(?<!:):(?=[A-Za-z_])", ": ", " ".join(line.split())) for line in statements)
            script.write_text("BEGIN;\n" + "".join(f"{line};\n" for line in lines) + "COMMIT;\n")
            command += ["-f", str(script)]
        if "-f" not in command:
            return 0.0
        run = subprocess.run([*command, desk.dsn], capture_output=True, text=True, check=False)
    found = re.search(r"latency average = ([\d.]+) ms", run.stdout)
    if run.returncode or found is None:
        raise SystemExit(f"bench: pgbench failed:\n{run.stderr}")
    return float(found[1])


def _statements(desk: Desk, requests: Requests) -> Iterator[list[str]]:
    """The statements of the first few requests, with their values written out."""
    client, heard = _listening(desk.dsn or "")
    headers = {"Authorization": f"Bearer {desk.token}"}
    # The first use of a token in a while is written down, which is not what is measured.
    client.get("/api/tickets/?limit=1", headers=headers)
    for number, path in enumerate(requests.paths[:SAMPLE]):
        heard.clear()
        body = requests.bodies[number % len(requests.bodies)] if requests.bodies else None
        client.open(path, method=requests.method, data=body, headers=headers, content_type="application/json")
        if heard:
            yield list(heard)


@functools.cache
def _listening(dsn: str) -> tuple[FlaskClient, list[str]]:
    """A client of an app on the database, and where its statements are heard."""
    app = create_app(settings_for(f"postgresql://{_as_url(dsn)}"))
    writer = psycopg.ClientCursor(psycopg.connect(dsn, autocommit=True))
    heard: list[str] = []
    with app.app_context():
        engine = db.engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        heard.append(writer.mogrify(statement, parameters or None))

    return app.test_client(), heard


def _as_url(dsn: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    return f"{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
