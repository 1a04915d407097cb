"""Names, titles and addresses that want to be more than that."""

from email import message_from_bytes, policy

import hypothesis
import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from config import Settings
from tests.factories import make_ticket
from ticketdesk.extensions import db
from ticketdesk.mail import addresses, compose
from ticketdesk.models import OutgoingMail

KEY = "a-secret-key-for-tests-that-is-long-enough"

# Letters of headers, line ends of all kinds, encoded words and whatever else there is.
EVIL = st.lists(
    st.one_of(
        st.sampled_from(
            (
                *("\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x1b", "\u202e", "\r\n\r\n<b>", "é", "李"),
                *("Bcc: eve@evil.test", "<eve@evil.test>", '"', "\\", ",", ";", ":", "@", "=?", "?="),
                *("=?utf-8?q?=0D=0ABcc=3A_eve=40evil.test?=", "=?utf-8?b?DQpCY2M6IGVAZXZpbC50ZXN0?="),
            )
        ),
        st.text(max_size=20),
    ),
    max_size=12,
).map("".join)


def wire(settings: Settings, mail: OutgoingMail) -> bytes:
    return compose.parcel(mail, settings).content


@pytest.fixture
def mail(app: Flask) -> OutgoingMail:
    make_ticket()
    mail = db.session.query(OutgoingMail).one()
    db.session.expunge(mail)
    return mail


def test_no_text_becomes_a_header_or_a_recipient(app: Flask, mail: OutgoingMail) -> None:
    settings: Settings = app.config["SETTINGS"]
    names = message_from_bytes(wire(settings, mail), policy=policy.default).keys()

    # What an encoded word holds is looked at once more after it was decoded, line ends and all.
    @example(title="=?utf-8?q?=0D=0ABcc=3A_eve=40evil.test?=", name="")
    @example(title="", name="=?utf-8?q?=0D=0ABcc=3A_eve=40evil.test?=")
    @given(title=EVIL, name=EVIL)
    @hypothesis.settings(max_examples=50)
    def hold(title: str, name: str) -> None:
        mail.subject, mail.recipient_name = f"[TD-1001] {title}", name
        content = wire(settings, mail)
        head = content.partition(b"\r\n\r\n")[0]
        assert all(line and line.isascii() and len(line) <= 998 for line in head.split(b"\r\n"))
        message = message_from_bytes(content, policy=policy.default)
        assert message.keys() == names
        assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.com"]
        body = message.get_body(("plain",))
        assert body is not None
        assert body.get_content().replace("\r\n", "\n") == mail.text

    hold()


@given(EVIL)
def test_a_header_text_is_one_line_that_shows(text: str) -> None:
    clean = addresses.header_text(text)
    assert clean == clean.strip()
    assert clean.splitlines() in ([], [clean])
    assert not any(character < " " or character in "\x7f\x85\u202e" for character in clean)


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Dr. J. R. Müller-Lüdenscheid", "Dr. J. R. Müller-Lüdenscheid"),
        ("李明", "李明"),
        (None, ""),
        ("You won! http://evil.test/prize", ""),
        ("Claim it at evil.test", ""),
        ("www.evil", ""),
        ("eve@evil.test", ""),
    ],
)
def test_a_name_that_is_more_like_a_link_is_not_greeted(name: str | None, greeted: str) -> None:
    assert addresses.greeting_name(name) == greeted


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Ada@Example.com", "ada@example.com"),
        ("ada+1@example.com", "ada@example.com"),
        ("ada+1+2@example.com", "ada@example.com"),
        ("+ada@example.com", "+ada@example.com"),
    ],
)
def test_all_spellings_of_a_mailbox_are_one(address: str, mailbox: str) -> None:
    assert addresses.mailbox(address) == mailbox


def test_a_domain_goes_out_in_ascii() -> None:
    assert addresses.on_the_wire("ada@bücher.example") == "ada@xn--bcher-kva.example"
    assert addresses.on_the_wire("grüße@bücher.example") == "grüße@xn--bcher-kva.example"


@pytest.mark.parametrize("address", ["a\r\nBcc: eve@evil.test", "a@b\r\n.test", "<a@b.test>", "a@b.test,c@d.test", "a"])
def test_what_is_no_address_gets_no_mail(address: str) -> None:
    with pytest.raises(addresses.NotAnAddress):
        addresses.on_the_wire(address)


@given(st.integers(1, 2**63 - 1))
def test_an_answer_comes_back_to_its_ticket(ticket_id: int) -> None:
    made = addresses.reply_address("desk@example.com", ticket_id, KEY)
    assert len(made.partition("@")[0]) <= 64
    for came in (made, made.upper(), f" {made} "):
        assert addresses.ticket_of(came, KEY) == ticket_id


def test_nobody_else_makes_a_reply_address() -> None:
    made = addresses.reply_address("desk@example.com", 1042, KEY)
    assert addresses.ticket_of(made.replace("1042", "1043"), KEY) is None
    assert addresses.ticket_of(made, KEY + "x") is None
    for other in ("desk@example.com", "desk+1042@example.com", "desk+1042.@example.com", "x", "", f"{made}\n.evil"):
        assert addresses.ticket_of(other, KEY) is None
