"""Watching real processes: waiting for what they do, and finding those that are left."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

Reached = TypeVar("Reached")


def until(reached: Callable[[], Reached], seconds: float = 30) -> Reached:
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
        except psutil.Error:
            continue
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether anything listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
