"""A desk that runs as in production, on a PostgreSQL of its own, for as long as it is measured."""

import contextlib
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import flask_migrate
import psutil

from tests.bench import data
from tests.bench.progress import Progress
from tests.conftest import opened, settings_for
from tests.processes.watch import GUNICORN, free_port
from ticketdesk import create_app, embedded
from ticketdesk.accounts import service as accounts
from ticketdesk.extensions import db
from ticketdesk.models import Role, Scope

ROOT = Path(__file__).resolve().parent.parent.parent
EMAIL, PASSWORD = "bench@example.com", "correct horse battery"
START_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Desk:
    """A server to measure: ours, or any other that speaks the same API."""

    name: str
    url: str
    token: str
    tickets: int
    dsn: str | None = None
    process: int | None = None

    def memory_mb(self) -> tuple[float, float]:
        """Of its largest web process, in MB: what is resident, and its share of it where pages are shared."""
        workers = psutil.Process(self.process).children() if self.process else []
        found = [worker.memory_full_info() for worker in workers]
        return max((info.rss for info in found), default=0) / 1e6, max((info.pss for info in found), default=0) / 1e6

    def get(self, path: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        """The answer to a GET, as the desk's token unless ``headers`` say otherwise."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        connection.request("GET", path, headers=headers or {"Authorization": f"Bearer {self.token}"})
        return connection.getresponse()


@contextlib.contextmanager
def running(folder: Path, tickets: int, progress: Progress) -> Iterator[Desk]:
    """Fill a database with ``tickets`` and serve it by gunicorn, without rate limits."""
    cluster = embedded.hold(folder)
    name = f"bench_{tickets}"
    cluster.create_database(name)
    settings = settings_for(cluster.url(name))
    with opened(create_app(settings)) as app, app.app_context():
        flask_migrate.upgrade()
        progress.say(f"{tickets:,} tickets are written", stage=True)
        data.fill(cluster.dsn(name), tickets, lambda done: progress.say(f"{tickets:,} tickets: {done:,} written"))
        accounts.create_staff(EMAIL, "Bench", Role.ADMIN, PASSWORD)
        _, token = accounts.create_token("bench", Scope.WRITE)
        db.session.commit()
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": cluster.url(name),
        "SECRET_KEY": settings.secret_key,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "RATELIMIT_ENABLED": "off",
        "GEMINI_API_KEY": "",
    }
    server = subprocess.Popen(GUNICORN, cwd=ROOT, env=environment)
    try:
        _await_ready(port, server)
        yield Desk(
            f"ticketdesk, {tickets:,}", f"http://127.0.0.1:{port}", token, tickets, cluster.dsn(name), server.pid
        )
    finally:
        server.terminate()
        server.wait(30)


def other(address: str) -> Desk:
    """Another server, given as URL[,TOKEN]; how many tickets it has is what it says itself."""
    url, _, token = address.partition(",")
    host = urlsplit(url)
    if host.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise SystemExit(f"bench: {url} is not on this machine; only loopback addresses are measured.")
    desk = Desk(f"other, {host.port}", url.rstrip("/"), token, 0)
    try:
        answer = desk.get("/api/tickets/stats/")
        total = json.loads(answer.read())["total_tickets"]
    except (OSError, ValueError, KeyError):
        raise SystemExit(f"bench: {desk.url}/api/tickets/stats/ does not tell how many tickets there are.") from None
    return replace(desk, tickets=total)


def _await_ready(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until:
        if server.poll() is not None:
            raise SystemExit(f"bench: the desk did not start (exit status {server.returncode}).")
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"bench: the desk was not ready within {START_TIMEOUT:.0f} s.")
