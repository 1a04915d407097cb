"""What the tests of mails do with the queue and look up in the outbox."""

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import csrf_header, signed_in
from ticketdesk.extensions import db
from ticketdesk.jobs import worker
from ticketdesk.models import OutgoingMail, Role


def run(desk: Flask) -> None:
    """Let the worker do what is due."""
    worker.run(desk, wait=False)
    db.session.expire_all()


def mails() -> list[tuple[str, str]]:
    """All mails as the outbox has them, oldest first."""
    rows = db.session.execute(sa.select(OutgoingMail.kind, OutgoingMail.state).order_by(OutgoingMail.id)).all()
    db.session.rollback()
    return [(row.kind, row.state) for row in rows]


def only_mail() -> OutgoingMail:
    return db.session.scalars(sa.select(OutgoingMail)).one()


def send_again(desk: Flask) -> str:
    """Press the button in the console, and give what it says."""
    client: FlaskClient = signed_in(desk, Role.ADMIN)
    number = only_mail().id
    db.session.rollback()
    page = client.post("/staff/outbox/send/", data={"id": number}, headers=csrf_header(client), follow_redirects=True)
    said = page.text.partition('<div class="toast')[2].partition("<p>")[2].partition("</p>")[0]
    db.session.expire_all()
    return said
