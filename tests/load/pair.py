"""A primary and a streaming standby of PostgreSQL on loopback, from the programs that the desk brings along."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from tests.processes.watch import free_port, until
from ticketdesk.embedded import _binaries
from ticketdesk.postmaster import leave_root

ROLE = DATABASE = "ticketdesk"
SETTINGS = {
    "unix_socket_directories": "''",
    "listen_addresses": "'127.0.0.1'",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "wal_level": "replica",
    "hot_standby": "on",
    "fsync": "off",
    "max_wal_size": "256MB",
}
"""Nothing has to outlive a crash of the machine; what outlives that of a server is in the system's memory."""


class Server:
    """One PostgreSQL with its own folder and port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Where the desk's database is, for its superuser."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={DATABASE}"

    def start(self, **settings: str) -> None:
        """Start it, and wait until it takes connections."""
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_binaries() / "postgres", "-D", self.folder, "-p", str(self.port), *options],
                stdout=log,
                stderr=log,
                preexec_fn=leave_root,
            )
        until(self.answers)

    def answers(self) -> bool:
        """Whether it takes connections."""
        return (
            subprocess.run([_binaries() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0
        )

    def kill(self) -> None:
        """End all of its processes at once, as when its machine is switched off."""
        if self._process is None:
            return
        whole = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        for process in whole:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        psutil.wait_procs(whole)
        self._process = None

    def promote(self) -> None:
        """Make a standby a primary."""
        self.ask("SELECT pg_promote(wait => false)")

    def ask(self, query: str) -> object:
        """The first value of a query's answer."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def _tool(program: str, *arguments: str | Path) -> None:
    done = subprocess.run([_binaries() / program, *arguments], capture_output=True, text=True, preexec_fn=leave_root)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def pair(folder: Path) -> Iterator[tuple[Server, Server]]:
    """A primary with the desk's empty database, and a standby that follows it."""
    primary, standby = Server(folder / "primary"), Server(folder / "standby")
    _tool("initdb", "-D", primary.folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    with (primary.folder / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())
    try:
        primary.start()
        with psycopg.connect(f"host=127.0.0.1 port={primary.port} user=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN".encode())
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}".encode())
        source = f"host=127.0.0.1 port={primary.port} user=postgres application_name=standby"
        _tool("pg_basebackup", "-D", standby.folder, "-d", source, "-R", "-c", "fast", "--no-sync")
        standby.start()
        until(lambda: primary.ask("SELECT state FROM pg_stat_replication") == "streaming")
        yield primary, standby
    finally:
        standby.kill()
        primary.kill()


def synchronize(primary: Server) -> None:
    """Have each commit of the primary wait until the standby has it."""
    primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    primary.ask("SELECT pg_reload_conf()")
    until(lambda: primary.ask("SELECT sync_state FROM pg_stat_replication") == "sync")


def url(*servers: Server, **options: str) -> str:
    """The URL under which libpq finds the one of the servers that is asked for."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"postgresql://{ROLE}@{hosts}/{DATABASE}?{query}"
