"""`./run up` as a whole: it serves, survives the death of its parts, and leaves nothing behind."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from config import ROOT
from tests.processes.watch import PATIENCE, free_port, running_in, until
from ticketdesk import embedded

pytestmark = pytest.mark.processes

TICKET = {"title": "The printer is on fire", "description": "Smoke, too.", "category": "technical", "priority": "high"}


class Desk:
    """A desk run by the command that people type."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.up: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start it, wait until it says that it is there, and return what it said."""
        settings = {"PORT": str(self.port), "TICKETDESK_DATA": str(self.data_dir), "PUBLIC_URL": ""}
        settings |= {"DATABASE_URL": "", "AI_ENGINE": "local", "RATELIMIT_ENABLED": "off", "HOST": "127.0.0.1"}
        self.up = subprocess.Popen(
            [sys.executable, "run", "up"], cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, text=True
        )
        said = ""
        assert self.up.stdout is not None
        while "Ctrl-C" not in said:
            line = self.up.stdout.readline()
            assert line, f"it ended after saying: {said}"
            said += line
        return said

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """One request; status 0 when there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def kill(self, part: str) -> None:
        """Kill the process under `./run up` that has the word in its command, and wait for its successor."""
        killed = until(lambda: self._part(part))
        assert killed is not None
        killed.kill()
        until(lambda: self._part(part) not in {None, killed})

    def _part(self, word: str) -> psutil.Process | None:
        assert self.up is not None
        for process in psutil.Process(self.up.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if word in process.cmdline():
                    return process
        return None


class Customer(threading.Thread):
    """Sends tickets one after the other and remembers those that the desk acknowledged."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.acknowledged: set[int] = set()
        self.enough = threading.Event()
        self._desk = desk

    def run(self) -> None:
        while not self.enough.wait(0.02):
            status, answer = self._desk.ask("POST", "/api/tickets/", TICKET)
            if status == http.HTTPStatus.CREATED:
                self.acknowledged.add(json.loads(answer)["id"])

    def await_next(self) -> None:
        """Wait until one more ticket than now is acknowledged."""
        so_far = len(self.acknowledged)
        until(lambda: len(self.acknowledged) > so_far)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "var")
    yield desk
    if desk.up is not None:
        desk.up.kill()
        desk.up.communicate()
    until(lambda: not running_in(desk.data_dir))


def tickets(data_dir: Path) -> set[int]:
    """The ids of the tickets that are in the database."""
    cluster = embedded.hold(data_dir)
    try:
        with psycopg.connect(cluster.dsn()) as connection:
            return {ticket for (ticket,) in connection.execute("SELECT id FROM ticket")}
    finally:
        cluster.release()


def test_no_kill_loses_a_ticket_or_leaves_a_process(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    said = desk.start()
    assert said.splitlines()[:4] == [
        f"PostgreSQL, with its data in {desk.data_dir}",
        "Database schema",
        "Web server and worker",
        "",
    ]
    # Steps are for people, and no line of a log comes between them.
    assert capfd.readouterr().err == ""
    assert f"http://127.0.0.1:{desk.port}/staff/set-up/" in said
    assert desk.ask("GET", "/")[0] == http.HTTPStatus.OK
    assert desk.data_dir.stat().st_mode & 0o777 == 0o700

    customer = Customer(desk)
    customer.start()
    try:
        customer.await_next()
        for part in ("gunicorn", "worker"):
            desk.kill(part)
            customer.await_next()
        postgres = int((desk.data_dir / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
        os.kill(postgres, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(postgres))
        customer.await_next()
        assert desk.up is not None
        desk.up.kill()
        desk.up.communicate()
        until(lambda: not running_in(desk.data_dir))
    finally:
        customer.enough.set()
        customer.join()

    desk.start()
    assert desk.ask("GET", "/readyz")[0] == http.HTTPStatus.OK
    desk.up.terminate()
    assert desk.up.wait(PATIENCE) == 0
    assert not running_in(desk.data_dir)
    assert customer.acknowledged <= tickets(desk.data_dir)
