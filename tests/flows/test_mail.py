"""From what happens to the mail about it: through the doors, the queue and the worker to a real mail server."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import csrf_header, opened, settings_for, signed_in
from tests.factories import make_staff, make_ticket, make_token
from tests.fakes.smtp import FakeMailServer, Mode, Received
from ticketdesk import create_app
from ticketdesk.core.actors import CUSTOMER, SYSTEM
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.jobs import worker
from ticketdesk.jobs.queue import enqueue
from ticketdesk.mail import addresses, delivery, smtp
from ticketdesk.models import MailState, OutgoingMail, Role, Ticket
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
Program = Callable[..., dict[str, object]]


@pytest.fixture
def server() -> Iterator[FakeMailServer]:
    with FakeMailServer() as fake:
        yield fake


@pytest.fixture
def desk(committed_url: str, server: FakeMailServer) -> Iterator[Flask]:
    """A desk that mails through the fake server."""
    settings = settings_for(
        committed_url,
        MAIL_URL=f"smtp://127.0.0.1:{server.port}",
        MAIL_FROM="support@example.com",
        MAIL_REPLY_ADDRESS="desk@example.com",
        MAIL_STATUS_CHANGES="on",
        DESK_NAME="Acme Support",
        AI_ENGINE="local",
    )
    with opened(create_app(settings)) as app, app.app_context():
        yield app


@pytest.fixture
def program(desk: Flask) -> Program:
    """Calls the API with a token that may write."""
    client, headers = desk.test_client(), {"Authorization": f"Bearer {make_token()}"}

    def call(method: str, path: str, **body: object) -> dict[str, object]:
        answer = client.open(path, method=method, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        assert isinstance(answer.json, dict)
        return answer.json

    return call


def run(desk: Flask) -> None:
    """Let the worker do what is due."""
    worker.run(desk, wait=False)
    db.session.expire_all()


def be_impatient(desk: Flask, monkeypatch: pytest.MonkeyPatch, mode: Mode) -> None:
    """Wait for a server that hangs as short as can be told from an answer that takes its time."""
    if mode == "hang":
        monkeypatch.setitem(desk.config, "SETTINGS", replace(desk.config["SETTINGS"], mail_timeout=0.2))
    if mode == "hang after text":
        monkeypatch.setattr(smtp, "PATIENCE_AFTER_TEXT", 0.01)


def make_due() -> None:
    """Let the time pass until the next attempt of every waiting job."""
    db.session.execute(sa.text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))
    db.session.commit()


def mails() -> list[tuple[str, str]]:
    """All mails as the outbox has them, oldest first."""
    rows = db.session.execute(sa.select(OutgoingMail.kind, OutgoingMail.state).order_by(OutgoingMail.id)).all()
    db.session.rollback()
    return [(row.kind, row.state) for row in rows]


def only_mail() -> OutgoingMail:
    return db.session.scalars(sa.select(OutgoingMail)).one()


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


def test_who_is_greylisted_comes_again(desk: Flask, server: FakeMailServer) -> None:
    server.mode = "greylist"
    make_ticket()
    run(desk)
    assert (only_mail().state, only_mail().attempts) == ("waiting", 1)
    assert "451" in (only_mail().last_error or "")
    run(desk)
    assert server.recipients_asked == ["ada@example.com"], "It waits before it comes again."
    make_due()
    run(desk)
    make_due()
    run(desk)
    assert (only_mail().state, only_mail().attempts, only_mail().last_error) == ("sent", 2, None)
    assert len(server.received) == 1


@pytest.mark.parametrize("mode", ["hang", "drop at recipient", "defer text"])
def test_what_the_server_does_not_have_is_sent_later(
    desk: Flask, server: FakeMailServer, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    server.mode = mode
    make_ticket()
    with monkeypatch.context() as patch:
        be_impatient(desk, patch, mode)
        run(desk)
    assert mails() == [("receipt", "waiting")]
    server.mode = "ok"
    make_due()
    run(desk)
    assert mails() == [("receipt", "sent")]
    assert len(server.received) == 1


@pytest.mark.parametrize("mode", ["refuse sender", "refuse recipient", "refuse text"])
def test_what_is_refused_is_not_tried_again_unless_a_person_says_so(
    desk: Flask, server: FakeMailServer, mode: Mode
) -> None:
    server.mode = mode
    make_ticket()
    run(desk)
    make_due()
    run(desk)
    assert (only_mail().state, only_mail().attempts) == ("failed", 1)
    server.mode = "ok"
    assert send_again(desk) == "The mail is on its way."
    run(desk)
    assert mails() == [("receipt", "sent")]


def test_after_a_day_the_mail_is_given_up(desk: Flask, server: FakeMailServer) -> None:
    server.mode = "drop at recipient"
    make_ticket()
    for _ in range(len(delivery.WAITS) + 3):
        run(desk)
        make_due()
    assert (only_mail().state, only_mail().attempts) == ("failed", len(delivery.WAITS) + 1)
    assert len(server.recipients_asked) == len(delivery.WAITS) + 1


@pytest.mark.parametrize("mode", ["drop after text", "hang after text"])
def test_what_may_have_been_sent_is_not_sent_again_by_itself(
    desk: Flask, server: FakeMailServer, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    server.mode = mode
    make_ticket()
    with monkeypatch.context() as patch:
        be_impatient(desk, patch, mode)
        run(desk)
    server.mode = "ok"
    make_due()
    run(desk)
    assert mails() == [("receipt", "unsure")]
    assert len(server.received) == 1
    assert send_again(desk) == "The mail is on its way."
    run(desk)
    assert mails() == [("receipt", "sent")]


@pytest.mark.parametrize(
    ("handed_over", "state", "received"),
    [("NULL", "sent", 1), ("now()", "unsure", 0)],
    ids=["before the text", "after the text began"],
)
def test_a_worker_that_died_leaves_what_it_knew(
    desk: Flask, server: FakeMailServer, handed_over: str, state: str, received: int
) -> None:
    make_ticket()
    # What a killed worker leaves behind: a mail and a job under way, and a last sign of life that grows old.
    db.session.execute(
        sa.text(f"UPDATE outgoing_mail SET state = 'sending', attempts = 1, handed_over_at = {handed_over}")
    )
    dead = db.session.scalar(
        sa.text(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '10 minutes') RETURNING id"
        )
    )
    db.session.execute(
        sa.text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :dead, attempts = 1"), {"dead": dead}
    )
    enqueue(worker.requeue_stalled, timestamp=0)
    db.session.commit()
    run(desk)
    make_due()
    run(desk)
    assert mails() == [("receipt", state)]
    assert len(server.received) == received


def test_a_mail_is_not_sent_by_two_workers(desk: Flask, server: FakeMailServer) -> None:
    make_ticket()
    first = delivery._begin(only_mail().id, desk.config["SETTINGS"])
    second = delivery._begin(only_mail().id, desk.config["SETTINGS"])
    assert first is not None
    assert second is not None
    second.note_text_begins()
    with pytest.raises(delivery._TakenOver):
        first.note_text_begins()


def test_a_flood_of_tickets_for_one_address_is_one_mail(desk: Flask, server: FakeMailServer) -> None:
    spellings = ["ada@example.com", "ADA@example.com", "ada+1@example.com", "ada@EXAMPLE.com"]
    ready = threading.Barrier(len(spellings))

    def post(address: str) -> None:
        client = desk.test_client()
        ready.wait(10)
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


def test_a_link_that_expired_on_its_way_is_not_sent(desk: Flask, server: FakeMailServer) -> None:
    make_ticket()
    run(desk)
    server.received.clear()
    server.mode = "defer text"
    client = desk.test_client()
    client.post("/my", data={"email": "ada@example.com"}, headers=csrf_header(client))
    for _ in ("finding the tickets", "sending the mail"):
        run(desk)
    assert mails() == [("receipt", "sent"), ("sign_in", "waiting")]
    assert "452" in (
        db.session.scalars(sa.select(OutgoingMail.last_error).order_by(OutgoingMail.id.desc())).first() or ""
    )
    server.mode = "ok"
    db.session.execute(sa.text("UPDATE outgoing_mail SET created_at = created_at - interval '31 minutes'"))
    make_due()
    run(desk)
    assert mails() == [("receipt", "sent"), ("sign_in", "skipped")]
    assert server.received == []


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


def test_without_a_server_mails_are_kept(committed_url: str) -> None:
    with opened(create_app(settings_for(committed_url))) as app, app.app_context():
        make_ticket()
        run(app)
        assert mails() == [("receipt", "kept")]
        assert send_again(app).startswith("There is no mail server to send it through")


def send_again(desk: Flask) -> str:
    """Press the button in the console, and give what it says."""
    client: FlaskClient = signed_in(desk, Role.ADMIN)
    number = only_mail().id
    db.session.rollback()
    page = client.post("/staff/outbox/send/", data={"id": number}, headers=csrf_header(client), follow_redirects=True)
    said = page.text.partition('<div class="toast')[2].partition("<p>")[2].partition("</p>")[0]
    db.session.expire_all()
    return said
