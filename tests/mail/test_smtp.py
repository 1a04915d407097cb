"""Handing mails to a real server over a real connection, and what is known when that goes wrong."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config import MailServer
from tests.fakes.certificates import make_certificate
from tests.fakes.smtp import PASSWORD, USER, FakeMailServer, Mode
from ticketdesk.mail import smtp

PARCEL = smtp.Parcel("desk@example.com", "ada@example.com", b"Subject: Dots\r\n\r\n.\r\n..two\r\nlast line\r\n")


@pytest.fixture
def fake() -> Iterator[FakeMailServer]:
    with FakeMailServer() as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def at(fake: FakeMailServer) -> MailServer:
    return MailServer("127.0.0.1", fake.port, "none")


def hand_over(server: MailServer, parcel: smtp.Parcel = PARCEL, *, timeout: float = 20) -> bool:
    """Send, and say whether the text was announced; what goes wrong carries that too."""
    announced: list[bool] = []
    try:
        smtp.send(server, parcel, timeout=timeout, before_text=lambda: announced.append(True))
    except smtp.Undelivered as error:
        error.announced = bool(announced)  # type: ignore[attr-defined]
        raise
    return bool(announced)


def test_a_text_arrives_as_it_was_sent(fake: FakeMailServer) -> None:
    assert hand_over(at(fake))
    [mail] = fake.received
    assert (mail.sender, mail.recipients) == ("desk@example.com", ["ada@example.com"])
    assert mail.content == PARCEL.content


@pytest.mark.parametrize(
    ("mode", "error", "announced", "said"),
    [
        ("refuse sender", smtp.Refused, False, "the sender: 550 Not from here"),
        ("refuse recipient", smtp.Refused, False, "the recipient: 550 No such mailbox"),
        ("refuse text", smtp.Refused, True, "the mail: 554 This looks like spam"),
        ("greylist", smtp.NotNow, False, "the recipient: 451 Greylisted"),
        ("defer text", smtp.NotNow, True, "the mail: 452 Out of room"),
        ("hang", smtp.NotNow, False, "does not answer in time"),
        ("drop at recipient", smtp.NotNow, False, "it hung up"),
        ("hang after text", smtp.Unsure, True, "does not answer in time"),
        ("drop after text", smtp.Unsure, True, "it hung up"),
    ],
)
def test_what_is_known_when_it_goes_wrong(
    fake: FakeMailServer,
    monkeypatch: pytest.MonkeyPatch,
    mode: Mode,
    error: type[smtp.Undelivered],
    announced: bool,
    said: str,
) -> None:
    if mode == "hang after text":
        monkeypatch.setattr(smtp, "PATIENCE_AFTER_TEXT", 0.01)
    fake.mode = mode
    with pytest.raises(smtp.Undelivered, match=said) as raised:
        hand_over(at(fake), timeout=0.2 if mode == "hang" else 20)
    assert raised.type is error
    assert raised.value.announced == announced  # type: ignore[attr-defined]


def test_a_server_that_is_not_there_can_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(smtp.NotNow, match="Connection refused"):
        hand_over(MailServer("127.0.0.1", port, "none"))


def test_nothing_is_sent_where_it_cannot_be_noted(fake: FakeMailServer) -> None:
    def fail() -> None:
        raise LookupError("the database is away")

    with pytest.raises(LookupError):
        smtp.send(at(fake), PARCEL, timeout=20, before_text=fail)
    assert fake.received == []


# The server does not know of an encryption that was there before it.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_and_signed_in(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    public, context = certificate
    encrypted = FakeMailServer(tls=context) if security == "tls" else FakeMailServer(starttls=context)
    encrypted.login_required = True
    with encrypted as fake:
        server = replace(at(fake), security=security, user=USER, password=PASSWORD)  # type: ignore[arg-type]
        with pytest.raises(smtp.NotNow, match="its certificate is not trusted"):
            hand_over(server)
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        assert hand_over(server)
        with pytest.raises(smtp.NotNow, match="535"):
            smtp.try_out(replace(server, password="wrong"), timeout=20)
        smtp.try_out(server, timeout=20)
    assert len(fake.received) == 1


def test_a_server_without_encryption_does_not_see_the_password(fake: FakeMailServer) -> None:
    server = replace(at(fake), security="starttls", user=USER, password=PASSWORD)
    with pytest.raises(smtp.NotNow, match="STARTTLS"):
        hand_over(server)


def test_letters_beyond_ascii_in_an_address(fake: FakeMailServer) -> None:
    assert hand_over(at(fake), replace(PARCEL, recipient="grüße@example.com"))
    assert fake.received[0].recipients == ["grüße@example.com"]
