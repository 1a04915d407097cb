"""A loopback mail server, well behaved or not; the SMTP itself is aiosmtpd's."""

import asyncio
import ssl
import threading
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Literal, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Mode = Literal[
    "ok",
    "greylist",
    "refuse recipient",
    "refuse sender",
    "refuse text",
    "defer text",
    "hang",
    "hang after text",
    "drop at recipient",
    "drop after text",
]
USER, PASSWORD = "desk", "p@ss/word"


@dataclass(frozen=True, slots=True)
class Received:
    """One mail that the server took, as it came over the wire."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail as its reader's program sees it."""
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def text(self) -> str:
        """The plain part."""
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        """The other part."""
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())


class FakeMailServer:
    """The server; use it as a context manager, and switch ``mode`` at will."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None) -> None:
        self.mode: Mode = "ok"
        self.received: list[Received] = []
        self.recipients_asked: list[str] = []
        self.login_required = False
        self._tls, self._starttls = tls, starttls
        self._seen: set[str] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    def _protocol(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            auth_required=self.login_required,
            auth_require_tls=self._tls is None,
            authenticator=_authenticate,
        )

    # What aiosmtpd calls, by these names; what they return goes over the wire.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.mode == "refuse sender":
            return "550 5.7.1 Not from here"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        self.recipients_asked.append(address)
        match self.mode:
            case "refuse recipient":
                return "550 5.1.1 No such mailbox"
            case "greylist" if address not in self._seen:
                self._seen.add(address)
                return "451 4.7.1 Greylisted, try again later"
            case "hang":
                await self._stop.wait()
            case "drop at recipient":
                _drop(server)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        match self.mode:
            case "refuse text":
                return "554 5.7.1 This looks like spam"
            case "defer text":
                return "452 4.3.1 Out of room"
        content = envelope.original_content or b""
        self.received.append(Received(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        if self.mode == "hang after text":
            await self._stop.wait()
        if self.mode == "drop after text":
            _drop(server)
        return "250 2.0.0 Queued"


def _drop(server: SMTP) -> None:
    transport = server.transport
    assert transport is not None
    transport.abort()  # type: ignore[attr-defined]


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)
