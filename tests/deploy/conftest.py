"""The desk as its image runs it, and the real nginx with the image's configuration in front of it."""

import gzip
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from config import ROOT
from tests.conftest import SECRET_KEY, cloned, opened, settings_for
from tests.deploy import recipe
from tests.factories import make_token
from tests.processes.watch import PATIENCE, free_port, listens, until
from ticketdesk import create_app, embedded
from ticketdesk.models import Scope
from ticketdesk.postmaster import end_with_parent

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Answer(NamedTuple):
    """What came back, with the body as it was before it was compressed."""

    status: int
    headers: Message
    text: str

    def json(self) -> Any:
        """The body's content."""
        return json.loads(self.text)


class Browser:
    """Sends requests to a port of this machine, and takes compressed answers."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """Ask for a page."""
        return self.ask("GET", path, None, headers or {})

    def send(self, method: str, path: str, content: object, headers: dict[str, str] | None = None) -> Answer:
        """Send JSON."""
        return self.ask(method, path, json.dumps(content), {"Content-Type": "application/json"} | (headers or {}))

    def ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str], address: str = "127.0.0.1"
    ) -> Answer:
        """Send one request from one of this machine's own addresses."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE, source_address=(address, 0))
        try:
            connection.request(method, path, body, {"Accept-Encoding": "gzip"} | headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.headers["Content-Encoding"] == "gzip":
                content = gzip.decompress(content)
            return Answer(answer.status, answer.headers, content.decode())
        finally:
            connection.close()


@contextmanager
def running(command: list[str], port: int, **options: object) -> Iterator[None]:
    """A server that listens on a port, stopped at the end."""
    process = subprocess.Popen(command, preexec_fn=end_with_parent(signal.SIGTERM), **options)  # type: ignore[call-overload]
    try:
        until(lambda: process.poll() is not None or listens(port))
        assert process.poll() is None, f"{command[0]} ended"
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def nginx_conf(folder: Path, port: int, desk: int, **changes: str) -> Path:
    """The image's nginx.conf, with the addresses and folders of a test."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    changes = {
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "server web:8000 resolve max_fails=0;": f"server 127.0.0.1:{desk} max_fails=0;",
        "/tmp/nginx": f"{folder}/nginx",
        "/var/cache/desk/nginx": f"{folder}/nginx",
        **changes,
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "nginx.conf"
    path.write_text(text)
    return path


@contextmanager
def nginx(folder: Path, desk: int, **changes: str) -> Iterator[Browser]:
    """A browser before nginx before the desk on that port; nginx logs into `access.log`."""
    port = free_port()
    conf = nginx_conf(folder, port, desk, **changes)
    # The image's user has no rights; here root's files are its own, so that it may write into the test's folder.
    rights = "user root;" if os.getuid() == 0 else ""
    command = [NGINX or "nginx", "-c", str(conf), "-e", "stderr", "-g", f"daemon off; {rights}"]
    with (folder / "access.log").open("w") as log, running(command, port, stdout=log):
        yield Browser(port)


class Desk:
    """A desk that was started by the image's command from the image's files."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token


@pytest.fixture(scope="session")
def desk(
    cluster: embedded.Cluster, template: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """The desk as its image runs it; a caller may make one ticket an hour."""
    folder = tmp_path_factory.mktemp("app")
    recipe.assemble(folder)
    port = free_port()
    with cloned(cluster, template, f"deploy_{worker_id}_{os.getpid()}") as url:
        with opened(create_app(settings_for(url))) as app, app.app_context():
            token = make_token(Scope.WRITE)
        environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DATABASE_URL": url,
            "SECRET_KEY": SECRET_KEY,
            "TRUSTED_PROXIES": "1",
            "AI_ENGINE": "local",
            "RATELIMIT_CREATE": "1 per hour",
        }
        with running(recipe.one("desk", "CMD").arguments, port, cwd=folder, env=environ):
            yield Desk(port, token)


@pytest.fixture(scope="session")
def proxy_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared nginx writes its access log."""
    return tmp_path_factory.mktemp("nginx") / "access.log"


@pytest.fixture(scope="session")
def browser(desk: Desk, proxy_log: Path) -> Iterator[Browser]:
    """A browser before nginx before the desk."""
    with nginx(proxy_log.parent, desk.port) as browser:
        yield browser
