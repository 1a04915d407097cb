"""From what happens to the mail about it: through the doors, the queue and the worker to a real mail server."""

import threading

import sqlalchemy as sa
from flask import Flask

from tests.conftest import csrf_header, opened, settings_for, signed_in
from tests.factories import make_staff, make_ticket
from tests.fakes.smtp import FakeMailServer, Received
from tests.flows.conftest import Program
from tests.flows.mailing import mails, run
from ticketdesk import create_app
from ticketdesk.core.actors import CUSTOMER, SYSTEM
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.mail import addresses
from ticketdesk.models import MailState, Role, Ticket
from ticketdesk.tickets import service
from ticketdesk.tickets.service import Changes, NewTicket

NEW = {
    "title": "Double charge",
    "description": "I was charged twice for one invoice, please refund.",
    "requester_name": "Ada Lovelace",
    "requester_email": "ada@example.com",
    "category": "billing",
    "priority": "high",
}


def from_form(desk: Flask) -> None:
    client = desk.test_client()
    client.post("/", data=NEW, headers=csrf_header(client))


def from_api(desk: Flask) -> None:
    desk.test_client().post("/api/tickets/", json=NEW)


def essence(mail: Received, ticket: Ticket) -> tuple[str, ...]:
    """What makes a mail, without what is different for each ticket."""
    message = mail.message
    texts = (str(message["Subject"]), str(message["To"]), mail.text, mail.html)
    return tuple(text.replace(ticket.reference, "TD-").replace(ticket.link_id.hex, "LINK") for text in texts)


def test_every_door_leads_to_the_same_receipt(desk: Flask, server: FakeMailServer) -> None:
    seen = []
    for door in (from_form, from_api):
        door(desk)
        run(desk)
        ticket = db.session.scalars(sa.select(Ticket).order_by(Ticket.id.desc())).first()
        assert ticket is not None
        mail = server.received[-1]
        assert mail.recipients == ["ada@example.com"]
        assert f"http://desk.test/t/{ticket.link_id.hex}" in mail.text
        assert f'href="http://desk.test/t/{ticket.link_id.hex}"' in mail.html
        assert ticket.description not in mail.text, "Anybody can type somebody else's address."
        seen.append(essence(mail, ticket))
        db.session.execute(sa.text("UPDATE outgoing_mail SET created_at = created_at - interval '1 hour'"))
        db.session.commit()
    assert seen[0] == seen[1]
    assert seen[0][:2] == ("[TD-] Double charge", "Ada Lovelace <ada@example.com>")
    assert mails() == [("receipt", "sent"), ("receipt", "sent")]


def test_a_conversation_is_one_thread_and_each_answer_one_mail(
    desk: Flask, server: FakeMailServer, program: Program
) -> None:
    ticket = program("POST", "/api/tickets/", **NEW)
    messages = f"/api/tickets/{ticket['id']}/messages/"
    program("POST", messages, kind="note", body="CANARY, for the desk alone.")
    program("POST", messages, kind="reply", body="We have **refunded** one of them.")
    program("PATCH", f"/api/tickets/{ticket['id']}/", status="resolved")
    run(desk)
    program("PATCH", f"/api/tickets/{ticket['id']}/", status="closed")
    run(desk)
    # An answer and the status behind it leave as one, because the worker had not come by in between.
    assert mails() == [("receipt", "sent"), ("reply", "sent"), ("status", "sent")]
    receipt, reply, status = sorted(server.received, key=lambda mail: len(mail.message.get("References", "").split()))
    assert "We have **refunded** one of them." in reply.text
    assert "<strong>refunded</strong>" in reply.html
    assert "Your ticket is resolved." in reply.text
    assert "Your ticket is closed." in status.text
    assert "CANARY" not in "".join(mail.text + mail.html for mail in server.received)
    assert reply.message["In-Reply-To"] == receipt.message["Message-ID"]
    assert status.message["References"] == f"{receipt.message['Message-ID']} {reply.message['Message-ID']}"
    assert {mail.message["Subject"] for mail in server.received} == {f"[{ticket['reference']}] Double charge"}
    assert [mail.message["Auto-Submitted"] for mail in (receipt, reply, status)] == [
        "auto-generated",
        None,
        "auto-generated",
    ]
    for mail in server.received:
        assert addresses.ticket_of(mail.message["Reply-To"], desk.config["SECRET_KEY"]) == ticket["id"]


def test_a_bulk_assignment_is_one_mail(desk: Flask, server: FakeMailServer) -> None:
    agent = make_staff(email="grace@example.com")
    tickets = [make_ticket(f"Ticket {number}", requester_email=None) for number in range(3)]
    service.change_many([ticket.id for ticket in tickets], Changes(assignee=agent), SYSTEM)
    db.session.commit()
    run(desk)
    [mail] = server.received
    assert mail.recipients == ["grace@example.com"]
    assert mail.message["Subject"] == "3 tickets are yours now"
    for ticket in tickets:
        assert f"http://desk.test/staff/tickets/{ticket.id}" in mail.text
        assert ticket.title in mail.html


def test_a_bulk_change_in_the_console_tells_each_requester_once(desk: Flask, server: FakeMailServer) -> None:
    tickets = [make_ticket(requester_email=f"{name}@example.com") for name in ("ada", "grace")]
    run(desk)
    server.received.clear()
    client = signed_in(desk, Role.AGENT)
    answer = client.post(
        "/staff/queue/",
        data={"ticket": [ticket.id for ticket in tickets], "status": "resolved"},
        headers=csrf_header(client),
    )
    assert answer.status_code < 400, answer.text
    run(desk)
    assert sorted(mail.recipients for mail in server.received) == [["ada@example.com"], ["grace@example.com"]]
    assert all("Your ticket is resolved." in mail.text for mail in server.received)


def test_a_flood_of_tickets_for_one_address_is_one_mail(desk: Flask, server: FakeMailServer) -> None:
    spellings = ["ada@example.com", "ADA@example.com", "ada+1@example.com", "ada@EXAMPLE.com"]
    ready = threading.Barrier(len(spellings))

    def post(address: str) -> None:
        client = desk.test_client()
        ready.wait(60)
        for number in range(10):
            client.post("/api/tickets/", json=NEW | {"requester_email": address, "title": f"{address} {number}"})

    senders = [threading.Thread(target=post, args=(spelling,)) for spelling in spellings]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    run(desk)
    assert len(server.received) == 1
    assert sorted(mails()) == [("receipt", "sent")] + 39 * [("receipt", "skipped")]


def test_a_cause_that_did_not_happen_leaves_no_mail(desk: Flask, server: FakeMailServer) -> None:
    service.create_ticket(NewTicket("Title", "Description", None, "ada@example.com"), CUSTOMER)
    db.session.rollback()
    run(desk)
    assert mails() == []
    assert server.received == []


def test_demo_tickets_never_mail(desk: Flask, server: FakeMailServer, program: Program) -> None:
    assert desk.test_cli_runner().invoke(args=["demo", "5"]).exit_code == 0
    for ticket in db.session.scalars(sa.select(Ticket).where(Ticket.requester_email.is_not(None))).all():
        program("POST", f"/api/tickets/{ticket.id}/messages/", kind="reply", body="Try it again.")
        program("PATCH", f"/api/tickets/{ticket.id}/", assignee=make_staff().email)
    run(desk)
    assert server.received == []
    assert {state for _, state in mails()} == {MailState.SKIPPED}


def test_a_customer_finds_their_tickets_by_the_link_in_a_mail(desk: Flask, server: FakeMailServer) -> None:
    make_ticket("The export stops")
    make_ticket("Not hers", requester_email="eve@example.com")
    run(desk)
    server.received.clear()
    client = desk.test_client()
    for address in ("ADA@example.com", "nobody@example.com"):
        client.post("/my", data={"email": address}, headers=csrf_header(client))
    for _ in ("finding the tickets", "sending the mail"):
        run(desk)
    [mail] = server.received
    assert (mail.recipients, mail.message["Subject"]) == (["ada@example.com"], "Your tickets at Acme Support")
    assert "ada@example.com" not in mail.text, "Nobody else's address could be told by it."
    link = mail.text.partition("http://desk.test")[2].split()[0]
    scanner = desk.test_client()
    assert scanner.get(link).status_code == 200
    answer = client.post(link, headers=csrf_header(client), follow_redirects=True)
    assert "The export stops" in answer.text
    assert "Not hers" not in answer.text
    used = scanner.post(link, headers=csrf_header(scanner))
    assert used.status_code == 404
    assert "The export stops" not in used.text


def test_one_click_in_a_mail_program_ends_the_mails_one_can_do_without(
    committed_url: str, server: FakeMailServer
) -> None:
    settings = settings_for(
        committed_url,
        MAIL_URL=f"smtp://127.0.0.1:{server.port}",
        MAIL_FROM="support@example.com",
        MAIL_STATUS_CHANGES="on",
        PUBLIC_URL="https://desk.test",
    )
    with opened(create_app(settings)) as app, app.app_context():
        ticket = make_ticket()
        for status in (Status.RESOLVED, Status.OPEN):
            service.change_status(service.locked(ticket.id), status, SYSTEM)
            db.session.commit()
            run(app)
            told = next(mail.message for mail in server.received if "List-Unsubscribe" in mail.message)
            link = told["List-Unsubscribe"].removeprefix("<https://desk.test").removesuffix(">")
            assert told["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            app.test_client().post(link, data={"List-Unsubscribe": "One-Click"})
        assert mails() == [("receipt", "sent"), ("status", "sent"), ("status", "skipped")]
        assert sorted("List-Unsubscribe" in mail.message for mail in server.received) == [False, True]
