"""Going from ticket to ticket through the list that one came from."""

from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_ticket
from tests.staff.conftest import Send, listed, me, toasts
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import service

LINUS = Actor(ActorKind.STAFF, 7, "Linus Torvalds")


@pytest.fixture
def tickets() -> list[int]:
    """Five tickets, the oldest first."""
    urgent = (Priority.LOW, Priority.HIGH, Priority.LOW, Priority.CRITICAL, Priority.HIGH)
    return [make_ticket(f"Ticket {number}", priority=priority).id for number, priority in enumerate(urgent)]


def walk(client: FlaskClient, start: int, way: str, listing: str) -> list[int]:
    """The tickets that one comes by until the list ends."""
    passed: list[int] = []
    ticket_id = start
    while True:
        answer = client.get(f"/staff/tickets/{ticket_id}/{way}?from={quote(listing)}")
        assert answer.status_code == 303
        path = urlsplit(answer.location).path
        if path == "/staff/queue/":
            return passed
        ticket_id = int(path.rsplit("/", 1)[1])
        passed.append(ticket_id)


@pytest.mark.parametrize(
    "listing",
    [
        "",
        "sort=created_at",
        "sort=-priority",
        "sort=priority&priority=low&priority=high",
        "sort=-status&status=open",
        "sort=-updated_at",
        "search=ticket",
        "assignee=none&status=open",
    ],
)
def test_the_way_through_a_list_is_the_list(agent: FlaskClient, tickets: list[int], listing: str) -> None:
    shown = listed(agent.get(f"/staff/queue/?{listing}"))
    assert walk(agent, shown[0], "next", listing) == shown[1:]
    assert walk(agent, shown[-1], "previous", listing) == shown[-2::-1]


def test_each_row_leads_to_a_page_that_knows_its_list(agent: FlaskClient, tickets: list[int]) -> None:
    carried = "from=status%3Dopen%26sort%3D-priority"
    assert f"/staff/tickets/{tickets[0]}?{carried}" in agent.get("/staff/queue/?status=open&sort=-priority").text
    page = agent.get(f"/staff/tickets/{tickets[0]}?{carried}").text
    assert 'href="/staff/queue/?status=open&amp;sort=-priority" id="to-list"' in page
    assert page.count(carried) > 6


def test_a_change_does_not_lose_the_list(agent: FlaskClient, send: Send, tickets: list[int]) -> None:
    ticket = db.session.get_one(Ticket, tickets[0])
    answer = send(agent, f"/staff/tickets/{ticket.id}?from=status%3Dopen", version=ticket.version, status="closed")
    assert toasts(answer) == ["Saved."]
    assert answer.request.args["from"] == "status=open"


def test_a_change_can_lead_on(agent: FlaskClient, send: Send, tickets: list[int]) -> None:
    ticket = db.session.get_one(Ticket, tickets[4])
    path = f"/staff/tickets/{ticket.id}?from=status%3Dopen"
    answer = send(agent, path, version=ticket.version, status="resolved", then="next")
    assert toasts(answer) == [f"{ticket.reference} is saved."]
    assert (answer.request.path, answer.request.args["from"]) == (f"/staff/tickets/{tickets[3]}", "status=open")
    # What stops it stays where it is.
    assert send(agent, path, version=0, status="closed", then="next").status_code == 409


def test_a_ticket_that_left_the_list_still_has_its_place(agent: FlaskClient, tickets: list[int]) -> None:
    service.change_status(service.locked(tickets[2]), Status.CLOSED, LINUS)
    db.session.commit()
    assert walk(agent, tickets[2], "next", "status=open") == [tickets[1], tickets[0]]


def test_ones_own_tickets_are_the_viewers(app: Flask, agent: FlaskClient, tickets: list[int]) -> None:
    for ticket_id in tickets[:2]:
        service.change(service.locked(ticket_id), service.Changes(assignee=me(app, agent)), LINUS)
    db.session.commit()
    assert walk(agent, tickets[1], "next", "assignee=me") == [tickets[0]]


def test_the_end_of_the_list_is_told(agent: FlaskClient, tickets: list[int]) -> None:
    end = agent.get(f"/staff/tickets/{tickets[0]}/next?from=status%3Dopen", follow_redirects=True)
    assert toasts(end) == ["This was the last ticket of the list."]
    assert end.request.full_path == "/staff/queue/?status=open"


@pytest.mark.parametrize("said", ["status=gone", "assignee=999999", "assignee=%00", "https://evil.example/", "&&==&"])
def test_what_is_no_list_leads_nowhere_else(agent: FlaskClient, tickets: list[int], said: str) -> None:
    page = agent.get(f"/staff/tickets/{tickets[0]}?from={quote(said)}")
    assert page.status_code == 200
    assert "evil.example" not in page.text
    answer = agent.get(f"/staff/tickets/{tickets[0]}/next?from={quote(said)}")
    assert urlsplit(answer.location).netloc == ""
    assert urlsplit(answer.location).path == "/staff/queue/"


def test_without_a_list_one_goes_through_what_is_not_done(agent: FlaskClient, tickets: list[int]) -> None:
    service.change_status(service.locked(tickets[3]), Status.RESOLVED, LINUS)
    db.session.commit()
    assert agent.get(f"/staff/tickets/{tickets[4]}/next").location == f"/staff/tickets/{tickets[2]}"


def test_a_search_that_cannot_be_is_refused_as_in_the_queue(agent: FlaskClient, tickets: list[int]) -> None:
    assert agent.get(f"/staff/tickets/{tickets[0]}/next?from=search%3D%2500").status_code in {303, 400}
