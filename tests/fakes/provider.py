"""A loopback HTTP server that plays an AI provider, well behaved or not.

A provider's own module says which replies its modes give; this one serves them,
keeps every request for the tests to look at, and stays in charge of the requests
it leaves hanging, so that nothing outlives the server.
"""

import argparse
import json
import re
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, Self

DRIP_INTERVAL = 0.02
"""Seconds between the bytes of a dripping body, far below any read time-out."""
PATIENCE = 60
"""Seconds after which a request will not come any more, on however slow a machine."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What a mode sends back; a dict goes out as JSON, text as a web page.

    ``pace`` is ``hang`` for no answer at all and ``drip`` for a body that comes
    byte by byte and never ends; both last until the server hangs up.
    """

    status: int = 200
    body: dict[str, Any] | str = ""
    pace: Literal["once", "hang", "drip"] = "once"
    headers: Mapping[str, str] = field(default_factory=dict)


Mode = Reply | Callable[[list[Request]], Reply]
"""A fixed reply, or one worked out from the requests so far, the current one last."""


class FakeProvider:
    """The server; use it as a context manager, and switch ``mode`` at will."""

    path: ClassVar[re.Pattern[str]]
    """What may be posted to; all else is answered with 404."""
    modes: ClassVar[Mapping[str, Mode]]

    def __init__(self, mode: str = "ok", port: int = 0) -> None:
        self.mode = mode
        self.requests: list[Request] = []
        self._open = 0
        self._changed = threading.Condition()
        self._hung_up = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where the server listens, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def open_requests(self) -> int:
        """How many requests are being answered right now, hanging ones included."""
        with self._changed:
            return self._open

    def wait_for_open(self, count: int) -> bool:
        """Wait until ``count`` requests are being answered; False if that takes unduly long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == count, timeout=PATIENCE)

    def wait_for_requests(self, count: int) -> bool:
        """Wait until ``count`` requests have come; False if that takes unduly long."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, timeout=PATIENCE)

    def hang_up(self) -> None:
        """End the requests that hang or drip, without an answer, and all such from now on."""
        self._hung_up.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: Request, handler: BaseHTTPRequestHandler) -> None:
        with self._changed:
            self.requests.append(request)
            reply = self._reply()
            self._open += 1
            self._changed.notify_all()
        try:
            self._send(reply, handler)
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _reply(self) -> Reply:
        if not self.path.fullmatch(self.requests[-1].path):
            return Reply(404, "<!doctype html><title>Not found</title>")
        mode = self.modes[self.mode]
        return mode if isinstance(mode, Reply) else mode(self.requests)

    def _send(self, reply: Reply, handler: BaseHTTPRequestHandler) -> None:
        if reply.pace == "hang":
            self._hung_up.wait()
            return
        is_json = isinstance(reply.body, dict)
        body = (json.dumps(reply.body) if is_json else str(reply.body)).encode()
        handler.send_response(reply.status)
        handler.send_header("Content-Type", "application/json" if is_json else "text/html")
        handler.send_header("Content-Length", str(1_000_000 if reply.pace == "drip" else len(body)))
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if reply.pace == "once":
            handler.wfile.write(body)
            return
        while not self._hung_up.wait(DRIP_INTERVAL):
            handler.wfile.write(b" ")


def _handler_for(provider: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                body = json.loads(self.rfile.read(length))
                provider._answer(Request(self.path, headers, body), self)
            except (ValueError, ConnectionError):
                # Not JSON, or the client gave up on a dripping body: hang up.
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Keep the test output quiet."""

    return Handler


def serve(fake_class: type[FakeProvider]) -> None:
    """Run a fake from the command line until it is interrupted or terminated."""
    parser = argparse.ArgumentParser(description="Play an AI provider on loopback.")
    parser.add_argument("--mode", choices=sorted(fake_class.modes), default="ok")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    given = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with fake_class(given.mode, given.port) as fake:
        print(fake.url, flush=True)
        stopped.wait()
