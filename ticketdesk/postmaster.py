"""The process that owns the embedded PostgreSQL, on the standard library alone.

``ticketdesk.embedded`` starts this file as a script. It creates the database on
first use, starts PostgreSQL, says on standard output why that failed (nothing
means that it runs) and goes on in the background: it restarts a PostgreSQL that
was killed, and stops it when nobody uses it any more.

Two locked files carry all of it, because the kernel frees a lock however its
holder ends:

- ``users.lock`` is shared by every process that uses the database. Once the
  exclusive lock is to be had, the last user has gone.
- ``owner.lock`` is inherited by this process and by every PostgreSQL process it
  starts. It is free only when none of them is left.
"""

import ctypes
import fcntl
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROLE = DATABASE = "ticketdesk"
PORT = 5432
"""Part of the socket's file name; nothing listens on TCP."""

# Seconds. A start may have to replay the log after a crash, a stop has to write everything out.
START_TIMEOUT = 300.0
STOP_TIMEOUT = 30.0
POLL = 0.1

# A socket's path may have 107 bytes on Linux and 103 on macOS; the file's own name takes 14.
SOCKET_FOLDER_LIMIT = 85

SETTINGS = """
# Written by ticketdesk when it created the cluster; change at will.
max_connections = 200
shared_buffers = 256MB
effective_cache_size = 1GB
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
"""

NOBODY = 65534
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1


class Refused(Exception):
    """PostgreSQL cannot be run; ``str()`` is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one cluster keeps its files; every path hangs on ``root`` alone."""

    root: Path

    @property
    def cluster(self) -> Path:
        return self.root / "cluster"

    @property
    def sockets(self) -> Path:
        """The socket's private folder, which moves to /tmp when the socket's path would not fit.

        A comma moves it too: libpq would read two hosts.
        """
        inside = self.root / "socket"
        if len(os.fsencode(inside)) <= SOCKET_FOLDER_LIMIT and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        # Not tempfile.gettempdir(): every process must find the same folder, whatever its TMPDIR.
        return Path(f"/tmp/ticketdesk-{digest}")  # noqa: S108

    @property
    def log(self) -> Path:
        return self.root / "postgres.log"

    @property
    def users_lock(self) -> Path:
        return self.root / "users.lock"

    @property
    def owner_lock(self) -> Path:
        return self.root / "owner.lock"


class Server:
    """PostgreSQL over one place. ``test`` gives up durability for speed."""

    def __init__(self, place: Place, binaries: Path, *, test: bool, owner_lock: int) -> None:
        self.place = place
        self.binaries = binaries
        self.test = test
        self.owner_lock = owner_lock
        # A PGPORT or PGDATA of the operator's is meant for another server.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self.environment |= {"LC_ALL": "C", "TZ": "UTC"}

    def prepare(self) -> None:
        """Make what is missing, and refuse what this user or this PostgreSQL cannot use."""
        self.place.sockets.mkdir(mode=0o700, exist_ok=True)
        if not _private(self.place.sockets):
            raise Refused(f"{self.place.sockets} is not a private folder of this user; remove it.")
        major = self.major()
        if not self.place.cluster.exists():
            self.create(major)
        if not _private(self.place.cluster):
            raise Refused(f"The data in {self.place.cluster} belongs to another user; start as its owner.")
        made_by = (self.place.cluster / "PG_VERSION").read_text().strip()
        if made_by != str(major):
            raise Refused(
                f"The data in {self.place.cluster} was made by PostgreSQL {made_by}, but {self.binaries} holds "
                f"PostgreSQL {major}; set TICKETDESK_PG_BIN to the programs of PostgreSQL {made_by}."
            )

    def major(self) -> int:
        """The major version of the programs."""
        said = self.tool("postgres", "--version")
        found = re.search(r"\(PostgreSQL\) (\d+)", said)
        if not found:
            raise Refused(f"{self.binaries / 'postgres'} is no PostgreSQL: it calls itself {said.strip()!r}.")
        return int(found[1])

    def create(self, major: int) -> None:
        """Make the cluster with its role and its database, all or nothing."""
        draft = self.place.root / "cluster.new"
        if draft.exists():
            shutil.rmtree(draft)
        locale = ["--locale=C.UTF-8"]
        if major >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        durability = "--no-sync" if self.test else "--data-checksums"
        self.tool("initdb", "-D", str(draft), "-U", "postgres", "-A", "trust", "-E", "UTF8", *locale, durability)
        with (draft / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)
        # The role owns the desk's database but is no superuser, so that no SQL
        # reaches the files and the programs of the machine.
        self.tool(
            *("postgres", "--single", "-D", str(draft), "-c", "exit_on_error=true", "postgres"),
            given=f"create role {ROLE} login createdb;\ncreate database {DATABASE} owner {ROLE};\n",
        )
        draft.rename(self.place.cluster)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start PostgreSQL, which is not ready yet then."""
        quoted = str(self.place.sockets).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
            "port": str(PORT),
        }
        if self.test:
            settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "off")
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.place.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [self.binaries / "postgres", "-D", self.place.cluster, *options],
                cwd="/",
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self.owner_lock],
                # At once, and safe: a slower stop that falls into a recovery was seen never to end.
                preexec_fn=end_with_parent(signal.SIGQUIT),
            )

    def start_first(self) -> "subprocess.Popen[bytes]":
        """Start PostgreSQL and wait until it takes connections."""
        said_before = self.place.log.stat().st_size
        postgres = self.start()
        deadline = time.monotonic() + START_TIMEOUT
        while not self.ready():
            if postgres.poll() is not None:
                with self.place.log.open("rb") as log:
                    log.seek(said_before)
                    reason = fault(log.read().decode(errors="replace"))
                raise Refused(f"PostgreSQL does not start: {reason} (more in {self.place.log}).")
            if time.monotonic() > deadline:
                stop(postgres)
                raise Refused(f"PostgreSQL was not ready after {START_TIMEOUT:.0f} s (see {self.place.log}).")
            time.sleep(0.02)
        return postgres

    def ready(self) -> bool:
        """Whether PostgreSQL takes connections."""
        probe = [str(self.binaries / "pg_isready"), "-q", "-h", str(self.place.sockets), "-p", str(PORT)]
        probe += ["-U", "postgres", "-d", "postgres"]
        return subprocess.run(probe, env=self.environment, check=False).returncode == 0  # noqa: S603

    def tool(self, program: str, *arguments: str, given: str = "") -> str:
        """Run one of PostgreSQL's programs to its end and return what it said."""
        done = subprocess.run(  # noqa: S603
            [self.binaries / program, *arguments],
            cwd="/",
            env=self.environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            _note(done.stdout)
            raise Refused(f"PostgreSQL's {program} failed: {fault(done.stdout)}")
        return done.stdout


def fault(log: str) -> str:
    """Why a PostgreSQL program gave up: its first fault, of which the later ones tend to be consequences."""
    faults = re.findall(r"(?:FATAL|PANIC|ERROR|error):\s+(?!the database system is starting up)(.+)", log)
    return (faults or log.strip().splitlines()[-1:] or ["it said nothing"])[0].strip()


def end_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program so that the kernel sends it ``how`` when its parent dies.

    Linux only; elsewhere None.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, how, 0, 0, 0)


def stop(postgres: "subprocess.Popen[bytes]") -> None:
    """End every connection and stop cleanly; at once when that takes too long."""
    for how in (signal.SIGINT, signal.SIGQUIT):
        postgres.send_signal(how)
        try:
            postgres.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            continue
        return


def leave_root() -> None:
    """Become a user that PostgreSQL runs as, with the rights to root's private folders.

    In a user namespace in which root is called nobody; where the machine allows
    none, as real nobody with the one capability that opens the folders.
    """
    if os.geteuid() != 0:
        return
    if sys.platform != "linux":
        raise Refused("PostgreSQL does not run as root; start as an ordinary user.")
    # Entering can fail half-way and cannot be undone, so a child tries it first.
    trial = os.fork()
    if trial == 0:
        try:
            _enter_user_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.waitpid(trial, 0)[1] == 0:
        _enter_user_namespace()
    else:
        become_nobody()


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    _call("unshare", CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def become_nobody() -> None:
    """Give up root for good, but keep the right to open files, also in the programs started later."""
    try:
        _call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        kept = 1 << CAP_DAC_OVERRIDE
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)
        _call("capset", header, effective_permitted_inheritable)
        _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
    except OSError as error:
        raise Refused(
            f"PostgreSQL does not run as root, and this root cannot become another user ({error.strerror}); "
            "start as an ordinary user, or set DATABASE_URL."
        ) from None


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _private(folder: Path) -> bool:
    """Whether the folder is this user's, and nobody else's to enter.

    Its owner alone would not tell: in a user namespace every stranger is called nobody.
    """
    try:
        next(folder.iterdir(), None)
    except PermissionError:
        return False
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & 0o077 == 0


def _note(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {text}", file=sys.stderr, flush=True)


def _own(server: Server) -> None:
    """Run PostgreSQL for as long as somebody uses it."""
    leave_root()
    server.prepare()
    postgres = server.start_first()
    _report("")
    with server.place.users_lock.open("rb") as users:
        while not _locked(users.fileno()):
            if postgres.poll() is not None:
                _note(f"PostgreSQL ended with {postgres.returncode} and is started again.")
                postgres = server.start()
            time.sleep(POLL)
        stop(postgres)
        server.place.sockets.rmdir()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _report(failure: str) -> None:
    """Tell the process that started this one how it went, and let go of it."""
    print(failure, end="", flush=True)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, sys.stdout.fileno())
    os.close(silent)


def main(root: str, binaries: str, kind: str, owner_lock: str) -> None:
    """Detach from the starter, whose pipe on standard output stays open until the outcome is known."""
    if os.fork():
        os._exit(0)
    place = Place(Path(root))
    try:
        _own(Server(place, Path(binaries), test=kind == "test", owner_lock=int(owner_lock)))
    except Refused as refused:
        _report(str(refused))
    except OSError as error:
        _report(f"The database's folder {place.root} cannot be used: {error.strerror} ({error.filename}).")


if __name__ == "__main__":
    main(*sys.argv[1:])
