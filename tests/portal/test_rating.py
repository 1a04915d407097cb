"""Rating on the ticket's page and by the links of a mail: reading never rates."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import csrf_header
from tests.factories import make_ticket
from ticketdesk.core.actors import SYSTEM
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import service


@pytest.fixture
def ticket(app: Flask) -> Ticket:
    """A resolved ticket."""
    ticket = service.locked(make_ticket().id)
    service.change_status(ticket, Status.RESOLVED, SYSTEM)
    db.session.commit()
    return ticket


def address(ticket: Ticket, part: str = "") -> str:
    return f"/t/{ticket.link_id.hex}{part}"


def give(client: FlaskClient, ticket: Ticket, **sent: str) -> TestResponse:
    return client.post(address(ticket, "/rating"), data=sent, headers=csrf_header(client))


def rated(ticket: Ticket) -> tuple[str | None, str | None]:
    found = db.session.get_one(Ticket, ticket.id)
    return found.rating, found.rating_comment


def test_one_click_rates_and_the_comment_comes_after(client: FlaskClient, ticket: Ticket) -> None:
    page = client.get(address(ticket)).text
    assert "How did we do?" in page
    assert 'name="comment"' not in page
    assert give(client, ticket, rating="good").location == address(ticket) + "#rating"
    page = client.get(address(ticket)).text
    assert "Thank you for your rating" in page
    assert "You rated the help: good" in page
    give(client, ticket, rating="good", comment="Quick & kind")
    assert rated(ticket) == ("good", "Quick & kind")
    assert "Quick &amp; kind</textarea>" in client.get(address(ticket)).text


@pytest.mark.parametrize("status", [Status.OPEN, Status.IN_PROGRESS])
def test_what_is_not_done_is_not_asked_about(client: FlaskClient, ticket: Ticket, status: Status) -> None:
    service.change_status(service.locked(ticket.id), status, SYSTEM)
    db.session.commit()
    assert "How did we do?" not in client.get(address(ticket)).text
    for answer in (client.get(address(ticket, "/rating?rating=good")), give(client, ticket, rating="good")):
        assert "There is nothing to rate yet" in answer.text
    assert rated(ticket) == (None, None)


def test_a_mails_link_makes_the_choice_ready_and_does_not_send_it(client: FlaskClient, ticket: Ticket) -> None:
    page = client.get(address(ticket, "/rating?rating=bad")).text
    assert 'value="bad" required checked' in page
    assert 'value="good" required>' in page
    assert rated(ticket) == (None, None)
    for nonsense in ("", "?rating=great", "?rating=%00"):
        assert " checked" not in client.get(address(ticket, "/rating" + nonsense)).text


@pytest.mark.parametrize("word", ["", "great", "\x00"])
def test_another_word_is_no_rating(client: FlaskClient, ticket: Ticket, word: str) -> None:
    assert give(client, ticket, rating=word).status_code == 400
    assert rated(ticket) == (None, None)


def test_a_comment_that_is_too_long_comes_back(client: FlaskClient, ticket: Ticket) -> None:
    answer = give(client, ticket, rating="bad", comment="<i>" * 700)
    assert answer.status_code == 400
    assert "&lt;i&gt;" * 700 + "</textarea>" in answer.text
    assert "at most 2,000 fit" in answer.text
    assert 'value="bad" required checked' in answer.text


def test_without_its_session_or_too_often_it_comes_back(
    plain_app: Flask, client: FlaskClient, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"rating": "bad", "comment": "Too slow"}
    answer = client.post(address(ticket, "/rating"), data=typed)
    assert answer.status_code == 400
    assert "Your session had ended" in answer.text
    assert "Too slow</textarea>" in answer.text
    monkeypatch.setitem(plain_app.config, "RATE_LIMITS", True)
    monkeypatch.setitem(plain_app.config, "RATELIMIT_REPLY", "1 per minute")
    give(client, ticket, rating="good")
    answer = give(client, ticket, **typed)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "many ratings from your network" in answer.text
    assert "Too slow</textarea>" in answer.text
    assert rated(ticket) == ("good", None)


@pytest.mark.parametrize("headers", [True, False], ids=["with a session", "without"])
def test_a_link_that_leads_nowhere_takes_no_rating(client: FlaskClient, headers: bool) -> None:
    answer = client.post(
        f"/t/{'0' * 32}/rating", data={"rating": "good"}, headers=csrf_header(client) if headers else {}
    )
    assert answer.status_code == 404
    assert "This link leads to no ticket" in answer.text


def test_staff_who_follow_the_link_do_not_rate(agent: FlaskClient, ticket: Ticket) -> None:
    assert "How did we do?" not in agent.get(address(ticket)).text
    assert "This is for the customer to say" in agent.get(address(ticket, "/rating?rating=good")).text
    assert give(agent, ticket, rating="good").status_code == 403
    assert rated(ticket) == (None, None)
