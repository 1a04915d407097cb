"""Talking on a ticket's page: replies, notes, what was said meanwhile, assignment and tags."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.factories import make_staff, make_ticket
from tests.portal.pages import page_of
from tests.staff.conftest import Send, me, toasts
from tests.staff.talking import LINUS, box, reply, said, write
from ticketdesk.core.actors import CUSTOMER, Actor
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Channel, Message, MessageKind, Ticket
from ticketdesk.tickets import conversation, drafts, queries, service, tags


class TestTheThread:
    def test_it_begins_with_the_description_and_goes_on_in_order(self, agent: FlaskClient) -> None:
        ticket = make_ticket(description="It *stops*.")
        reply(ticket, "Which **version**?")
        reply(ticket, "The <b>last</b> one.", CUSTOMER)
        html = agent.get(f"/staff/tickets/{ticket.id}").text
        told = ["It <em>stops</em>.", "Which <strong>version</strong>?", "The &lt;b&gt;last&lt;/b&gt; one."]
        assert [html.index(words) for words in told] == sorted(html.index(words) for words in told)
        assert html.index("Linus Torvalds") < html.index("Which")

    def test_a_note_is_marked_in_words(self, agent: FlaskClient) -> None:
        ticket = make_ticket()
        conversation.add_note(service.locked(ticket.id), "A known bug.", LINUS, Channel.STAFF)
        db.session.commit()
        [note] = agent.get(f"/staff/tickets/{ticket.id}/live").text.split('class="post note"')[1:]
        assert "Internal note, only staff see this" in note
        assert "A known bug." in note

    def test_a_long_one_is_shown_in_stretches(self, agent: FlaskClient) -> None:
        ticket = make_ticket(description="How it began.")
        first = reply(ticket, "The first word.")
        for number in range(51):
            conversation.add_reply(service.locked(ticket.id), f"Word {number}.", LINUS, Channel.STAFF)
        db.session.commit()
        page = agent.get(f"/staff/tickets/{ticket.id}").text
        assert "How it began." not in page
        assert "Word 50." in page
        earlier = agent.get(f"/staff/tickets/{ticket.id}?before={first.id + 2}").text
        assert "How it began." in earlier
        assert "The first word." in earlier
        assert "Word 50." not in earlier
        assert 'id="composer"' not in earlier

    def test_what_happened_stands_between_the_messages(self, agent: FlaskClient) -> None:
        ticket = make_ticket(description="How it began.")
        first = reply(ticket, "The first word.")
        service.change_status(service.locked(ticket.id), Status.RESOLVED, LINUS)
        db.session.commit()
        last = conversation.add_reply(service.locked(ticket.id), "It is back.", CUSTOMER, Channel.PORTAL)
        db.session.commit()
        told = [
            "How it began.",
            "opened the ticket as",
            "The first word.",
            "Resolved</span>",
            "It is back.",
            "Open</span>",
        ]
        text = agent.get(f"/staff/tickets/{ticket.id}").text.split('id="thread"')[1].split("</ol>")[0]
        places = [text.index(words) for words in told[:-1]] + [text.rindex(told[-1])]
        assert places == sorted(places)
        assert " replied" not in text.replace('<span class="muted">replied</span>', "")
        # The first stretch holds what happened until the next begins.
        last.created_at += timedelta(minutes=1)
        db.session.commit()
        earlier = (
            agent.get(f"/staff/tickets/{ticket.id}?before={last.id}").text.split('id="thread"')[1].split("</ol>")[0]
        )
        assert "Resolved</span>" in earlier
        assert "It is back." not in earlier
        assert f"message-{first.id}" in earlier

    def test_of_much_that_happened_the_middle_is_folded(self, agent: FlaskClient) -> None:
        ticket = make_ticket()
        for number in range(10):
            service.change_title(service.locked(ticket.id), f"Title {number}", LINUS)
        db.session.commit()
        before, folded, after = re.split(
            "<details>|</details>", agent.get(f"/staff/tickets/{ticket.id}").text.split('id="thread"')[1]
        )[:3]
        assert "5 more changes" in folded
        assert [part.count('class="line staff"') for part in (before, folded, after)] == [2, 5, 3]

    @pytest.mark.parametrize("before", ["0", "-1", "x", "9" * 40, "%00"])
    def test_an_address_that_makes_no_sense_shows_the_latest(self, agent: FlaskClient, before: str) -> None:
        ticket = make_ticket(description="How it began.")
        assert "How it began." in agent.get(f"/staff/tickets/{ticket.id}?before={before}").text


class TestReplies:
    def test_a_reply_is_said_and_the_page_shows_it(self, app: Flask, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        answer = write(send, agent, ticket, reply="Please *try* again.")
        assert toasts(answer) == ["Your reply is sent."]
        assert "Please <em>try</em> again." in answer.text
        message = db.session.scalars(select(Message)).one()
        assert (message.kind, message.channel, message.author_label) == ("reply", "staff", me(app, agent).name)
        assert db.session.get_one(Ticket, ticket.id).status == Status.OPEN

    def test_send_and_resolve_is_one_act(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        answer = write(send, agent, ticket, reply="It works now.", status="resolved")
        assert toasts(answer) == ["Your reply is sent, and the ticket is resolved."]
        assert said(ticket) == [("reply", "It works now.")]
        assert db.session.get_one(Ticket, ticket.id).status == Status.RESOLVED

    def test_a_note_is_no_reply_and_changes_no_status(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        answer = write(send, agent, ticket, kind="note", note="Ask Linus.", reply="", status="resolved")
        assert toasts(answer) == ["Your note is added."]
        assert said(ticket) == [("note", "Ask Linus.")]
        assert db.session.get_one(Ticket, ticket.id).status == Status.OPEN

    def test_what_stands_in_the_other_box_is_not_sent_and_not_lost(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        answer = write(send, agent, ticket, reply="Soon.", note="To be checked: ")
        assert said(ticket) == [("reply", "Soon.")]
        assert ">\nTo be checked: </textarea>" in answer.text
        assert ">\nSoon.</textarea>" not in answer.text

    def test_sending_clears_the_draft(self, app: Flask, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        drafts.save_draft(me(app, agent), ticket, MessageKind.REPLY, "Half a")
        db.session.commit()
        assert ">\nHalf a</textarea>" in agent.get(f"/staff/tickets/{ticket.id}").text
        write(send, agent, ticket, reply="Half a word more.")
        assert drafts.drafts_of(me(app, agent), ticket) == {}

    def test_what_is_being_written_is_kept_and_is_nobody_elses(
        self, app: Flask, agent: FlaskClient, admin: FlaskClient, send: Send
    ) -> None:
        ticket = make_ticket()
        path = f"/staff/tickets/{ticket.id}"
        assert send(agent, f"{path}/draft", reply="Half a ", note="Odd.").status_code == 204
        assert drafts.drafts_of(me(app, agent), ticket) == {"reply": "Half a ", "note": "Odd."}
        assert "Half a" in agent.get(path).text
        assert "Half a" not in admin.get(path).text
        send(agent, f"{path}/draft", reply="", note="Odd.")
        assert drafts.drafts_of(me(app, agent), ticket) == {"note": "Odd."}
        assert said(ticket) == []

    @pytest.mark.parametrize(
        ("text", "fault"),
        [(" \n ", "Write something first."), ("x" * 20_001, "at most 20,000 fit"), ("a\x00b", "cannot be stored")],
    )
    @pytest.mark.parametrize("kind", list(MessageKind))
    def test_a_text_that_cannot_be_sent_comes_back(
        self, agent: FlaskClient, send: Send, kind: MessageKind, text: str, fault: str
    ) -> None:
        ticket = make_ticket()
        answer = write(send, agent, ticket, **{"kind": kind, kind: text})
        assert answer.status_code == 422
        assert fault in answer.text
        assert f">\n{text}</textarea>" in answer.text
        assert said(ticket) == []

    def test_a_draft_that_comes_late_is_not_kept(self, app: Flask, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        box_sent = box(agent, ticket)
        send(agent, f"/staff/tickets/{ticket.id}/messages", kind="reply", reply="Soon.", note="Odd.", **box_sent)
        late = send(agent, f"/staff/tickets/{ticket.id}/draft", reply="Soo", note="Od", nonce=box_sent["nonce"])
        assert late.status_code == 204
        assert drafts.drafts_of(me(app, agent), ticket) == {"note": "Odd."}
        # On the page as it is now, what is written is kept.
        send(agent, f"/staff/tickets/{ticket.id}/draft", reply="And then", nonce=box(agent, ticket)["nonce"])
        assert drafts.drafts_of(me(app, agent), ticket) == {"reply": "And then"}

    def test_two_clicks_say_it_once(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        sent = {"kind": "reply", "reply": "Soon."} | box(agent, ticket)
        for _ in range(2):
            answer = send(agent, f"/staff/tickets/{ticket.id}/messages", **sent)
            assert toasts(answer) == ["Your reply is sent."]
        assert said(ticket) == [("reply", "Soon.")]

    def test_nothing_is_said_without_the_token_of_the_page(self, agent: FlaskClient) -> None:
        ticket = make_ticket()
        sent = {"kind": "reply", "reply": "Soon."} | box(agent, ticket)
        assert agent.post(f"/staff/tickets/{ticket.id}/messages", data=sent).status_code == 400
        assert said(ticket) == []

    @pytest.mark.parametrize("number", ["0", "999999", "9" * 30])
    def test_what_is_not_there_is_not_found(self, agent: FlaskClient, send: Send, number: str) -> None:
        assert send(agent, f"/staff/tickets/{number}/messages", kind="reply", reply="Hello?").status_code == 404
        assert send(agent, f"/staff/tickets/{number}/tags", add="vip").status_code == 404


class TestWhatWasSaidMeanwhile:
    @pytest.mark.parametrize("actor", [LINUS, CUSTOMER], ids=["colleague", "customer"])
    def test_it_stops_a_reply_and_is_shown_and_the_reply_goes_out_after_it(
        self, agent: FlaskClient, send: Send, actor: Actor
    ) -> None:
        ticket = make_ticket()
        before = box(agent, ticket)
        reply(ticket, "Never mind, it works.", actor)
        answer = send(
            agent, f"/staff/tickets/{ticket.id}/messages", kind="reply", reply="Try again.", note="Odd.", **before
        )
        assert answer.status_code == 409
        notice = answer.text.split('role="alert"')[1].split("</section>")[0]
        assert "Not sent: this was said while you wrote." in notice
        assert "Never mind, it works." in notice
        for kept in ("Try again.", "Odd."):
            assert f">\n{kept}</textarea>" in answer.text
        assert said(ticket) == [("reply", "Never mind, it works.")]
        again = {"kind": "reply", "reply": "Try again."} | {
            name: page_of(answer).form[name] for name in ("nonce", "seen")
        }
        assert toasts(send(agent, f"/staff/tickets/{ticket.id}/messages", **again)) == ["Your reply is sent."]

    @pytest.mark.parametrize("seen", [None, "", "x", "0", "-1", "\x00"])
    def test_a_reply_must_say_what_its_author_had_seen(self, agent: FlaskClient, send: Send, seen: str | None) -> None:
        ticket = make_ticket()
        reply(ticket, "First.")
        fields = {"kind": "reply", "reply": "Second."} | ({} if seen is None else {"seen": seen})
        assert send(agent, f"/staff/tickets/{ticket.id}/messages", **fields).status_code == 409

    def test_it_does_not_stop_a_note(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        before = box(agent, ticket)
        reply(ticket, "First.")
        answer = send(agent, f"/staff/tickets/{ticket.id}/messages", kind="note", note="Seen it too.", **before)
        assert toasts(answer) == ["Your note is added."]


class TestAssignment:
    def test_one_takes_a_ticket_and_gives_it_away(self, app: Flask, agent: FlaskClient, send: Send) -> None:
        ticket, linus = make_ticket(), make_staff(name="Linus Torvalds")
        path = f"/staff/tickets/{ticket.id}"
        for wanted, assignee in (("me", me(app, agent)), (str(linus.id), linus), ("none", None)):
            answer = send(agent, path, version=db.session.get_one(Ticket, ticket.id).version, assignee=wanted)
            assert toasts(answer) == ["Saved."]
            assert db.session.get_one(Ticket, ticket.id).assignee == assignee
        assert queries.events_of(ticket)[-1].data["from"] == "Linus Torvalds"

    @pytest.mark.parametrize("wanted", ["0", "999999", "x", "\x00"])
    def test_nobody_else_can_be_chosen(self, agent: FlaskClient, send: Send, wanted: str) -> None:
        ticket = make_ticket()
        answer = send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, assignee=wanted)
        assert answer.status_code == 400
        assert db.session.get_one(Ticket, ticket.id).assignee is None

    def test_an_account_that_is_switched_off_is_refused_in_words(self, agent: FlaskClient, send: Send) -> None:
        ticket, gone = make_ticket(), make_staff(name="Gone Girl")
        gone.active = False
        db.session.commit()
        answer = send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, assignee=gone.id)
        assert answer.status_code == 422
        assert "The account of Gone Girl is switched off" in answer.text

    def test_two_who_take_a_ticket_at_once_are_told(self, app: Flask, agent: FlaskClient, send: Send) -> None:
        ticket, linus = make_ticket(), make_staff(name="Linus Torvalds")
        seen = ticket.version
        service.change(service.locked(ticket.id), service.Changes(assignee=linus), LINUS)
        db.session.commit()
        answer = send(agent, f"/staff/tickets/{ticket.id}", version=seen, assignee="me")
        assert answer.status_code == 409
        assert "(now <bdi>Linus Torvalds</bdi>)" in answer.text
        assert '<input type="hidden" name="assignee" value="me">' in answer.text
        assert db.session.get_one(Ticket, ticket.id).assignee == linus


class TestTags:
    def test_they_are_added_and_removed_one_by_one(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        path = f"/staff/tickets/{ticket.id}/tags"
        send(agent, path, add="VIP, #refund")
        assert db.session.get_one(Ticket, ticket.id).tags == ["refund", "vip"]
        assert "Remove the tag vip" in send(agent, path, remove="refund").text
        assert db.session.get_one(Ticket, ticket.id).tags == ["vip"]

    def test_what_others_tagged_meanwhile_stays(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        agent.get(f"/staff/tickets/{ticket.id}")
        tags.set_tags(service.locked(ticket.id), ["vip"], LINUS)
        db.session.commit()
        send(agent, f"/staff/tickets/{ticket.id}/tags", add="refund")
        assert db.session.get_one(Ticket, ticket.id).tags == ["refund", "vip"]

    def test_one_that_cannot_be_is_told(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        [told] = toasts(send(agent, f"/staff/tickets/{ticket.id}/tags", add="x" * 41))
        assert "at most 40 fit" in told
        assert db.session.get_one(Ticket, ticket.id).tags == []

    def test_those_in_use_are_offered(self, agent: FlaskClient, send: Send) -> None:
        send(agent, f"/staff/tickets/{make_ticket().id}/tags", add="refund")
        assert '<option value="refund">' in agent.get(f"/staff/tickets/{make_ticket().id}").text


def test_the_part_that_refreshes_itself_leaves_the_box_alone(app: Flask, agent: FlaskClient) -> None:
    ticket = make_ticket()
    first = agent.get(f"/staff/tickets/{ticket.id}/live")
    assert '<form id="composer" hx-morph-skip></form>' in first.text
    drafts.save_draft(me(app, agent), ticket, MessageKind.REPLY, "Half a")
    db.session.commit()
    unchanged = agent.get(f"/staff/tickets/{ticket.id}/live", headers={"If-None-Match": first.headers["ETag"]})
    assert unchanged.status_code == 304
    assert db.session.scalar(select(func.count()).select_from(Message)) == 0
