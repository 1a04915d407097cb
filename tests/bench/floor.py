"""What a request's SQL costs by itself: the same statements on the same data, sent by pgbench."""

import functools
import itertools
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from flask import Flask

from tests.bench.desk import Desk
from tests.bench.scenarios import Requests
from tests.conftest import settings_for
from tests.statements import Sent, listening
from ticketdesk import create_app
from ticketdesk.embedded import _binaries
from ticketdesk.extensions import db

SAMPLE = 10


def milliseconds(desk: Desk, requests: Requests) -> float | None:
    """The mean latency of a request's statements at one connection, or None for a server whose database is not ours.

    They are what an app in this process was heard to send for the first few requests, values written out, each
    transaction with its BEGIN and COMMIT, and each statement that the app sends alone without.
    """
    if desk.dsn is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        scripts, prepared = [], True
        for number, sent_together in enumerate(heard(desk, requests)):
            script = Path(folder, f"{number}.sql")
            script.write_text(_script(desk.dsn, sent_together))
            scripts += ["-f", str(script)]
            prepared = prepared and all(sent.prepared for sent in sent_together)
        if not scripts:
            return 0.0
        mode = "prepared" if prepared else "extended"
        command = [str(_binaries() / "pgbench"), "-n", "-M", mode, "-c", "1", "-T", "1", *scripts, desk.dsn]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"latency average = ([\d.]+) ms", run.stdout)
    if run.returncode or found is None:
        raise SystemExit(f"bench: pgbench failed:\n{run.stderr}")
    return float(found[1])


def _script(dsn: str, statements: list[Sent]) -> str:
    """The statements as pgbench reads them."""
    lines = []
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection:
        writer = psycopg.ClientCursor(connection)
        for alone, together in itertools.groupby(statements, key=lambda sent: sent.alone):
            texts = (writer.mogrify(sent.sql.encode(), sent.values) for sent in together)
            # To pgbench a colon and a word, as in JSON, is a variable of its own.
            tidy = [re.sub(r"(?<!:):(?=[A-Za-z_])", ": ", " ".join(text.split())) for text in texts]
            lines += tidy if alone else ["BEGIN", *tidy, "COMMIT"]
    return "".join(f"{line};\n" for line in lines)


def heard(desk: Desk, requests: Requests) -> Iterator[list[Sent]]:
    """What is sent for each of the first few requests."""
    app = _app(desk.dsn or "")
    with app.app_context():
        engine = db.engine
    headers = {"Cookie": requests.cookie} if requests.cookie else {"Authorization": f"Bearer {desk.token}"}
    client = app.test_client(use_cookies=False)
    # The first use of a token in a while is written down, which is not what is measured.
    client.get("/api/tickets/?limit=1", headers=headers)
    for number, path in enumerate(requests.paths[:SAMPLE]):
        if requests.again:
            headers["If-None-Match"] = client.get(path, headers=headers).headers["ETag"]
        body = requests.bodies[number % len(requests.bodies)] if requests.bodies else None
        with listening(engine) as sent:
            client.open(path, method=requests.method, data=body, headers=headers, content_type="application/json")
        if sent:
            yield sent


@functools.cache
def _app(dsn: str) -> Flask:
    """An app on the database."""
    return create_app(settings_for(f"postgresql://{_as_url(dsn)}"))


def _as_url(dsn: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    return f"{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
