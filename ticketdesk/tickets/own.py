"""A requester's own tickets, for whoever has shown that the address is theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from ticketdesk.extensions import db
from ticketdesk.models import Event, Ticket, reference_of
from ticketdesk.tickets import queries
from ticketdesk.tickets.filter import Filter

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class OwnTicket:
    """One line of the list; ``link`` is the secret part of the ticket's own address."""

    reference: str
    link: str
    title: str
    status: str
    created_at: datetime
    last_activity: datetime
    """When something happened last that its requester is told of; what the desk does for itself does not count."""


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page of the list, newest first; ``next`` is the cursor of the page behind it, if there is one."""

    tickets: Sequence[OwnTicket]
    next: str | None


def own_tickets(address: str, *, cursor: str | None = None) -> OwnPage:
    """The tickets that were opened with an address, in whatever case it was written.

    Raises:
        Invalid: the cursor is not one that this list gave out.
    """
    page = queries.page(Filter(requester=address), cursor=cursor, limit=PAGE_SIZE)
    told = Event.kind.in_(sorted(queries.PUBLIC_EVENTS))
    last_told = select(func.max(Event.created_at)).where(Event.ticket_id == Ticket.id, told).scalar_subquery()
    more = {
        row.id: row
        for row in db.session.execute(
            select(Ticket.id, Ticket.link_id, func.coalesce(last_told, Ticket.created_at).label("last_activity")).where(
                Ticket.id.in_([row.id for row in page.rows])
            )
        )
    }
    tickets = [
        OwnTicket(
            reference_of(row.id),
            more[row.id].link_id.hex,
            row.title,
            row.status,
            row.created_at,
            more[row.id].last_activity,
        )
        for row in page.rows
    ]
    return OwnPage(tickets, page.next)


def newest_of(address: str) -> Ticket | None:
    """The newest ticket that was opened with an address, or None where there is none."""
    rows = queries.page(Filter(requester=address), limit=1).rows
    return db.session.get(Ticket, rows[0].id) if rows else None
