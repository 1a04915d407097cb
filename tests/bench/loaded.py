"""What reads take while others write at full rate and while the AI's provider hangs, against what they take quietly."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from config import ROOT
from tests.bench import wrk
from tests.bench.desk import Desk
from tests.bench.progress import Progress
from tests.bench.scenarios import SCENARIOS
from tests.conftest import SECRET_KEY
from tests.fakes.openai import FakeOpenAI
from tests.processes.watch import GUNICORN, free_port, listens, until
from ticketdesk.ai.remote import CALLS_MAX

READS = ("list, first page", "filtered, open and high", "search, common word")
# How many times their quiet p99 reads may take.
WHILE_WRITING, WHILE_HANGING = 3.0, 2.0
WEB_WORKERS = 2
WARM_UP = 1.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """The p99 of one kind of read in ms; ``writes`` is what was written meanwhile, in requests a second."""

    name: str
    quiet: float
    loaded: float
    allowed: float
    writes: float | None = None


def measure(desk: Desk, seconds: float, progress: Progress) -> list[Loaded]:
    """Measure the reads of one desk, each quietly and loaded in turn."""
    named = {scenario.name: scenario for scenario in SCENARIOS}
    found = []
    for name in READS:
        progress.say(f"{name}, while others write", stage=True)
        requests = named[name].make(desk)
        quiet = _p99(desk, requests, seconds)
        writing: list[wrk.Result] = []
        writes = named["create"].make(desk)

        def write(writes: Any = writes, writing: list[wrk.Result] = writing) -> None:
            writing.append(wrk.drive(desk, writes, connections=wrk.CONNECTIONS, seconds=seconds + 2 * WARM_UP))

        writer = threading.Thread(target=write)
        writer.start()
        loaded = _p99(desk, requests, seconds)
        writer.join()
        found.append(Loaded(name, quiet, loaded, WHILE_WRITING, writing[0].a_second))
    progress.say("reads, while the AI's provider hangs", stage=True)
    with FakeOpenAI("hang") as provider, _served(desk, f"{provider.url}/v1") as slow:
        requests = named[READS[0]].make(slow)
        quiet = _p99(slow, requests, seconds)
        with _hanging(slow, provider):
            found.append(Loaded(f"{READS[0]}, AI hangs", quiet, _p99(slow, requests, seconds), WHILE_HANGING))
    return found


@contextlib.contextmanager
def _served(desk: Desk, engine: str) -> Iterator[Desk]:
    """The same desk, served once more and with another engine."""
    port = free_port()
    place = conninfo_to_dict(desk.dsn or "")
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{place['user']}@/{place['dbname']}?host={place['host']}&port={place['port']}",
        "SECRET_KEY": SECRET_KEY,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_WORKERS": str(WEB_WORKERS),
        "RATELIMIT_ENABLED": "off",
        "AI_ENGINE": "openai",
        "AI_TIMEOUT": "60",
        "OPENAI_BASE_URL": engine,
        "OPENAI_MODEL": "slow",
    }
    server = subprocess.Popen(GUNICORN, cwd=ROOT, env=environment, start_new_session=True)
    try:
        until(lambda: server.poll() is not None or listens(port), seconds=60)
        yield replace(desk, url=f"http://127.0.0.1:{port}", process=server.pid)
    finally:
        # Killed with its workers, because it would wait for the calls that hang.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(60)


def _p99(desk: Desk, requests: Any, seconds: float) -> float:
    wrk.drive(desk, requests, connections=wrk.CONNECTIONS, seconds=WARM_UP)
    return wrk.drive(desk, requests, connections=wrk.CONNECTIONS, seconds=seconds).p99


@contextlib.contextmanager
def _hanging(desk: Desk, provider: FakeOpenAI) -> Iterator[None]:
    """Have every web worker wait for as many of the AI's answers as it ever does."""
    enough = threading.Event()
    callers = [threading.Thread(target=_call, args=[desk, enough], daemon=True) for _ in range(CALLS_MAX * WEB_WORKERS)]
    for caller in callers:
        caller.start()
    if not provider.wait_for_open(CALLS_MAX * WEB_WORKERS):
        raise SystemExit("bench: the calls of the AI do not hang.")
    try:
        yield
    finally:
        enough.set()


def _call(desk: Desk, enough: threading.Event) -> None:
    """Ask for a suggestion until one hangs; a worker with all of its calls under way refuses at once."""
    parts = urlsplit(desk.url)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {desk.token}"}
    while not enough.is_set():
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        body = json.dumps({"description": f"The printer is on fire {time.monotonic()}, smoke too."})
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/api/tickets/classify/", body, headers)
            connection.getresponse().read()
        connection.close()
        enough.wait(0.05)


def show(rows: list[Loaded]) -> None:
    """Print the table."""
    print(f"\np99 in ms at {wrk.CONNECTIONS} connections, quietly and while as many write\n")
    print(f"{'':<34}{'quiet':>9}{'loaded':>9}{'ratio':>9}{'writes/s':>11}")
    for row in rows:
        ratio = row.loaded / row.quiet if row.quiet else float("inf")
        writes = f"{row.writes:>11,.0f}" if row.writes is not None else f"{'':>11}"
        verdict = "ok" if ratio <= row.allowed else f"MORE THAN {row.allowed:g}"
        print(f"{row.name:<34}{row.quiet:>9.2f}{row.loaded:>9.2f}{ratio:>9.2f}{writes}  {verdict}")
