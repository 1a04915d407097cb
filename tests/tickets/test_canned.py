"""Canned replies and macros, and the variables in them."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_staff, make_ticket
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.errors import Forbidden, Invalid, NotFound
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import CannedReply, Channel, Message, MessageKind, Role, Staff, Ticket
from ticketdesk.tickets import canned, variables
from ticketdesk.tickets.canned import NewCannedReply
from ticketdesk.tickets.conversation import AnsweredMeanwhile, add_reply
from ticketdesk.tickets.markdown import render

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")
# Neither control characters, which the Markdown reader replaces, nor what cannot be stored.
PRINTED = st.characters(exclude_categories=["Cc", "Cs"])


def sentences(error: pytest.ExceptionInfo[Invalid]) -> str:
    return " ".join(f"{fault.field}: {fault.message}" for fault in error.value.faults)


class TestVariables:
    @pytest.mark.parametrize(
        ("text", "filled"),
        [
            ("Hi {{ requester.name }},", "Hi Ada Lovelace,"),
            ("{{requester.first_name}}", "Ada"),
            ("{{   requester.email   }}", "ada@example.com"),
            ("{{ ticket.reference }}: {{ ticket.title }}", "TD-{id}: The export stops half way"),
            ("[your ticket]({{ ticket.url }})", "[your ticket](http://desk.test/t/{link})"),
            ("{{ agent.name }}, {{ agent.first_name }} at {{ desk.name }}", "Grace Hopper, Grace at Ticketdesk"),
            ("nothing { to } fill }}", "nothing { to } fill }}"),
            (r"\{{ requester.name }}", r"\{{ requester.name }}"),
            (r"\\{{ requester.first_name }}", r"\\Ada"),
            ("", ""),
        ],
    )
    def test_each_becomes_its_value(self, app: Flask, text: str, filled: str) -> None:
        ticket = make_ticket()
        expected = filled.replace("{id}", str(ticket.id)).replace("{link}", ticket.link_id.hex)
        assert variables.fill(text, ticket, GRACE) == expected

    def test_what_is_not_known_reads_well(self, app: Flask) -> None:
        ticket = make_ticket(requester_name=None, requester_email=None)
        text = "Hi {{ requester.first_name }} ({{ requester.name }}), we write to {{ requester.email }}."
        assert variables.fill(text, ticket, GRACE) == "Hi there (there), we write to your e-mail address."

    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("{{ requester.nmae }}", "“requester.nmae”"),
            ("{{ name }}", "“name”"),
            ("{{ }}", "“”"),
            ("{{ Requester.Name }}", "“Requester.Name”"),
            ("{{ requester.__class__ }}", "“requester.__class__”"),
            ("{{ 7 * 7 }}", "“7 * 7”"),
            ("{{ config }}", "“config”"),
            ("{{ requester.name | safe }}", "“requester.name | safe”"),
            ("{{ requester.name", "“{{ requester.name”"),
            ("{{ requester.name }", "“{{ requester.name }”"),
            ("{{ requester.name\n}}", "“{{ requester.name”"),
            ("{{{ requester.name }}}", "“{{{ requester.name }}}”"),
        ],
    )
    def test_an_unknown_one_is_refused_by_name(self, app: Flask, text: str, named: str) -> None:
        with pytest.raises(Invalid) as error:
            variables.fill(f"Hello {text}", make_ticket(), GRACE)
        assert named in sentences(error)

    def test_all_unknown_ones_are_named_once(self, app: Flask) -> None:
        faults = variables.faults("{{ a }} {{ b }} {{ a }} {{ agent.name }}")
        assert [fault.message.split("”")[0] for fault in faults] == [
            "There is no variable “a",
            "There is no variable “b",
        ]

    def test_a_value_is_shown_as_it_is(self, app: Flask) -> None:
        """Nothing that a customer calls themselves becomes a link, a picture or a variable in the desk's own answer."""
        ticket = make_ticket(requester_name="x")

        @given(st.text(st.sampled_from("ab[]()!<>*_`~\\&#;:/{}. \"'"), max_size=40) | st.text(PRINTED, max_size=40))
        def check(name: str) -> None:
            ticket.requester_name = " ".join(name.split()) or None
            html = render("Hi " + variables.fill("{{ requester.name }}", ticket, GRACE))
            assert html.striptags() == "Hi " + " ".join((ticket.requester_name or "there").split())

        with db.session.no_autoflush:
            check()

    @given(st.text(st.sampled_from("{} \\abr.\n"), max_size=30) | st.text())
    def test_no_text_breaks_it(self, text: str) -> None:
        faults = variables.faults(text)
        assert all(fault.field == "body" for fault in faults)


class TestKeeping:
    def test_one_of_ones_own_is_nobody_elses(self, app: Flask) -> None:
        ada, bob = make_staff(name="Ada"), make_staff(name="Bob")
        own = canned.create_canned_reply(NewCannedReply("Refund done", "Hi {{ requester.name }}", "Refund Done"), ada)
        assert (own.shortcut, own.is_macro) == ("refund-done", False)
        assert canned.canned_replies_for(ada) == [own]
        assert canned.canned_replies_for(bob) == []
        assert canned.canned_reply(own.id, ada) is own
        for canned_id in (own.id, own.id + 1, 0, 2**63):
            with pytest.raises(NotFound):
                canned.canned_reply(canned_id, bob)
        with pytest.raises(NotFound):
            canned.change_canned_reply(own, NewCannedReply("x", "y"), bob)
        canned.change_canned_reply(own, NewCannedReply("Renamed", "Text"), ada)
        assert (own.title, own.shortcut) == ("Renamed", None)
        canned.delete_canned_reply(own, ada)
        assert canned.canned_replies_for(ada) == []

    def test_shared_ones_are_the_admins(self, app: Flask) -> None:
        admin, agent = make_staff(Role.ADMIN), make_staff()
        with pytest.raises(Forbidden):
            canned.create_canned_reply(NewCannedReply("A", "b"), agent, shared=True)
        shared = canned.create_canned_reply(NewCannedReply("A", "b"), admin, shared=True)
        assert canned.canned_replies_for(agent) == [shared]
        with pytest.raises(Forbidden):
            canned.delete_canned_reply(shared, agent)

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"title": " "}, "title"),
            ({"title": "x" * 121}, "title"),
            ({"body": "x" * 20_001}, "body"),
            ({"body": "a\x00"}, "body"),
            ({"body": "Hi {{ nobody }}"}, "body"),
            ({"body": " "}, "body"),
            ({"shortcut": "x" * 41}, "shortcut"),
            ({"shortcut": "a/b"}, "shortcut"),
            ({"shortcut": "a\x00"}, "shortcut"),
            ({"tags": ["a,b"]}, "tags"),
        ],
        ids=str,
    )
    def test_a_value_that_cannot_be_used_is_named(self, app: Flask, values: dict[str, Any], field: str) -> None:
        good: dict[str, Any] = {"title": "A title", "body": "A text"}
        with pytest.raises(Invalid) as error:
            canned.create_canned_reply(NewCannedReply(**good | values), make_staff())
        assert {fault.field for fault in error.value.faults} == {field}

    def test_a_shortcut_leads_to_one(self, app: Flask) -> None:
        ada, bob = make_staff(), make_staff()
        canned.create_canned_reply(NewCannedReply("A", "b", "hello"), ada)
        canned.create_canned_reply(NewCannedReply("A", "b", "hello"), bob)
        canned.create_canned_reply(NewCannedReply("B", "b"), ada)
        canned.create_canned_reply(NewCannedReply("C", "b"), ada)
        with db.session.begin_nested(), pytest.raises(Invalid) as error:
            canned.create_canned_reply(NewCannedReply("D", "b", "/Hello"), ada)
        assert "“/hello”" in sentences(error)


class TestMacro:
    @pytest.fixture
    def ticket(self, app: Flask) -> Ticket:
        return make_ticket()

    @pytest.fixture
    def ada(self, app: Flask) -> Staff:
        return make_staff(name="Ada")

    def macro(self, by: Staff, **values: Any) -> CannedReply:
        return canned.create_canned_reply(NewCannedReply("Refund", **values), by)

    def use(self, ticket: Ticket, macro: CannedReply, **more: Any) -> Message | None:
        return canned.send(ticket, MessageKind.REPLY, macro.body or "", GRACE, canned.effect_of(macro), **more)

    def test_it_replies_and_changes_in_one_act(self, ticket: Ticket, ada: Staff) -> None:
        ticket.tags = ["vip"]
        macro = self.macro(
            ada,
            body="Hi {{ requester.first_name }}, it is on its way.",
            status=Status.RESOLVED,
            priority=Priority.LOW,
            category=Category.BILLING,
            assignee=ada,
            tags=["refund"],
        )
        assert macro.is_macro
        reply = self.use(ticket, macro)
        assert reply is not None
        assert (reply.body, reply.channel) == ("Hi Ada, it is on its way.", Channel.STAFF)
        assert (ticket.status, ticket.priority, ticket.category) == ("resolved", "low", "billing")
        assert (ticket.assignee, ticket.tags) == (ada, ["refund", "vip"])
        assert ticket.first_response_at is not None

    def test_one_without_text_only_changes(self, ticket: Ticket, ada: Staff) -> None:
        assert self.use(ticket, self.macro(ada, tags=["spam"], status=Status.CLOSED)) is None
        assert (ticket.status, ticket.tags, ticket.priority) == ("closed", ["spam"], "high")

    def test_it_is_stopped_as_a_reply_is(self, ticket: Ticket, ada: Staff) -> None:
        add_reply(ticket, "Done already.", GRACE, Channel.STAFF)
        with pytest.raises(AnsweredMeanwhile):
            self.use(ticket, self.macro(ada, body="Hi", status=Status.CLOSED), expected_last_message_id=0)
        assert ticket.status == Status.OPEN

    def test_variables_are_filled_in_what_the_customer_reads_alone(self, ticket: Ticket) -> None:
        said = [
            canned.send(ticket, kind, "{{ requester.first_name }}", GRACE)
            for kind in (MessageKind.REPLY, MessageKind.NOTE)
        ]
        assert [message and message.body for message in said] == ["Ada", "{{ requester.first_name }}"]
        with pytest.raises(Invalid):
            canned.send(ticket, MessageKind.REPLY, "{{ nobody }}", GRACE, canned.Effect(status=Status.CLOSED))
        assert ticket.status == Status.OPEN

    def test_nothing_is_said_by_mistake(self, ticket: Ticket) -> None:
        with pytest.raises(Invalid):
            canned.send(ticket, MessageKind.REPLY, " ", GRACE)

    def test_a_preview_is_what_is_sent(self, ticket: Ticket, ada: Staff) -> None:
        assert canned.preview("**{{ ticket.reference }}**", ticket, GRACE).strip() == (
            f"<p><strong>{ticket.reference}</strong></p>"
        )
        with pytest.raises(Invalid):
            canned.preview("{{ nothing }}", ticket, GRACE)
