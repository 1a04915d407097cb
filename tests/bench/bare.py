"""The least that a request's SQL costs in Flask: its statements by psycopg, their rows as JSON, and nothing else.

There is no token, no check of what was asked, no pool, no template and no header. What the desk takes beside this is
its own; what this takes beside the floor is the price of Flask, gunicorn and psycopg.
"""

import contextlib
import functools
import itertools
import os
import pickle
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import orjson
import psycopg
from flask import Flask, Response

from tests.bench import floor, wrk
from tests.bench.desk import Desk
from tests.bench.scenarios import Requests
from tests.conftest import SECRET_KEY
from tests.processes.watch import GUNICORN, free_port, listens, until
from tests.statements import Sent

_mine = threading.local()

app = Flask(__name__)
# The configuration of gunicorn is the desk's, which has its engines made ready.
app.extensions["suggester"] = SimpleNamespace(warm=lambda: None)


@app.get("/<int:number>")
def answer(number: int) -> Response:
    """What the statements of the next of these requests return."""
    rows = []
    for alone, together in itertools.groupby(next(_turns(number)), key=lambda sent: sent.alone):
        with contextlib.nullcontext() if alone else _connection().transaction():
            for sent in together:
                with _connection().cursor(binary=True) as cursor:
                    cursor.execute(sent.sql.encode(), sent.values, prepare=None if sent.prepared else False)
                    rows.append(cursor.fetchall() if cursor.description else [])
    return Response(orjson.dumps(rows, default=str), mimetype="application/json")


@functools.cache
def _turns(number: int) -> Iterator[list[Sent]]:
    requests: list[list[Sent]] = pickle.loads(Path(os.environ["BENCH_BARE"], str(number)).read_bytes())
    return itertools.cycle(requests or [[]])


def _connection() -> "psycopg.Connection[tuple[object, ...]]":
    if not hasattr(_mine, "connection"):
        _mine.connection = psycopg.connect(os.environ["BENCH_DSN"], autocommit=True)
    connection: psycopg.Connection[tuple[object, ...]] = _mine.connection
    return connection


@contextlib.contextmanager
def served(desk: Desk) -> Iterator[Callable[[Requests, float], float]]:
    """Measure such views: the p50 in milliseconds at one connection, of requests in so many seconds."""
    port, numbers = free_port(), itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "BENCH_BARE": folder,
            "BENCH_DSN": desk.dsn or "",
            "DATABASE_URL": "postgresql://unused@/unused",
            "SECRET_KEY": SECRET_KEY,
            "HOST": "127.0.0.1",
            "PORT": str(port),
        }
        server = subprocess.Popen([*GUNICORN, "tests.bench.bare:app"], env=environment)
        bare = replace(desk, url=f"http://127.0.0.1:{port}")

        def alone(requests: Requests, seconds: float) -> float:
            number = next(numbers)
            Path(folder, str(number)).write_bytes(pickle.dumps([*floor.heard(desk, requests)]))
            return wrk.drive(bare, Requests([f"/{number}"]), connections=1, seconds=seconds).p50

        try:
            until(lambda: server.poll() is not None or listens(port), seconds=60)
            yield alone
        finally:
            server.terminate()
            server.wait(30)
