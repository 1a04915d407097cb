"""Which mails are written, to whom and in which words; none leaves, because there is no server."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_staff, make_ticket
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.mail import letters
from ticketdesk.models import Channel, MailKind, MailState, OutgoingMail, Staff, Ticket
from ticketdesk.tickets import service, undo
from ticketdesk.tickets.conversation import add_note, add_reply
from ticketdesk.tickets.service import Changes

PROGRAM = Actor(ActorKind.TOKEN, 7, "Shop backend")


@pytest.fixture
def setting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change settings of the running desk."""

    def change(**values: Any) -> None:
        monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], **values))

    return change


def written() -> list[OutgoingMail]:
    """The mails since the last look, oldest first."""
    mails = list(db.session.scalars(sa.select(OutgoingMail).order_by(OutgoingMail.id)))
    for mail in mails:
        db.session.expunge(mail)
    db.session.execute(sa.delete(OutgoingMail))
    return mails


def opened_ticket(**values: Any) -> Ticket:
    """A locked ticket, whose receipt has been looked at."""
    ticket = service.locked(make_ticket(**values).id)
    written()
    return ticket


def as_actor(staff: Staff) -> Actor:
    return Actor(ActorKind.STAFF, staff.id, staff.name)


def test_nobody_without_an_address_is_written_to(app: Flask, setting: Callable[..., None]) -> None:
    setting(mail_status_changes=True)
    ticket = service.locked(make_ticket(requester_email=None).id)
    add_reply(ticket, "Done.", PROGRAM, Channel.API, status=Status.RESOLVED)
    assert written() == []


def test_a_requester_is_not_told_what_they_did_themselves(app: Flask, setting: Callable[..., None]) -> None:
    setting(mail_status_changes=True)
    ticket = opened_ticket()
    add_reply(ticket, "One more thing.", CUSTOMER, Channel.PORTAL)
    service.change_status(ticket, Status.CLOSED, CUSTOMER)
    assert written() == []


def test_a_change_of_status_is_told_only_where_it_is_wanted(app: Flask, setting: Callable[..., None]) -> None:
    ticket = opened_ticket()
    service.change_status(ticket, Status.RESOLVED, PROGRAM)
    assert written() == []
    setting(mail_status_changes=True)
    service.change_status(ticket, Status.OPEN, PROGRAM)
    [mail] = written()
    assert (mail.kind, mail.recipient) == (MailKind.STATUS, "ada@example.com")
    assert "Your ticket is open again." in mail.text


def test_changes_before_a_mail_leaves_are_in_it(app: Flask, setting: Callable[..., None]) -> None:
    setting(mail_status_changes=True)
    ticket = opened_ticket()
    for status in (Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED):
        service.change_status(ticket, status, PROGRAM)
    [mail] = written()
    assert "Your ticket is closed." in mail.text
    assert "Your ticket is closed." in mail.html


def test_a_change_while_a_mail_leaves_is_the_next_one(app: Flask, setting: Callable[..., None]) -> None:
    setting(mail_status_changes=True)
    ticket = opened_ticket()
    service.change_status(ticket, Status.RESOLVED, PROGRAM)
    db.session.execute(sa.update(OutgoingMail).values(state="sending"))
    service.change_status(ticket, Status.CLOSED, PROGRAM)
    first, second = written()
    assert ("resolved" in first.text, "closed" in second.text) == (True, True)


def test_an_answer_that_resolves_is_one_mail(app: Flask, setting: Callable[..., None]) -> None:
    setting(mail_status_changes=True)
    add_reply(opened_ticket(), "It *works* now.", PROGRAM, Channel.API, status=Status.RESOLVED)
    [mail] = written()
    assert mail.kind == MailKind.REPLY
    for text in ("It *works* now.", "Your ticket is resolved."):
        assert text in mail.text
    assert "It <em>works</em> now." in mail.html


def test_an_answer_that_resolves_asks_for_a_rating_whatever_the_desk_tells_of_statuses(app: Flask) -> None:
    ticket = opened_ticket()
    add_reply(ticket, "It works now.", PROGRAM, Channel.API, status=Status.RESOLVED)
    add_reply(ticket, "Or does it?", PROGRAM, Channel.API, status=Status.IN_PROGRESS)
    resolved, reopened = written()
    for text in (resolved.text, resolved.html):
        assert "Your ticket is resolved." in text
        for word in ("good", "bad"):
            assert f"http://desk.test/t/{ticket.link_id.hex}/rating?rating={word}" in text
    assert "Somebody is working" in reopened.text
    assert "/rating" not in reopened.text + reopened.html


def test_who_answered_is_the_desks_matter(app: Flask) -> None:
    add_reply(opened_ticket(), "Done.", as_actor(make_staff(name="Grace Hopper")), Channel.STAFF)
    [mail] = written()
    assert "Hopper" not in mail.text + mail.html + str(mail.headers)


def test_a_note_is_in_no_mail(app: Flask, setting: Callable[..., None]) -> None:
    setting(mail_status_changes=True)
    agent = make_staff()

    @given(st.lists(st.sampled_from(["note", "reply", "assign", *Status]), max_size=8))
    @hypothesis.settings(max_examples=30)
    def hold(acts: list[str]) -> None:
        ticket = service.locked(make_ticket().id)
        for act in acts:
            match act:
                case "note":
                    add_note(ticket, "CANARY", PROGRAM, Channel.API)
                case "reply":
                    add_reply(ticket, "Hello.", PROGRAM, Channel.API)
                case "assign":
                    service.change(ticket, Changes(assignee=agent), PROGRAM)
                case _:
                    service.change_status(ticket, Status(act), PROGRAM)
        assert all("CANARY" not in mail.subject + mail.text + mail.html + str(mail.headers) for mail in written())

    hold()


def test_an_agent_is_told_what_others_gave_them(app: Flask) -> None:
    ticket, agent = opened_ticket(title="The export stops"), make_staff(name="Grace Hopper")
    service.change(ticket, Changes(assignee=agent), as_actor(make_staff(name="Alan")))
    [mail] = written()
    assert (mail.recipient, mail.subject) == (agent.email, f"[{ticket.reference}] Yours now: The export stops")
    assert "Alan has made this ticket yours" in mail.text
    assert f"http://desk.test/staff/tickets/{ticket.id}" in mail.text
    service.change(ticket, Changes(assignee=service.Clear.CLEAR), PROGRAM)
    service.change(ticket, Changes(assignee=agent), as_actor(agent))
    assert written() == [], "They took it themselves."


def test_many_tickets_are_listed_up_to_a_point(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "LISTED_MAX", 2)
    agent, tickets = make_staff(), [make_ticket(requester_email=None) for _ in range(3)]
    for _ in range(2):
        service.change_many([ticket.id for ticket in tickets], Changes(assignee=agent), PROGRAM)
    [mail] = written()
    assert mail.subject == "3 tickets are yours now"
    assert mail.text.count("/staff/tickets/") == 2
    assert "And 1 more" in mail.text


def test_what_is_undone_before_it_left_is_not_mailed(app: Flask, setting: Callable[..., None]) -> None:
    setting(mail_status_changes=True)
    agent, (one, other) = make_staff(), (opened_ticket(title="One"), opened_ticket(title="Other"))
    service.change(one, Changes(assignee=agent), PROGRAM)
    add_reply(other, "Look into the box.", PROGRAM, Channel.API)
    written_before = [(mail.kind, mail.text) for mail in waiting()]
    act = service.change_many([one.id, other.id], Changes(assignee=agent, status=Status.RESOLVED), PROGRAM).act
    assert act is not None
    assert [(mail.kind, mail.text) for mail in waiting()] != written_before
    undo.undo(act.id, PROGRAM)
    assert [(mail.kind, mail.text) for mail in waiting()] == written_before
    skipped = db.session.scalars(sa.select(OutgoingMail).where(OutgoingMail.last_error.contains("undone"))).all()
    assert [mail.kind for mail in skipped] == ["status"]


def waiting() -> list[OutgoingMail]:
    db.session.flush()
    statement = sa.select(OutgoingMail).where(OutgoingMail.state == MailState.WAITING).order_by(OutgoingMail.id)
    return list(db.session.scalars(statement))


def test_receipts_stop_while_tickets_keep_coming_and_begin_again(app: Flask) -> None:
    def make(minutes_later: int) -> str:
        past = sa.text("UPDATE outgoing_mail SET created_at = created_at - CAST(:minutes || ' min' AS interval)")
        db.session.execute(past, {"minutes": str(minutes_later)})
        make_ticket(requester_email="Ada+shop@Example.com")
        return str(db.session.scalars(sa.select(OutgoingMail.state).order_by(OutgoingMail.id.desc())).first())

    assert [make(0), make(10), make(10), make(10), make(20)] == ["waiting", "skipped", "skipped", "skipped", "waiting"]


def test_a_name_that_is_a_link_is_not_greeted(app: Flask) -> None:
    make_ticket(requester_name="Claim your prize at evil.test")
    [mail] = written()
    assert mail.text.startswith("Hello,\n")
    assert "prize" not in mail.text + mail.html


def test_what_people_write_is_text_in_the_html(app: Flask) -> None:
    add_reply(opened_ticket(title="<img src=x onerror=alert(1)>"), "<script>alert(1)</script>", PROGRAM, Channel.API)
    [mail] = written()
    assert "<img" not in mail.html
    assert "<script" not in mail.html
    assert "&lt;img src=x onerror=alert(1)&gt;" in mail.html


def test_nothing_in_a_mail_is_fetched_from_anywhere(app: Flask) -> None:
    add_reply(opened_ticket(), "![tracker](https://evil.test/pixel.gif)", PROGRAM, Channel.API)
    [mail] = written()
    for way in ("<img", "<link", "<script", "<iframe", "url(", "@import", "src="):
        assert way not in mail.html


@pytest.mark.parametrize(("language", "said"), [("en", "has answered your ticket"), ("de", "hat auf Ihr Ticket")])
def test_the_language_is_a_setting(app: Flask, setting: Callable[..., None], language: str, said: str) -> None:
    setting(mail_language=language, mail_status_changes=True)
    agent = make_staff()
    ticket = service.locked(make_ticket().id)
    for status in Status:
        service.change_status(ticket, status, PROGRAM)
        db.session.execute(sa.update(OutgoingMail).values(state="sent", sent_at=sa.func.now()))
    add_reply(ticket, "Done.", PROGRAM, Channel.API)
    service.change(ticket, Changes(assignee=agent), PROGRAM)
    letters.sign_in(ticket)
    mails = written()
    assert {mail.kind for mail in mails} == set(MailKind)
    assert said in next(mail.text for mail in mails if mail.kind == MailKind.REPLY)
    for mail in mails:
        assert f'<html lang="{language}">' in mail.html
        assert "\n\n\n" not in mail.text
        for face in (mail.subject, mail.text, mail.html):
            assert face.strip()
            assert "None" not in face
            assert "{{" not in face


GOOD = {"kind": "receipt", "ticket_ids": "{1}", "recipient": "a@b.test", "mailbox": "a@b.test", "subject": "S"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "spam"),
        ("kind", "sign_in"),
        ("state", "lost"),
        ("subject", "S\r\nBcc: eve@evil.test"),
        ("subject", " "),
        ("recipient_name", "A\nB"),
        ("recipient", "a@b.test\n"),
        ("recipient", "nobody"),
        ("ticket_ids", "{}"),
        ("state", "sent"),
    ],
)
def test_the_database_refuses_what_is_no_mail(app: Flask, column: str, value: str) -> None:
    make_ticket(requester_email=None)
    row = GOOD | {"text": "T", "html": "H"}
    insert = "INSERT INTO outgoing_mail (event_id, {}) SELECT id, {} FROM event"

    def add(values: dict[str, str]) -> None:
        names = ", ".join(values)
        places = ", ".join(f"CAST(:{name} AS {'bigint[]' if name == 'ticket_ids' else 'text'})" for name in values)
        with db.session.begin_nested():
            db.session.execute(sa.text(insert.format(names, places)), values)

    with pytest.raises(sa.exc.DBAPIError):
        add(row | {column: value})
    add(row)
    with pytest.raises(sa.exc.IntegrityError, match="uq_outgoing_mail_cause"):
        add(row | {"recipient": "A@b.test"})
