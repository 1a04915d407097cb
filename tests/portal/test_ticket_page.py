"""The ticket's own page under its secret link, and what customers are told there."""

import pytest
from flask.testing import FlaskClient

from tests.factories import make_ticket
from tests.portal.pages import page_of
from ticketdesk.core.actors import CUSTOMER, SYSTEM, Actor, ActorKind
from ticketdesk.core.clock import now
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Event, Ticket
from ticketdesk.portal import wording
from ticketdesk.tickets import service

GRACE = Actor(ActorKind.STAFF, 7, "Grace Hopper")
PROGRAM = Actor(ActorKind.TOKEN, 3, "nightly import")


def change(ticket: Ticket, changes: service.Changes, actor: Actor = GRACE) -> None:
    service.change(service.locked(ticket.id), changes, actor)
    db.session.commit()


def read(client: FlaskClient, ticket: Ticket, part: str = "") -> str:
    answer = client.get(f"/t/{ticket.link_id.hex}{part}")
    assert answer.status_code == 200
    return " ".join(page_of(answer).text.split())


def test_the_page_tells_how_the_ticket_stands(client: FlaskClient) -> None:
    ticket = make_ticket()
    text = read(client, ticket)
    for part in (ticket.reference, "We have your ticket", "Technical", "High", "You opened this ticket", ticket.title):
        assert part in text
    assert f'value="http://desk.test/t/{ticket.link_id.hex}"' in client.get(f"/t/{ticket.link_id.hex}").text


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        (Status.IN_PROGRESS, "We are working on it"),
        (Status.RESOLVED, "This is resolved"),
        (Status.CLOSED, "This ticket is closed"),
    ],
)
def test_every_status_has_its_words(client: FlaskClient, status: Status, heading: str) -> None:
    ticket = make_ticket()
    change(ticket, service.Changes(status=status))
    assert heading in read(client, ticket)
    change(ticket, service.Changes(status=Status.OPEN))
    assert "Support opened the ticket again" in read(client, ticket)


def test_the_history_is_told_in_customers_words_newest_first(client: FlaskClient) -> None:
    ticket = make_ticket(category=None)
    change(ticket, service.Changes(status=Status.IN_PROGRESS, title="Export <b>stops</b>"))
    change(ticket, service.Changes(category=Category.BILLING, priority=Priority.LOW), PROGRAM)
    text = read(client, ticket, "/progress")
    told = [
        "Support set the priority to Low",
        "Support filed it under Billing",
        "Support started to work on it",
        "Support changed the title to “Export <b>stops</b>”",
        "You opened this ticket",
    ]
    assert [text.index(sentence) for sentence in told] == sorted(text.index(sentence) for sentence in told)


def test_who_the_staff_are_is_their_matter(client: FlaskClient) -> None:
    ticket = make_ticket(actor=GRACE)
    change(ticket, service.Changes(status=Status.RESOLVED), PROGRAM)
    page = client.get(f"/t/{ticket.link_id.hex}").text
    assert "Support opened this ticket" in page
    assert "Grace" not in page
    assert "nightly import" not in page


def test_the_desk_speaks_under_its_own_name() -> None:
    event = Event(
        kind="ticket.category_changed", actor_kind=SYSTEM.kind, actor_label="", data={"to": "billing"}, created_at=now()
    )
    [moment] = wording.history([event], "Acme Help")
    assert moment.sentence == "Acme Help filed it under Billing"


def test_an_event_of_a_kind_not_meant_for_customers_is_not_told() -> None:
    event = Event(kind="ticket.note_added", actor_kind=CUSTOMER.kind, actor_label="", data={}, created_at=now())
    assert wording.history([event], "Acme Help") == []


@pytest.mark.parametrize("part", ["", "/progress"])
def test_the_link_stays_between_the_customer_and_the_desk(client: FlaskClient, part: str) -> None:
    headers = client.get(f"/t/{make_ticket().link_id.hex}{part}").headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in headers["X-Robots-Tag"]
    assert headers["Cache-Control"] == ("private, no-cache" if part else "private, no-store")


@pytest.mark.parametrize("part", ["", "/progress"])
@pytest.mark.parametrize("link", ["0" * 32, "abc", "1001", "%00", "é", "../../etc/passwd", "x" * 5000])
def test_a_link_that_leads_nowhere_gets_a_page(client: FlaskClient, link: str, part: str) -> None:
    make_ticket()
    answer = client.get(f"/t/{link}{part}")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert 'href="/"' in answer.text


def test_the_part_that_follows_costs_a_304_until_something_happens(client: FlaskClient) -> None:
    ticket = make_ticket()
    address = f"/t/{ticket.link_id.hex}/progress"
    first = client.get(address)
    same = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["Cache-Control"] == "private, no-cache"
    change(ticket, service.Changes(status=Status.RESOLVED))
    other = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200
    assert "This is resolved" in other.text
    assert "<html" not in other.text
