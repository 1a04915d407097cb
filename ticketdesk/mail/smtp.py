"""The one way out to a mail server.

A failure is sorted by what can be known: `NotNow` where the server does not have
the mail and may take it later, `Refused` where it never will, and `Unsure` where
the connection ended between the text and the server's answer to it.
"""

import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from config import MailServer

# A server may look into a mail before it answers; RFC 5321 grants it ten minutes, but a worker has others to send.
PATIENCE_AFTER_TEXT = 5
_LINE_WITH_DOT = re.compile(rb"(?m)^\.")
_CODE = re.compile(r"^[245]\.\d{1,3}\.\d{1,3} ")


class Undelivered(Exception):
    """Base of all; ``str()`` is a sentence for the operator."""


class NotNow(Undelivered):
    """The server does not have the mail; it can be tried again."""


class Refused(Undelivered):
    """The server does not have the mail and will not take it."""


class Unsure(Undelivered):
    """The server may have the mail."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A mail as it goes over the wire; the addresses are those of the envelope."""

    sender: str
    recipient: str
    content: bytes


def send(server: MailServer, parcel: Parcel, *, timeout: float, before_text: Callable[[], None]) -> None:
    """Hand a mail over. ``before_text`` is called when from here on the server might have it.

    Raises:
        Undelivered: as its kinds say.
    """
    with _connected(server, timeout) as connection:
        _check(connection.mail(parcel.sender, _options(connection, parcel)), "the sender")
        _check(connection.rcpt(parcel.recipient), "the recipient")
        _check(connection.docmd("DATA"), "the mail", good=354)
        before_text()
        answer = _hand_over(connection, parcel.content, timeout * PATIENCE_AFTER_TEXT)
        _check(answer, "the mail")


def try_out(server: MailServer, *, timeout: float) -> None:
    """Connect and sign in, and send nothing.

    Raises:
        NotNow: that does not work.
    """
    with _connected(server, timeout):
        pass


@contextmanager
def _connected(server: MailServer, timeout: float) -> Iterator[smtplib.SMTP]:
    """A connection, encrypted and signed in. Whatever goes wrong on the way there is not the mail's fault."""
    with contextlib.ExitStack() as stack:
        try:
            connection = _connect(server, timeout)
            stack.callback(connection.close)
            connection.ehlo_or_helo_if_needed()
            if server.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
                connection.ehlo_or_helo_if_needed()
            if server.user is not None:
                connection.login(server.user, server.password or "")
        except (smtplib.SMTPException, OSError) as error:
            raise NotNow(f"{server.host} cannot be used: {_said(error)}.") from error
        try:
            yield connection
        except (smtplib.SMTPException, OSError) as error:
            raise NotNow(f"The connection to {server.host} ended: {_said(error)}.") from error
        with contextlib.suppress(smtplib.SMTPException, OSError):
            connection.quit()


def _connect(server: MailServer, timeout: float) -> smtplib.SMTP:
    # The name of this machine is the server's to doubt; looking it up could take as long as the mail.
    name = socket.gethostname() or "localhost"
    if server.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, name, timeout=timeout, context=context)
    return smtplib.SMTP(server.host, server.port, name, timeout=timeout)


def _options(connection: smtplib.SMTP, parcel: Parcel) -> list[str]:
    if parcel.recipient.isascii():
        return []
    if not connection.has_extn("smtputf8"):
        raise Refused(f"The mail server takes no address with letters beyond ASCII, such as {parcel.recipient}.")
    connection.command_encoding = "utf-8"
    return ["SMTPUTF8", "BODY=8BITMIME"]


def _hand_over(connection: smtplib.SMTP, content: bytes, patience: float) -> tuple[int, bytes]:
    try:
        if connection.sock is not None:
            connection.sock.settimeout(patience)
        connection.send(_LINE_WITH_DOT.sub(b"..", content) + b".\r\n")
        return connection.getreply()
    except (smtplib.SMTPException, OSError) as error:
        raise Unsure(
            f"The connection ended before the server said whether it took the mail: {_said(error)}."
        ) from error


def _check(answer: tuple[int, bytes], what: str, *, good: int = 250) -> None:
    code, text = answer
    if code == good or (good == 250 and code == 251):
        return
    said = f"The mail server does not take {what}: {code} {_readable(text)}"
    raise (Refused if 500 <= code < 600 else NotNow)(said)


def _said(error: Exception) -> str:
    match error:
        case smtplib.SMTPResponseException():
            return f"{error.smtp_code} {_readable(error.smtp_error)}"
        # What the library says of a server that is silent too long is that it hung up.
        case TimeoutError() | smtplib.SMTPServerDisconnected(__context__=TimeoutError()):
            return "it does not answer in time"
        case smtplib.SMTPServerDisconnected():
            return "it hung up"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case OSError():
            return (error.strerror or str(error) or type(error).__name__).rstrip(".")
    return str(error).rstrip(".") or type(error).__name__


def _readable(text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return _CODE.sub("", " ".join(said.replace("\0", "").split()))[:500]
