"""Turning optional mails off by the link in them: people press a button, mail programs send theirs (RFC 8058)."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_ticket
from ticketdesk.core.actors import SYSTEM
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.mail import subscriptions
from ticketdesk.models import Channel, MailKind, OutgoingMail
from ticketdesk.tickets import conversation, service

OFF = subscriptions.SENTENCE


@pytest.fixture
def url(app: Flask, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of Ada's link, at a desk that mails new statuses."""
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], mail_status_changes=True))
    return subscriptions.unsubscribe_url("Ada@example.com").removeprefix("http://desk.test")


def resolve(**values: str) -> None:
    service.change_status(service.locked(make_ticket(**values).id), Status.RESOLVED, SYSTEM)  # type: ignore[arg-type]
    db.session.commit()


def statuses() -> list[tuple[str, str | None]]:
    """What became of the mails about statuses, oldest first."""
    wanted = sa.select(OutgoingMail.state, OutgoingMail.last_error).where(OutgoingMail.kind == MailKind.STATUS)
    return [(row.state, row.last_error) for row in db.session.execute(wanted.order_by(OutgoingMail.id))]


def test_reading_changes_nothing_and_the_button_does(client: FlaskClient, url: str) -> None:
    for method in ("HEAD", "GET"):
        client.open(url, method=method)
    assert "Stop these mails" in client.get(url).text
    assert not subscriptions.is_unsubscribed("ada@example.com")
    assert "You are unsubscribed" in client.post(url, data={"mails": "off"}).text
    assert "These mails are off" in client.get(url).text
    resolve()
    assert statuses() == [("skipped", OFF)]
    assert "You get these mails again" in client.post(url, data={"mails": "on"}).text
    resolve()
    assert statuses() == [("skipped", OFF), ("waiting", None)]


def test_a_mail_program_needs_no_session_and_gets_no_redirect(client: FlaskClient, url: str) -> None:
    for _ in range(2):
        assert client.post(url, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert subscriptions.is_unsubscribed("ADA@EXAMPLE.COM")
    assert not subscriptions.is_unsubscribed("eve@example.com")


def test_what_waits_is_not_sent_any_more(client: FlaskClient, url: str) -> None:
    resolve()
    resolve(requester_email="eve@example.com")
    client.post(url)
    assert statuses() == [("skipped", OFF), ("waiting", None)]


def test_answers_and_receipts_come_all_the_same(client: FlaskClient, url: str) -> None:
    client.post(url)
    ticket = service.locked(make_ticket().id)
    conversation.add_reply(ticket, "Done.", SYSTEM, Channel.STAFF, status=Status.RESOLVED)
    mails = db.session.scalars(sa.select(OutgoingMail).order_by(OutgoingMail.id)).all()
    assert [(mail.kind, mail.state) for mail in mails] == [("receipt", "waiting"), ("reply", "waiting")]
    assert not any("List-Unsubscribe" in mail.headers for mail in mails)
    assert "/unsubscribe/" not in "".join(mail.text + mail.html for mail in mails)


def test_the_mail_says_how(client: FlaskClient, url: str, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve()
    mail = db.session.scalars(sa.select(OutgoingMail).where(OutgoingMail.kind == MailKind.STATUS)).one()
    link = f"http://desk.test{url}"
    assert mail.headers["List-Unsubscribe"] == f"<{link}>"
    assert "List-Unsubscribe-Post" not in mail.headers, "One click needs https."
    assert link in mail.text
    assert f'href="{link}"' in mail.html
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], public_url="https://desk.test"))
    assert subscriptions.headers("ada@example.com")["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize("change", [lambda key: key[:-1] + "x", lambda key: "x", lambda key: "ImFkYUBleGFtcGxlLmNvbSI"])
def test_nobody_makes_a_link_for_another(client: FlaskClient, url: str, change: "object") -> None:
    assert callable(change)
    forged = "/unsubscribe/" + change(url.rpartition("/")[2])
    assert client.get(forged).status_code == client.post(forged).status_code == 404
    assert db.session.scalar(sa.text("SELECT count(*) FROM unsubscribed")) == 0
