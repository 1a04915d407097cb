"""`./run up`: everything the desk needs, started in order, watched, and stopped together."""

import contextlib
import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import psycopg
from alembic import command
from alembic.util import CommandError
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from config import ROOT, ConfigError, Settings, load
from ticketdesk import create_app, embedded
from ticketdesk.accounts import service as accounts
from ticketdesk.doctor import POSTGRESQL_VERSIONS
from ticketdesk.embedded import Cluster, EmbeddedError
from ticketdesk.extensions import conninfo, db
from ticketdesk.jobs import worker
from ticketdesk.postmaster import end_with_parent

# Seconds.
READY_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
POLL = 0.1
CLUSTER_CHECK = 2.0
# What ends so often within so many seconds does not get better by starting it once more.
DEATHS_MAX, DEATHS_WITHIN = 5, 60.0


class Trouble(Exception):
    """The desk cannot run; ``str()`` is a sentence for the operator."""


def main() -> int:
    """Run the desk until it is told to stop, and return the exit status."""
    for how in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(how, signal.default_int_handler)
    try:
        settings = load()
        with listen(settings) as listener, database(settings) as cluster:
            app = create_app(settings)
            with step("Database schema"):
                migrate(app)
            serve(app, settings, listener, cluster)
    except (ConfigError, EmbeddedError, Trouble) as error:
        print(f"ticketdesk: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def listen(settings: Settings) -> socket.socket:
    """Open the desk's port, which stays open while a web server is replaced by the next.

    Raises:
        Trouble: the port is taken, or no address of this machine.
    """
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Trouble(
                f"Port {port} on {host} is in use, perhaps by another ./run up; stop that, or set PORT to a free one."
            ) from None
        raise Trouble(
            f"The desk cannot listen on {host}, port {port} ({error.strerror}); change HOST or PORT."
        ) from None


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[Cluster | None]:
    """The database, for as long as it is used; yields the embedded one, if it is that.

    Raises:
        EmbeddedError: the embedded PostgreSQL does not start.
        Trouble: the operator's database cannot be reached or used.
    """
    if settings.database_url is None:
        with step(f"PostgreSQL, with its data in {settings.data_dir}"):
            cluster = embedded.hold(settings.data_dir)
        try:
            yield cluster
        finally:
            cluster.release()
    else:
        with step("PostgreSQL of DATABASE_URL"):
            reach(settings.database_url)
        yield None


def reach(url: str) -> None:
    """See whether the database at an SQLAlchemy URL is one that the desk can use.

    Raises:
        Trouble: it is not.
    """
    try:
        with psycopg.connect(conninfo(url), connect_timeout=5) as connection:
            version = connection.info.server_version // 10000
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.Error as error:
        reason = str(error).splitlines()[0].removeprefix("connection failed: ").rstrip(".")
        raise Trouble(f"The database of DATABASE_URL cannot be reached: {reason}.") from None
    if version < (least := POSTGRESQL_VERSIONS[0]):
        raise Trouble(f"The database is PostgreSQL {version}, but the desk needs {least} or newer.")
    if encoding != "UTF8":
        raise Trouble(f"The database's encoding is {encoding}, but must be UTF8; create it with: createdb -E UTF8")


def answers(dsn: str) -> bool:
    """Whether the database takes connections now."""
    try:
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def migrate(app: Flask) -> None:
    """Bring the database to the schema of this version.

    Raises:
        Trouble: it was made by another version, or a migration fails.
    """
    try:
        with app.app_context():
            command.upgrade(app.extensions["migrate"].migrate.get_config(), "head")
            db.engine.dispose()
    except CommandError as error:
        raise Trouble(
            f"The database does not fit this version of ticketdesk ({str(error).rstrip('.')}); "
            "it was probably used by a newer one: start that."
        ) from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0].rstrip(".")
        raise Trouble(f"The database could not be migrated: {reason}.") from None


def serve(app: Flask, settings: Settings, listener: socket.socket, cluster: Cluster | None) -> None:
    """Keep the web server and the worker running until a signal comes.

    Raises:
        EmbeddedError: the embedded PostgreSQL ended and does not start again.
        Trouble: a process does not stay alive, or the desk does not become ready.
    """
    dsn = cluster.dsn() if cluster else conninfo(settings.database_url or "")
    gunicorn = ["-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--log-level", "warning"]
    children = [
        Child("The web server", [*gunicorn, "--bind", f"fd://{listener.fileno()}"], passes=[listener.fileno()]),
        Child("The worker", ["-m", "flask", "--app", "wsgi", "worker", "--quiet"]),
    ]
    try:
        with step("Web server and worker"):
            for child in children:
                child.start()
            await_ready(listener, children, dsn)
        greet(app, settings)
        checked = time.monotonic()
        while True:
            for child in children:
                child.tend(dsn)
            if cluster and time.monotonic() - checked > CLUSTER_CHECK:
                cluster.ensure()
                checked = time.monotonic()
            time.sleep(POLL)
    finally:
        listener.close()
        stop(children)


class Child:
    """A Python process that is started again when it ends, and ends with this one."""

    def __init__(self, name: str, arguments: Sequence[str], passes: Sequence[int] = ()) -> None:
        self.name = name
        self._arguments = arguments
        self._passes = passes
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths: list[float] = []
        self._start_at = 0.0

    def start(self) -> None:
        # A process group of its own: the terminal's Ctrl-C is for this process, which then stops its children in order.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, *self._arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=self._passes,
            process_group=0,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )

    def tend(self, dsn: str) -> None:
        """Start the process again when it ended, a little later each time, and not while there is no database.

        Raises:
            Trouble: it ended too often, and not for want of a database.
        """
        now = time.monotonic()
        if self._process is None:
            if now < self._start_at:
                return
            if answers(dsn):
                self.start()
            else:
                self._start_at = now + 1.0
        elif (status := self._process.poll()) is not None:
            # A web server that was killed leaves its workers, which finish their requests.
            self.send(signal.SIGTERM)
            self._process = None
            print(f"ticketdesk: {self.name} ended ({describe(status)}) and is started again.", file=sys.stderr)
            if answers(dsn):
                self._deaths = [*(death for death in self._deaths if now - death < DEATHS_WITHIN), now]
            if len(self._deaths) == DEATHS_MAX:
                raise Trouble(f"{self.name} ended {DEATHS_MAX} times within a minute; what it said stands above.")
            self._start_at = now + len(self._deaths) - 1

    def send(self, how: signal.Signals) -> None:
        """Send a signal to the process and to those that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)

    def wait(self, timeout: float | None = None) -> None:
        if self._process is not None:
            self._process.wait(timeout)


def stop(children: Sequence[Child]) -> None:
    """Let the children finish what they do; end them at once when that takes too long or a second signal comes."""
    deadline = time.monotonic() + STOP_TIMEOUT
    print("Stopping …", flush=True)
    try:
        for child in children:
            child.send(signal.SIGTERM)
        for child in children:
            child.wait(max(0.0, deadline - time.monotonic()))
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        for child in children:
            child.send(signal.SIGKILL)
            child.wait()


def describe(status: int) -> str:
    """A process's exit status in words."""
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def await_ready(listener: socket.socket, children: Sequence[Child], dsn: str) -> None:
    """Wait until the desk answers that it is ready, and its worker takes jobs.

    Raises:
        Trouble: it does not, in time.
    """
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    deadline = time.monotonic() + READY_TIMEOUT
    while (reason := unready(host, port) or workless(dsn)) is not None:
        for child in children:
            child.tend(dsn)
        if time.monotonic() > deadline:
            raise Trouble(f"The desk was not ready after {READY_TIMEOUT:.0f} seconds: {reason}")
        time.sleep(POLL)


def unready(host: str, port: int) -> str | None:
    """Why the desk cannot serve yet, or None when it can."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return None if answer.status == http.HTTPStatus.OK else answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"{error or type(error).__name__}"
    finally:
        connection.close()


def workless(dsn: str) -> str | None:
    """Why nobody does the database's jobs yet, or None when a worker has come for them."""
    try:
        with psycopg.connect(dsn, connect_timeout=2) as connection:
            workers = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
            return None if connection.execute(workers, [worker.NAME]).fetchone() else "no worker takes jobs."
    except psycopg.Error as error:
        return str(error)


def greet(app: Flask, settings: Settings) -> None:
    """Say where the desk is and, until somebody has done it, how to set it up."""
    with app.app_context():
        link = accounts.setup_link(settings.public_url)
        db.session.remove()
        db.engine.dispose()
    lines = [
        "",
        f"  Customer form    {settings.public_url}/",
        f"  Staff console    {settings.public_url}/staff/",
        f"  API reference    {settings.public_url}/api/docs",
        "",
    ]
    if link:
        lines += ["  Nobody works here yet. Choose the first admin's e-mail and password at", f"  {link}", ""]
    print("\n".join([*lines, "  Ctrl-C stops the desk.", ""]), flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Show on a terminal that something goes on, and then everywhere that it is so."""
    live = sys.stdout.isatty()
    if live:
        print(f"  {what} …", end="", flush=True)
    try:
        yield
    except BaseException:
        if live:
            print("\r\033[K", end="", flush=True)
        raise
    print(f"\r\033[K✓ {what}" if live else what, flush=True)


if __name__ == "__main__":
    sys.exit(main())
