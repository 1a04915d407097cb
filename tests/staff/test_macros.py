"""Canned replies and macros on a ticket's page, and variables in what is typed."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_staff, make_ticket
from tests.staff.conftest import Send, me, toasts
from tests.staff.talking import box, said, write
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import CannedReply, Ticket
from ticketdesk.tickets import canned
from ticketdesk.tickets.canned import NewCannedReply


class TestCannedReplies:
    @pytest.fixture
    def refund(self, app: Flask, agent: FlaskClient) -> CannedReply:
        new = NewCannedReply("Refund", "Hi {{ requester.name }}.", status=Status.RESOLVED, tags=["refund"])
        made = canned.create_canned_reply(new, me(app, agent))
        db.session.commit()
        return made

    def test_they_are_offered_filled_in_and_as_text(
        self, agent: FlaskClient, admin: FlaskClient, refund: CannedReply
    ) -> None:
        ticket = make_ticket(requester_name="<img src=x onerror=alert(1)>")
        offered = agent.get(f"/staff/tickets/{ticket.id}/canned").text
        assert r'data-text="Hi \&lt;img src=x onerror=alert(1)&gt;."' in offered.replace("\\&", r"\&")
        assert "<img" not in offered
        assert "Status: Resolved" in offered
        # Nobody is offered what is somebody else's own.
        assert "Refund" not in admin.get(f"/staff/tickets/{ticket.id}/canned").text

    def test_without_a_script_one_is_inserted_and_not_sent(
        self, agent: FlaskClient, admin: FlaskClient, send: Send, refund: CannedReply
    ) -> None:
        ticket = make_ticket()
        path = f"/staff/tickets/{ticket.id}/insert"
        page = send(agent, path, kind="reply", reply="Hello.", note="Odd.", canned=refund.id, **box(agent, ticket))
        assert ">\nHello.\n\nHi Ada Lovelace.</textarea>" in page.text
        assert ">\nOdd.</textarea>" in page.text
        assert '<input type="hidden" name="set_status" value="resolved">' in page.text
        assert said(ticket) == []
        assert "Choose a canned reply" in send(agent, path, kind="reply", reply="Hello.").text
        for foreign in (refund.id, 0, "x"):
            assert send(admin, path, kind="reply", canned=foreign).status_code == 404

    def test_what_goes_with_a_reply_is_one_act(self, app: Flask, agent: FlaskClient, send: Send) -> None:
        ticket, linus = make_ticket(), make_staff(name="Linus Torvalds")
        answer = write(
            send,
            agent,
            ticket,
            reply="Hi {{ requester.first_name }}.",
            set_status="closed",
            set_priority="low",
            set_category="billing",
            set_assignee=linus.id,
            set_tag=["late", "vip"],
        )
        assert toasts(answer) == ["Your reply is sent, and the ticket is changed."]
        assert said(ticket) == [("reply", "Hi Ada.")]
        now = db.session.get_one(Ticket, ticket.id)
        assert (now.status, now.priority, now.category) == ("closed", "low", "billing")
        assert (now.assignee, now.tags) == (linus, ["late", "vip"])

    def test_it_goes_with_a_note_or_alone_as_well(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        write(send, agent, ticket, kind="note", note="For {{ nobody }}.", set_tag="vip")
        assert toasts(write(send, agent, ticket, reply=" ", set_status="closed")) == ["The ticket is changed."]
        assert said(ticket) == [("note", "For {{ nobody }}.")]
        now = db.session.get_one(Ticket, ticket.id)
        assert (now.status, now.tags) == ("closed", ["vip"])

    def test_a_button_that_also_resolves_is_no_reason_to_say_nothing(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        answer = write(send, agent, ticket, reply=" ", status="resolved")
        assert answer.status_code == 422
        assert "Write something first." in answer.text
        assert db.session.get_one(Ticket, ticket.id).status == Status.OPEN
        write(send, agent, ticket, reply="Done.", set_status="closed", status="resolved")
        assert db.session.get_one(Ticket, ticket.id).status == Status.RESOLVED

    def test_where_one_part_cannot_be_nothing_is_done_and_nothing_lost(self, agent: FlaskClient, send: Send) -> None:
        ticket, gone = make_ticket(), make_staff(name="Gone Girl")
        gone.active = False
        db.session.commit()
        answer = write(send, agent, ticket, reply="Soon.", set_status="closed", set_assignee=gone.id)
        assert answer.status_code == 422
        assert "The account of Gone Girl is switched off" in answer.text
        assert ">\nSoon.</textarea>" in answer.text
        assert '<input type="hidden" name="set_status" value="closed">' in answer.text
        assert said(ticket) == []
        assert db.session.get_one(Ticket, ticket.id).status == Status.OPEN

    @pytest.mark.parametrize("text", ["Hi {{ requester.nmae }}", "Hi {{ }}", "Hi {{ requester.name"])
    def test_an_unknown_variable_stops_what_was_typed_too(self, agent: FlaskClient, send: Send, text: str) -> None:
        ticket = make_ticket()
        answer = write(send, agent, ticket, reply=text, status="resolved")
        assert answer.status_code == 422
        assert "variable" in answer.text.split('id="fault" role="alert">')[1].split("</p>")[0]
        assert f">\n{text}</textarea>" in answer.text
        assert said(ticket) == []
        assert db.session.get_one(Ticket, ticket.id).status == Status.OPEN

    def test_a_preview_is_what_is_sent(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket(requester_name="*Ada* <img src=x onerror=alert(1)>")
        typed = "Hi {{ requester.name }}, **soon**. <b>x</b> [me](javascript:alert(1))"
        shown = send(agent, f"/staff/tickets/{ticket.id}/preview", kind="reply", reply=typed).text
        html = shown.split('dir="auto">')[1].split("</div>")[0].strip()
        assert "*Ada* &lt;img" in html
        assert "<strong>soon</strong>" in html
        assert "<img" not in html
        assert "<a" not in html
        write(send, agent, ticket, reply=typed)
        assert html in agent.get(f"/staff/tickets/{ticket.id}").text
        note = send(agent, f"/staff/tickets/{ticket.id}/preview", kind="note", note="{{ nobody }}")
        assert "{{ nobody }}" in note.text
        fault = send(agent, f"/staff/tickets/{ticket.id}/preview", kind="reply", reply="{{ nobody }}").text
        assert "There is no variable “nobody”" in fault

    def test_one_goes_on_to_the_next_ticket_of_the_list(self, agent: FlaskClient, send: Send) -> None:
        older, ticket = make_ticket("Older"), make_ticket("Newer")
        path = f"/staff/tickets/{ticket.id}/messages?from=status%3Dopen"
        answer = send(agent, path, kind="reply", reply="Done.", status="resolved", then="next", seen="0")
        assert toasts(answer) == [f"{ticket.reference}: your reply is sent, and the ticket is resolved."]
        assert (answer.request.path, answer.request.args["from"]) == (f"/staff/tickets/{older.id}", "status=open")
