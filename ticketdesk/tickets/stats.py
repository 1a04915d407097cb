"""The desk in figures, counted by the database as tickets change."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from sqlalchemy import BigInteger, Date, bindparam, cast, func, select, union_all

from ticketdesk import reading, replica
from ticketdesk.core import clock
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.models import Ticket
from ticketdesk.models.count import ticket_day, ticket_delta
from ticketdesk.tickets import counters
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.queries import page

SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Stats:
    """How many tickets there are, by status, priority and category, and how many come a day."""

    by_status: dict[Status, int]
    by_priority: dict[Priority, int]
    by_category: dict[Category, int]
    average_a_day: float
    """Tickets a day since the first one; a desk younger than a day counts as one day old."""

    @property
    def total(self) -> int:
        """All tickets, whatever their status."""
        return sum(self.by_status.values())


@cache
def _figures() -> reading.Statement:
    """A row for each word of the three fields, with how many tickets have it; the other two fields are null."""
    totals = counters.kinds()
    kind = (totals.c.category, totals.c.priority, totals.c.status)
    tickets = cast(func.sum(totals.c.tickets), BigInteger)
    first = select(func.min(Ticket.created_at)).where(Ticket.present).scalar_subquery()
    return reading.compiled(select(*kind, tickets, first).group_by(func.grouping_sets(*kind)))


def stats() -> Stats:
    """The figures, exact at the moment they are of, read from the counters in one statement."""
    since = None
    by_status = dict.fromkeys(Status, 0)
    by_priority = dict.fromkeys(Priority, 0)
    by_category = dict.fromkeys(Category, 0)
    for category, priority, status, tickets, first in replica.rows(_figures()):
        since = first
        if status:
            by_status[status] = tickets
        elif priority:
            by_priority[priority] = tickets
        else:
            by_category[category] = tickets
    days = max((clock.now() - since).total_seconds() / SECONDS_A_DAY, 1.0) if since else 1.0
    return Stats(by_status, by_priority, by_category, round(sum(by_status.values()) / days, 2))


def created_by_day(since: date) -> dict[date, int]:
    """How many tickets were created on each day (UTC) from ``since`` on; days without any are left out."""
    return {day: int(tickets) for day, tickets in replica.rows(_days(), since=since)}


@cache
def _days() -> reading.Statement:
    since = bindparam("since", None, type_=Date)
    days = union_all(
        select(ticket_day.c.day, ticket_day.c.tickets).where(ticket_day.c.day >= since),
        select(ticket_delta.c.day, ticket_delta.c.tickets).where(ticket_delta.c.day >= since),
    ).subquery()
    tickets = func.sum(days.c.tickets)
    return reading.compiled(select(days.c.day, tickets).group_by(days.c.day).having(tickets != 0))


def oldest_open() -> datetime | None:
    """When the open ticket that waits longest was created, or None where no ticket is open."""
    found = page(Filter(status=frozenset({Status.OPEN}), sort=Sort.OLDEST), limit=1).rows
    return found[0].created_at if found else None
