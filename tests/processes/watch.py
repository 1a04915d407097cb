"""Watching real processes: waiting for what they do, and finding those that are left."""

import contextlib
import itertools
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

Reached = TypeVar("Reached")

PATIENCE = 60
"""Seconds after which something will not happen any more, on however slow a machine."""

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--log-level", "warning"]
"""The web server as the desk runs it; to be started in the project's folder."""

# Below the ports that are given to whoever asks for any, and in a stretch of each pytest worker's own, so that
# nobody takes one between this look at it and its use. Another checkout's tests most likely begin elsewhere in it.
_FIRST, _COUNT = 20_000 + 1_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")), 1_000
_ports = itertools.cycle(_FIRST + (os.getpid() * 37 + number) % _COUNT for number in range(_COUNT))


def until(reached: Callable[[], Reached], seconds: float = PATIENCE) -> Reached:
    """Wait for something that happens by itself, and return it."""
    deadline = time.monotonic() + seconds
    while not (result := reached()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return result


def running_in(data_dir: Path) -> list[psutil.Process]:
    """Every process of the desk or the database that keeps its data in ``data_dir``.

    PostgreSQL's processes work in the folder, its owner names it, and the desk's have it in their settings.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if (
                Path(process.cwd()).is_relative_to(data_dir)
                or str(data_dir / "postgres") in process.cmdline()
                or process.environ().get("TICKETDESK_DATA") == str(data_dir)
            ):
                found.append(process)
        except (psutil.Error, FileNotFoundError):
            # It ended while it was looked at.
            continue
    return found


def free_port() -> int:
    """A port that nobody listens at."""
    for port in _ports:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("there is always a next one")


def listens(port: int) -> bool:
    """Whether anything listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
