"""Replies and notes: what they do to their ticket, and who reads them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_ticket
from ticketdesk.core import clock
from ticketdesk.core.actors import CUSTOMER, SYSTEM, Actor, ActorKind
from ticketdesk.core.errors import Forbidden, Invalid
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Channel, Event, EventKind, Message, MessageKind, Ticket
from ticketdesk.tickets import queries, service, snooze, thread
from ticketdesk.tickets.conversation import AnsweredMeanwhile, add_note, add_reply
from ticketdesk.tickets.filter import Filter

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")
PROGRAM = Actor(ActorKind.TOKEN, 1, "A program")


def kinds(ticket: Ticket) -> list[str]:
    return [event.kind.removeprefix("ticket.") for event in queries.events_of(ticket)[1:]]


def reply(ticket: Ticket, actor: Actor = GRACE, body: str = "We are looking into it.") -> Message:
    return add_reply(ticket, body, actor, Channel.PORTAL if actor == CUSTOMER else Channel.STAFF)


class TestReply:
    def test_it_is_kept_as_it_was_written(self, app: Flask) -> None:
        ticket = make_ticket()
        version = ticket.version
        message = add_reply(ticket, "  One\r\n*two*  ", GRACE, Channel.STAFF)
        assert (message.kind, message.channel, message.body) == ("reply", "staff", "One\n*two*")
        assert (message.author_kind, message.author_id, message.author_label) == ("staff", 1, "Grace Hopper")
        assert re.fullmatch(r"<[0-9a-f]{32}@desk\.test>", message.message_id)
        assert ticket.version > version
        event = queries.events_of(ticket)[-1]
        assert event.kind == EventKind.REPLIED
        assert event.data == {"message": message.id, "channel": "staff"}

    @pytest.mark.parametrize("body", ["", " \n\t", "x" * 20_001, "a\x00b", "\ud800"])
    def test_a_body_that_cannot_be_sent_is_named(self, app: Flask, body: str) -> None:
        ticket = make_ticket()
        with pytest.raises(Invalid) as error:
            reply(ticket, body=body)
        assert [fault.field for fault in error.value.faults] == ["body"]
        assert kinds(ticket) == []

    def test_the_longest_body_there_is(self, app: Flask) -> None:
        assert len(reply(make_ticket(), body="ü" * 20_000).body) == 20_000

    def test_the_desk_responds_first_once(self, app: Flask) -> None:
        ticket = make_ticket()
        reply(ticket, CUSTOMER)
        add_note(ticket, "Who takes this?", GRACE, Channel.STAFF)
        add_reply(ticket, "We have your ticket.", SYSTEM, Channel.MAIL)
        assert ticket.first_response_at is None
        first = reply(ticket, PROGRAM)
        assert ticket.first_response_at == first.created_at
        db.session.execute(sa.text("UPDATE ticket SET first_response_at = '2020-01-01 00:00Z'"))
        db.session.refresh(ticket)
        reply(ticket)
        assert ticket.first_response_at == datetime(2020, 1, 1, tzinfo=UTC)

    def test_sending_and_resolving_is_one_act(self, app: Flask) -> None:
        ticket = make_ticket()
        add_reply(ticket, "Done.", GRACE, Channel.STAFF, status=Status.RESOLVED)
        assert ticket.status == Status.RESOLVED
        assert ticket.resolved_at is not None
        assert kinds(ticket) == ["replied", "status_changed"]

    @pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
    def test_a_requester_reopens_what_is_done(self, app: Flask, status: Status) -> None:
        ticket = make_ticket()
        service.change_status(ticket, status, GRACE)
        reply(ticket, CUSTOMER, "It is broken again.")
        assert ticket.status == Status.OPEN
        assert ticket.resolved_at is None
        event = queries.events_of(ticket)[-1]
        assert (event.actor_kind, event.data["from"], event.data["to"]) == ("customer", status, "open")

    @pytest.mark.parametrize("status", [Status.OPEN, Status.IN_PROGRESS])
    def test_a_requester_leaves_what_is_under_way(self, app: Flask, status: Status) -> None:
        ticket = make_ticket()
        service.change_status(ticket, status, GRACE)
        reply(ticket, CUSTOMER)
        assert ticket.status == status

    def test_a_requester_may_close_with_their_last_words(self, app: Flask) -> None:
        ticket = make_ticket()
        service.change_status(ticket, Status.RESOLVED, GRACE)
        add_reply(ticket, "Thank you!", CUSTOMER, Channel.PORTAL, status=Status.CLOSED)
        assert ticket.status == Status.CLOSED

    def test_the_desk_reopens_nothing_by_itself(self, app: Flask) -> None:
        ticket = make_ticket()
        service.change_status(ticket, Status.RESOLVED, GRACE)
        reply(ticket)
        assert ticket.status == Status.RESOLVED

    def test_a_requester_wakes_a_ticket_and_the_desk_does_not(self, app: Flask) -> None:
        ticket = make_ticket()
        snooze.snooze(ticket, clock.now() + timedelta(days=1), GRACE)
        reply(ticket)
        assert ticket.snoozed_until is not None
        reply(ticket, CUSTOMER)
        assert ticket.snoozed_until is None
        assert kinds(ticket) == ["snoozed", "replied", "replied", "woken"]


class TestNote:
    def test_its_text_is_in_no_event(self, app: Flask) -> None:
        ticket = make_ticket()
        note = add_note(ticket, "He is a difficult one.", GRACE, Channel.STAFF)
        assert note.kind == MessageKind.NOTE
        assert kinds(ticket) == ["noted"]
        assert "difficult" not in str([event.data for event in db.session.scalars(sa.select(Event))])

    def test_it_changes_nothing_but_the_version(self, app: Flask) -> None:
        ticket = make_ticket()
        service.change_status(ticket, Status.RESOLVED, GRACE)
        snoozed, version = ticket.snoozed_until, ticket.version
        add_note(ticket, "Call him.", GRACE, Channel.STAFF)
        assert (ticket.status, ticket.snoozed_until, ticket.first_response_at) == (Status.RESOLVED, snoozed, None)
        assert ticket.version == version + 1

    def test_customers_write_none(self, app: Flask) -> None:
        with pytest.raises(Forbidden):
            add_note(make_ticket(), "x", CUSTOMER, Channel.PORTAL)


class TestAnsweredMeanwhile:
    def test_a_reply_to_what_was_not_read_is_stopped_with_it(self, app: Flask) -> None:
        ticket = make_ticket()
        add_reply(ticket, "One", GRACE, Channel.STAFF, expected_last_message_id=0)
        seen = thread.whole_thread(ticket).last_message_id
        reply(ticket, CUSTOMER, "More")
        add_note(ticket, "Mine!", PROGRAM, Channel.API)
        with pytest.raises(AnsweredMeanwhile) as error:
            add_reply(ticket, "Two", GRACE, Channel.STAFF, expected_last_message_id=seen)
        assert [post.body for post in error.value.posts] == ["More", "Mine!"]
        seen = thread.whole_thread(ticket).last_message_id
        assert add_reply(ticket, "Two", GRACE, Channel.STAFF, expected_last_message_id=seen).id > seen

    def test_the_same_reply_sent_twice_is_stopped(self, app: Flask) -> None:
        ticket = make_ticket()
        add_reply(ticket, "One", GRACE, Channel.STAFF, expected_last_message_id=0)
        with pytest.raises(AnsweredMeanwhile):
            add_reply(ticket, "One", GRACE, Channel.STAFF, expected_last_message_id=0)

    def test_a_requester_is_not_stopped_by_a_note(self, app: Flask) -> None:
        ticket = make_ticket()
        add_note(ticket, "A secret", GRACE, Channel.STAFF)
        add_reply(ticket, "More", CUSTOMER, Channel.PORTAL, expected_last_message_id=0)
        reply(ticket)
        add_note(ticket, "A secret", GRACE, Channel.STAFF)
        with pytest.raises(AnsweredMeanwhile) as error:
            add_reply(ticket, "More", CUSTOMER, Channel.PORTAL, expected_last_message_id=0)
        assert {post.kind for post in error.value.posts} == {MessageKind.REPLY}


class TestThread:
    def test_the_description_comes_first(self, app: Flask) -> None:
        ticket = make_ticket(description="It *stops*.", requester_name="Ada")
        reply(ticket, body="Try again.")
        add_note(ticket, "Third time this week.", GRACE, Channel.STAFF)
        reply(ticket, CUSTOMER, "No luck.")
        public, whole = thread.public_thread(ticket), thread.whole_thread(ticket)
        assert [post.body for post in public.posts] == ["It *stops*.", "Try again.", "No luck."]
        assert [post.body for post in whole.posts] == ["It *stops*.", "Try again.", "Third time this week.", "No luck."]
        assert [post.from_requester for post in public.posts] == [True, False, True]
        first = public.posts[0]
        assert (first.id, first.author.label, first.html.strip()) == (None, "Ada", "<p>It <em>stops</em>.</p>")
        assert public.earlier is None

    def test_a_ticket_without_messages(self, app: Flask) -> None:
        shown = thread.whole_thread(make_ticket())
        assert (len(shown.posts), shown.last_message_id) == (1, 0)

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    def test_a_long_one_comes_in_stretches(self, app: Flask, limit: int) -> None:
        ticket = make_ticket(description="0")
        for number in range(1, 8):
            reply(ticket, body=str(number))
        shown = thread.whole_thread(ticket, limit=limit)
        bodies = [post.body for post in shown.posts]
        while shown.earlier is not None:
            assert len(shown.posts) == limit
            shown = thread.whole_thread(ticket, before=shown.earlier, limit=limit)
            bodies = [post.body for post in shown.posts] + bodies
        assert bodies == list("01234567")

    def test_another_tickets_messages_are_not_in_it(self, app: Flask) -> None:
        ticket, other = make_ticket(), make_ticket()
        reply(other, body="Not yours.")
        assert len(thread.whole_thread(ticket).posts) == 1

    def test_customers_are_told_of_public_events_alone(self, app: Flask) -> None:
        ticket = make_ticket()
        reply(ticket)
        add_note(ticket, "x", GRACE, Channel.STAFF)
        service.change(ticket, service.Changes(tags=["vip"], snoozed_until=clock.now() + timedelta(days=1)), GRACE)
        service.change_status(ticket, Status.RESOLVED, GRACE)
        told = [event.kind for event in queries.public_events_of(ticket)]
        assert told == [EventKind.CREATED, EventKind.REPLIED, EventKind.STATUS_CHANGED]


class TestSearch:
    def found(self, typed: str) -> int:
        return queries.count(Filter(search=typed), most=10)

    def test_what_was_said_is_found_with_what_was_asked(self, app: Flask) -> None:
        ticket = make_ticket("Printer", "It is on fire")
        reply(ticket, body="Use the Löschdecke")
        add_note(ticket, "Insurance informed", GRACE, Channel.STAFF)
        for typed in ("loschdecke", "insurance", "printer loschdecke insur", '"the Löschdecke"'):
            assert self.found(typed) == 1, typed

    def test_a_new_title_forgets_no_message(self, app: Flask) -> None:
        ticket = make_ticket("Printer", "It is on fire")
        reply(ticket, body="Use the blanket")
        service.change_title(ticket, "Plotter", GRACE)
        db.session.flush()
        assert self.found("plotter blanket fire") == 1
        assert self.found("printer") == 0

    def test_a_conversation_without_end_can_go_on(self, app: Flask) -> None:
        ticket = make_ticket("Printer", "It is on fire")
        for part in range(6):
            reply(ticket, body=" ".join(f"w{part}x{n}" for n in range(2_200)))
        assert self.found("w0x2199 w4x0") == 1
        assert self.found("w5x0") == 0, "The vector is full."
        assert db.session.scalar(sa.text("SELECT length(search_vector) FROM ticket")) < 15_000
        version = ticket.version
        reply(ticket)
        assert ticket.version > version

    def test_words_too_large_for_any_vector_are_stored_all_the_same(self, app: Flask) -> None:
        ticket = make_ticket("Printer", "It is on fire")
        # Folding takes each of these letters apart into several.
        for part in range(7):
            words = ["".join(chr(0x3300 + (n * 7 + k) % 88) for k in range(55)) + f"{part}x{n}" for n in range(320)]
            reply(ticket, body=" ".join(words)[:20_000])
        assert db.session.scalar(sa.text("SELECT length(search_vector) FROM ticket")) < 7 * 320
        service.change_title(ticket, "Plotter", GRACE)
        db.session.flush()
        assert self.found("plotter fire") == 1
