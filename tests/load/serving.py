"""A desk under load: its real processes, and customers who send tickets and repeat what was not acknowledged."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from config import ROOT
from tests.conftest import SECRET_KEY
from tests.processes.watch import GUNICORN, PATIENCE, free_port, until
from ticketdesk.postmaster import end_with_parent

WORKERS = 2
TICKET = {"title": "The printer is on fire", "description": "Smoke, too.", "category": "technical", "priority": "high"}
UNANSWERED = 0
LOG_TAIL = 8_000
"""Characters of what the desk said last, shown where a test of it fails."""


def environment(database_url: str, **settings: str) -> dict[str, str]:
    """The environment of a desk's processes."""
    given = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY, "AI_ENGINE": "local", "RATELIMIT_ENABLED": "off"}
    return {"PATH": os.environ["PATH"], "LOG_FORMAT": "json", **given, **settings}


def flask(database_url: str, *arguments: str) -> str:
    """Run one of the desk's commands, and return what it printed."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment(database_url), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Desk:
    """A web server and a worker of a desk; ``log`` is what both say."""

    def __init__(self, port: int, web: "subprocess.Popen[bytes]", worker: "subprocess.Popen[bytes]", log: Path) -> None:
        self.port = port
        self.web = web
        self.worker = worker
        self.log = log

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """One request; status 0 when there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            given = {"Content-Type": "application/json"} | (headers or {})
            connection.request(method, path, json.dumps(body) if body else None, given)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return UNANSWERED, ""
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether the desk says that it can serve."""
        return self.ask("GET", "/readyz")[0] == http.HTTPStatus.OK

    def web_workers(self) -> list[psutil.Process]:
        """The processes that answer requests."""
        return psutil.Process(self.web.pid).children()


@contextlib.contextmanager
def serving(database_url: str, folder: Path, **settings: str) -> Iterator[Desk]:
    """Serve a database that has its schema, until the end."""
    port = free_port()
    web = {"HOST": "127.0.0.1", "PORT": str(port), "WEB_WORKERS": str(WORKERS), "WEB_THREADS": "8"}
    environ = environment(database_url, **(web | settings))
    worker = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
    with (folder / "desk.log").open("wb") as log:
        processes = [
            subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=log, preexec_fn=end_with_parent(signal.SIGTERM)
            )
            for command in (GUNICORN, worker)
        ]
    try:
        desk = Desk(port, processes[0], processes[1], folder / "desk.log")
        until(desk.is_ready)
        # A worker that is just started and finds no database says so and ends, so none is taken away before.
        until(lambda: "worker_takes_jobs" in desk.log.read_text())
        yield desk
    except BaseException:
        print((folder / "desk.log").read_text(errors="replace")[-LOG_TAIL:])
        raise
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(PATIENCE)


def do_a_job(dsn: str) -> None:
    """Enqueue a job before all others, and wait until the worker has done it.

    Only this one: one of its kind that was under way when its database died waits to be found, for longer.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        job = connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, priority)"
            " VALUES ('default', 'jobs.sweep', '{\"timestamp\": 0}', 1) RETURNING id"
        ).fetchone()
        assert job is not None
        done = "SELECT FROM procrastinate_jobs WHERE id = %s AND status = 'succeeded'"
        until(lambda: connection.execute(done, job).fetchone() is not None)


class Customer(threading.Thread):
    """Sends tickets, each with an Idempotency-Key of its own, and repeats each until it is acknowledged."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.acknowledged: dict[str, int] = {}
        """The ticket's number by its key."""
        self.statuses: Counter[int] = Counter()
        self.enough = threading.Event()
        self._desk = desk

    def run(self) -> None:
        while not self.enough.is_set():
            self._send(uuid.uuid4().hex)

    def _send(self, key: str) -> None:
        while not self.enough.is_set():
            status, answer = self._desk.ask("POST", "/api/tickets/", TICKET | {"title": key}, {"Idempotency-Key": key})
            self.statuses[status] += 1
            if status == http.HTTPStatus.CREATED:
                self.acknowledged[key] = json.loads(answer)["id"]
                return
            # A kind customer waits as long as Retry-After says; these are after what a hurried one may do.
            self.enough.wait(0.05)


class Crowd:
    """Several customers at once."""

    def __init__(self, desk: Desk, customers: int = 6) -> None:
        self.customers = [Customer(desk) for _ in range(customers)]

    def __enter__(self) -> "Crowd":
        for customer in self.customers:
            customer.start()
        return self

    def __exit__(self, *_: object) -> None:
        for customer in self.customers:
            customer.enough.set()
        for customer in self.customers:
            customer.join()

    @property
    def acknowledged(self) -> dict[str, int]:
        """The numbers of all acknowledged tickets by their keys."""
        return {key: number for customer in self.customers for key, number in list(customer.acknowledged.items())}

    @property
    def statuses(self) -> set[int]:
        """What was answered, with 0 for nothing."""
        return {status for customer in self.customers for status in list(customer.statuses)}

    def await_more(self, tickets: int = 20, seconds: float = PATIENCE) -> None:
        """Wait until so many tickets more than now are acknowledged."""
        so_far = len(self.acknowledged)
        until(lambda: len(self.acknowledged) >= so_far + tickets, seconds)
