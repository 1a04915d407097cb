"""The outbox in the console."""

import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.factories import make_ticket
from tests.staff.conftest import Send, toasts
from ticketdesk.extensions import db
from ticketdesk.mail import outbox
from ticketdesk.models import OutgoingMail


def make_mail(state: str = "waiting", **ticket: str) -> int:
    """The receipt of a new ticket, in the state; gives its id."""
    make_ticket(**ticket, requester_email=f"{state}@example.com")  # type: ignore[arg-type]
    sent_at = "now()" if state == "sent" else "NULL"
    newest = "(SELECT max(id) FROM outgoing_mail)"
    changed = sa.text(f"UPDATE outgoing_mail SET state = :state, sent_at = {sent_at} WHERE id = {newest} RETURNING id")
    number: int = db.session.execute(changed, {"state": state}).scalar_one()
    db.session.commit()
    return number


def numbers(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<a href="/staff/outbox/(\d+)"', html)]


def test_mails_are_listed_with_the_newest_first(admin: FlaskClient) -> None:
    first, second = make_mail("failed"), make_mail("sent")
    db.session.execute(sa.update(OutgoingMail).where(OutgoingMail.id == first).values(last_error="550 No such mailbox"))
    html = admin.get("/staff/outbox/").text
    assert numbers(html) == [second, first]
    for shown in ("Failed", "Sent", "550 No such mailbox", "no mail server"):
        assert shown in html
    assert numbers(admin.get("/staff/outbox/?state=failed").text) == [first]
    assert "No mail is unsure" in admin.get("/staff/outbox/?state=unsure").text


def test_older_mails_are_on_the_next_page(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAGE_SIZE", 2)
    made = [make_mail("kept") for _ in range(3)]
    first = admin.get("/staff/outbox/?state=kept").text
    assert numbers(first) == [made[2], made[1]]
    assert f'rel="next" href="/staff/outbox/?state=kept&amp;before={made[1]}"' in first
    assert numbers(admin.get(f"/staff/outbox/?state=kept&before={made[1]}").text) == [made[0]]


def test_a_mail_is_shown_as_text_and_its_html_can_do_nothing(admin: FlaskClient) -> None:
    number = make_mail(title="<script>alert(1)</script>")
    page = admin.get(f"/staff/outbox/{number}")
    assert "We have your ticket" in page.text
    assert "<script>alert" not in page.text
    html = admin.get(f"/staff/outbox/{number}/html")
    assert "<script" not in html.text
    policy = html.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script" not in policy


@pytest.mark.parametrize("state", ["failed", "kept", "unsure", "sent", "waiting", "sending", "skipped"])
def test_without_a_mail_server_nothing_is_sent(admin: FlaskClient, send: Send, state: str) -> None:
    number = make_mail(state)
    answer = send(admin, "/staff/outbox/send/", id=number)
    assert toasts(answer) == ["There is no mail server to send it through; set MAIL_URL and start the desk again."]
    assert "Send again" not in answer.text


@pytest.mark.parametrize("query", ["state=x", "state=%00", "before=x", "before=-1", "before="])
def test_an_address_that_makes_no_sense_is_refused(admin: FlaskClient, query: str) -> None:
    assert admin.get(f"/staff/outbox/?{query}").status_code == 400


@pytest.mark.parametrize("path", ["999999", "0", "x", "9" * 30, "999999/html"])
def test_a_mail_that_is_not_there_is_not_found(admin: FlaskClient, path: str) -> None:
    assert admin.get(f"/staff/outbox/{path}").status_code == 404


def test_an_outbox_without_mails_says_so(admin: FlaskClient) -> None:
    assert "No mails yet" in admin.get("/staff/outbox/").text


def test_agents_do_not_read_mails(agent: FlaskClient) -> None:
    assert agent.get(f"/staff/outbox/{make_mail()}").status_code == 403
    assert "/staff/outbox/" not in agent.get("/staff/queue/").text


def test_old_mails_that_are_done_are_forgotten(admin: FlaskClient) -> None:
    for state in ("sent", "kept", "skipped", "failed", "unsure", "waiting"):
        make_mail(state)
    db.session.execute(sa.text("UPDATE outgoing_mail SET created_at = now() - interval '91 days'"))
    young = make_mail("sent")
    outbox.forget(timestamp=0)
    left = db.session.execute(sa.select(OutgoingMail.state, OutgoingMail.id).order_by(OutgoingMail.id)).all()
    assert [state for state, _ in left] == ["failed", "unsure", "waiting", "sent"]
    assert left[-1].id == young
