"""One change, however it is made, leaves one trace."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import csrf_header
from tests.factories import make_ticket
from ticketdesk.core.vocabulary import SetBy
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import queries

CHANGE = {"status": "in_progress", "priority": "critical", "category": "billing"}

Change = Callable[[FlaskClient, Ticket, dict[str, str]], object]


def from_the_queue_row(client: FlaskClient, ticket: Ticket, headers: dict[str, str]) -> object:
    """As the page's script does it."""
    return client.patch(f"/api/tickets/{ticket.id}/", json=CHANGE, headers=csrf_header(client))


def from_the_bulk_bar(client: FlaskClient, ticket: Ticket, headers: dict[str, str]) -> object:
    return client.post("/staff/queue/", data=CHANGE | {"ticket": ticket.id}, headers=csrf_header(client))


def from_the_ticket_page(client: FlaskClient, ticket: Ticket, headers: dict[str, str]) -> object:
    form = CHANGE | {"version": ticket.version}
    return client.post(f"/staff/tickets/{ticket.id}", data=form, headers=csrf_header(client))


def from_a_program(client: FlaskClient, ticket: Ticket, headers: dict[str, str]) -> object:
    return client.application.test_client().patch(f"/api/tickets/{ticket.id}/", json=CHANGE, headers=headers)


def trace(ticket: Ticket) -> list[tuple[str, dict[str, Any]]]:
    """What happened to the ticket, apart from when and by whom."""
    return sorted((event.kind, event.data) for event in queries.events_of(ticket))


@pytest.mark.parametrize("door", [from_the_queue_row, from_the_bulk_bar, from_the_ticket_page])
def test_staff_leave_the_same_trace_wherever_they_change_a_ticket(
    agent: FlaskClient, writer: dict[str, str], door: Change
) -> None:
    ticket, twin = make_ticket(), make_ticket()
    door(agent, ticket, writer)
    from_a_program(agent, twin, writer)
    by_staff, by_program = trace(ticket), trace(twin)
    assert [kind for kind, _data in by_staff] == [
        "ticket.category_changed",
        "ticket.created",
        "ticket.priority_changed",
        "ticket.status_changed",
    ]
    # Only the author differs, in the trace as on the ticket.
    for _kind, data in by_program:
        if data.get("set_by") == SetBy.API:
            data["set_by"] = SetBy.STAFF
    assert by_staff == by_program
    changed = [event for event in queries.events_of(ticket) if event.kind != "ticket.created"]
    assert {event.actor_kind for event in changed} == {"staff"}
    db.session.refresh(ticket)
    assert (ticket.status, ticket.priority, ticket.category) == tuple(CHANGE.values())
    assert ticket.category_set_by == ticket.priority_set_by == SetBy.STAFF
