"""How gunicorn serves the desk, under `./run up` and in the container alike.

Threads, because a request may wait seconds for the AI: synchronous workers would
make everyone else wait with it.
"""

import ctypes
import gc
import os
import select
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import TConn, ThreadWorker

from config import ConfigError, load

try:
    settings = load()
except ConfigError as error:
    sys.exit(f"ticketdesk: {error}")

# What draws on consoles and in pictures would take 5 MB of each web process, where nothing does; those who load it
# if it is there (structlog, Flask-Limiter and Flask-Admin) do without.
sys.modules.update(dict.fromkeys(("rich", "PIL")))  # type: ignore[arg-type]  # None is how the language says it.

# glibc alone has these.
mallopt, malloc_trim = (getattr(ctypes.CDLL(None), name, None) for name in ("mallopt", "malloc_trim"))
TRIM_EVERY = 10
"""Seconds after which a web process gives back what its heap has free."""

wsgi_app = "wsgi:app"
bind = [f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"]


class Sharing(ThreadWorker):  # type: ignore[misc]  # It has no types.
    """Leaves a new connection to a worker that has fewer, and the next request of a connection to the same thread.

    Of workers that are woken for a connection, the first takes it, and a proxy or a program that opens several at
    once and keeps them would have them all with one worker, at half the speed of two. And a connection that goes
    back to the main thread after each request, to be given to a thread for the next, costs as much as a short answer.
    """

    trim_at = 0.0

    def notify(self) -> None:
        """Say that the worker lives, and give back memory that large pages took for a moment, one or two megabytes."""
        super().notify()
        if malloc_trim is not None and time.monotonic() >= self.trim_at:
            malloc_trim(0)
            self.trim_at = time.monotonic() + TRIM_EVERY

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, after a wait that is the longer the more there are; by then another may have it."""
        time.sleep(min(self.nr_conns * 50e-6, 500e-6))
        super().accept(listener)

    def handle(self, conn: TConn) -> object:
        """Answer what the connection asks, and what it asks within 2 ms after, unless others wait for the thread."""
        kept: object = super().handle(conn)
        while kept is True and self.alive and self.tpool._work_queue.empty() and _asks_again(conn):
            kept = super().handle(conn)
        return kept


def _asks_again(conn: TConn) -> bool:
    """Whether there is another request; one that came together with the last is found by the main thread."""
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(poll.poll(2))


worker_class = Sharing
workers = settings.web_workers
threads = settings.web_threads
# The workers are copies of one loaded app: a faster start, and shared memory.
preload_app = True

timeout = 60
graceful_timeout = 20
# Longer than a proxy in front keeps its idle connections, so that the proxy closes them first.
keepalive = 75

# Workers prove that they live by touching a file; on a busy disk that could take too long.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# Which proxies may set X-Forwarded-* is TRUSTED_PROXIES' to say, and the app's to apply.
forwarded_allow_ips = ""
control_socket_disable = True


# Threads would else get heaps of their own, each of which keeps what one large answer took; they take turns in Python
# anyway, so one heap is as fast.
if mallopt is not None:
    mallopt(M_ARENA_MAX := -8, 1)


def when_ready(server: Arbiter) -> None:
    """Leave the loaded app out of garbage collection, whose marks would copy each page of it into every worker."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Worker) -> None:
    """Have the AI's client ready before a customer waits for it; its threads would not outlive the fork."""
    worker.wsgi.extensions["suggester"].warm()
