"""Talking with the desk on the ticket's own page, under its link."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.conftest import csrf_header
from tests.factories import make_ticket
from tests.portal.pages import page_of
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Channel, Message, Ticket
from ticketdesk.tickets import conversation, queries, service

GRACE = Actor(ActorKind.STAFF, 7, "Grace Hopper")


def address(ticket: Ticket, part: str = "") -> str:
    return f"/t/{ticket.link_id.hex}{part}"


def filled(client: FlaskClient, ticket: Ticket, body: str) -> dict[str, str]:
    """The page's form with a text in it."""
    return {"nonce": page_of(client.get(address(ticket))).form["nonce"], "body": body}


def say(client: FlaskClient, ticket: Ticket, body: str) -> TestResponse:
    return client.post(address(ticket), data=filled(client, ticket, body), headers=csrf_header(client))


def set_status(ticket: Ticket, status: Status) -> None:
    service.change_status(service.locked(ticket.id), status, GRACE)
    db.session.commit()


def press(client: FlaskClient, ticket: Ticket, status: str) -> TestResponse:
    return client.post(address(ticket, "/status"), data={"status": status}, headers=csrf_header(client))


def status_of(ticket: Ticket) -> str:
    return db.session.get_one(Ticket, ticket.id).status


def bodies() -> list[str]:
    return list(db.session.scalars(select(Message.body).order_by(Message.id)))


class TestTheThread:
    def test_both_sides_stand_in_order_and_the_desk_has_its_name(self, client: FlaskClient) -> None:
        ticket = make_ticket(description="It *stops*.")
        conversation.add_reply(service.locked(ticket.id), "Which **version**?", GRACE, Channel.STAFF)
        db.session.commit()
        say(client, ticket, "The <b>last</b> one.")
        for part in ("", "/progress"):
            html = client.get(address(ticket, part)).text
            told = ["It <em>stops</em>.", "Which <strong>version</strong>?", "The &lt;b&gt;last&lt;/b&gt; one."]
            assert [html.index(words) for words in told] == sorted(html.index(words) for words in told)
            assert re.findall(r"<header><strong>(.+?)</strong>", html) == ["You", "<bdi>Ticketdesk</bdi>", "You"]
            assert "Grace" not in html

    def test_notes_are_not_in_it(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        conversation.add_note(service.locked(ticket.id), "A known bug.", GRACE, Channel.STAFF)
        db.session.commit()
        for part in ("", "/progress"):
            html = client.get(address(ticket, part)).text
            assert "known bug" not in html
            assert "note" not in page_of(client.get(address(ticket, part))).text.lower()

    def test_a_long_one_is_shown_in_stretches(self, client: FlaskClient) -> None:
        ticket = make_ticket(description="How it began.")
        for number in range(51):
            conversation.add_reply(service.locked(ticket.id), f"Word {number}.", GRACE, Channel.STAFF)
        db.session.commit()
        page = client.get(address(ticket)).text
        assert "How it began." not in page
        found = re.search(rf"{address(ticket)}\?before=\d+", page)
        assert found
        earlier = client.get(found[0]).text
        assert "How it began." in earlier
        assert "Word 50." not in earlier

    @pytest.mark.parametrize("before", ["0", "-1", "x", "9" * 40, "%00"])
    def test_an_address_that_makes_no_sense_shows_the_latest(self, client: FlaskClient, before: str) -> None:
        assert "You" in client.get(address(make_ticket(), f"?before={before}")).text


class TestReplies:
    def test_a_reply_stands_on_the_page_it_leads_to(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        answer = say(client, ticket, "It is **urgent**.")
        message = db.session.scalars(select(Message)).one()
        assert (answer.status_code, answer.location) == (303, f"{address(ticket)}#message-{message.id}")
        assert (message.channel, message.author_kind) == ("portal", "customer")
        page = client.get(address(ticket)).text
        assert f'id="message-{message.id}"' in page
        assert "It is <strong>urgent</strong>." in page

    @pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
    def test_it_opens_the_ticket_again(self, client: FlaskClient, status: Status) -> None:
        ticket = make_ticket()
        set_status(ticket, status)
        assert "Your reply opens the ticket again." in client.get(address(ticket)).text
        say(client, ticket, "Still broken.")
        assert status_of(ticket) == Status.OPEN
        assert "You opened the ticket again" in client.get(address(ticket)).text

    @pytest.mark.parametrize(
        ("text", "fault"),
        [(" \n ", "Write something first."), ("x" * 20_001, "at most 20,000 fit"), ("a\x00b", "cannot be stored")],
    )
    def test_a_text_that_cannot_be_sent_comes_back(self, client: FlaskClient, text: str, fault: str) -> None:
        ticket = make_ticket()
        answer = say(client, ticket, text)
        assert answer.status_code == 400
        assert fault in answer.text
        assert f"\n{text}</textarea>" in answer.text.replace("\r", "")
        assert bodies() == []

    def test_two_clicks_say_it_once(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        typed = filled(client, ticket, "Hello?")
        answers = [client.post(address(ticket), data=typed, headers=csrf_header(client)) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [303, 303]
        assert answers[0].location == answers[1].location
        assert bodies() == ["Hello?"]

    def test_the_same_words_from_two_pages_are_said_twice(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        say(client, ticket, "Hello?")
        say(client, ticket, "Hello?")
        assert bodies() == ["Hello?", "Hello?"]

    def test_without_its_session_it_comes_back_with_what_was_typed(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        typed = filled(client, ticket, "A long story.")
        answer = client.post(address(ticket), data=typed)
        assert answer.status_code == 400
        for part in ("nothing you typed is lost", "Press “Send reply” once more", "A long story.</textarea>"):
            assert part in answer.text
        assert page_of(answer).form["nonce"] == typed["nonce"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert bodies() == []

    def test_too_many_come_back_with_what_was_typed(
        self, plain_app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(plain_app.config, "RATE_LIMITS", True)
        monkeypatch.setitem(plain_app.config, "RATELIMIT_REPLY", "1 per minute")
        ticket = make_ticket()
        say(client, ticket, "One.")
        answer = say(client, ticket, "Two.")
        assert answer.status_code == 429
        assert "Two.</textarea>" in answer.text
        assert "many messages from your network" in answer.text
        assert bodies() == ["One."]

    def test_staff_who_follow_the_link_are_told_that_they_answer_for_the_desk(self, agent: FlaskClient) -> None:
        ticket = make_ticket()
        assert "so this goes out as the desk’s answer" in agent.get(address(ticket)).text
        say(agent, ticket, "We are at it.")
        assert db.session.scalars(select(Message)).one().author_kind == "staff"

    @pytest.mark.parametrize("link", ["0" * 32, "abc", "1001", "%00"])
    def test_a_link_that_leads_nowhere_takes_nothing(self, client: FlaskClient, link: str) -> None:
        make_ticket()
        for part in ("", "/status"):
            answer = client.post(f"/t/{link}{part}", data={"body": "Hello?"}, headers=csrf_header(client))
            assert answer.status_code == 404
            assert "<textarea" not in answer.text
        assert bodies() == []


class TestClosing:
    @pytest.mark.parametrize("status", [Status.OPEN, Status.IN_PROGRESS])
    def test_a_customer_closes_and_opens_again(self, client: FlaskClient, status: Status) -> None:
        ticket = make_ticket()
        set_status(ticket, status)
        assert "close the ticket" in client.get(address(ticket)).text
        assert press(client, ticket, "closed").location == address(ticket)
        assert status_of(ticket) == Status.CLOSED
        assert "You closed the ticket" in client.get(address(ticket)).text
        press(client, ticket, "open")
        assert status_of(ticket) == Status.OPEN

    def test_opening_what_is_open_takes_no_work_back(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        set_status(ticket, Status.IN_PROGRESS)
        press(client, ticket, "open")
        assert status_of(ticket) == Status.IN_PROGRESS

    @pytest.mark.parametrize("status", ["", "resolved", "in_progress", "gone", "\x00"])
    def test_no_other_status_can_be_set(self, client: FlaskClient, status: str) -> None:
        ticket = make_ticket()
        assert press(client, ticket, status).status_code == 400
        assert status_of(ticket) == Status.OPEN

    def test_reading_changes_nothing(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        assert client.get(address(ticket, "/status?status=closed")).status_code == 405
        assert client.post(address(ticket, "/status"), data={"status": "closed"}).status_code == 400
        assert len(queries.events_of(ticket)) == 1


def test_the_part_that_follows_leaves_the_form_alone(client: FlaskClient) -> None:
    ticket = make_ticket()
    first = client.get(address(ticket, "/progress"))
    assert '<form id="reply" hx-morph-skip></form>' in first.text
    same = client.get(address(ticket, "/progress"), headers={"If-None-Match": first.headers["ETag"]})
    assert same.status_code == 304
    say(client, ticket, "Hello?")
    other = client.get(address(ticket, "/progress"), headers={"If-None-Match": first.headers["ETag"]})
    assert "Hello?" in other.text
