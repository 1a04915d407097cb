"""The desk in figures, counted by the database."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Date, cast, func, select

from ticketdesk.core import clock
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket

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


def stats() -> Stats:
    """Count all tickets in one statement."""
    grouping = func.grouping_sets(Ticket.status, Ticket.priority, Ticket.category)
    rows = db.session.execute(
        select(
            Ticket.status,
            Ticket.priority,
            Ticket.category,
            func.count().label("tickets"),
            func.min(Ticket.created_at).label("first"),
        ).group_by(grouping)
    ).all()
    first: datetime | None = min((row.first for row in rows), default=None)
    by_status = dict.fromkeys(Status, 0) | {Status(row.status): row.tickets for row in rows if row.status}
    days = max((clock.now() - first).total_seconds() / SECONDS_A_DAY, 1.0) if first else 1.0
    return Stats(
        by_status=by_status,
        by_priority=dict.fromkeys(Priority, 0) | {Priority(row.priority): row.tickets for row in rows if row.priority},
        by_category=dict.fromkeys(Category, 0) | {Category(row.category): row.tickets for row in rows if row.category},
        average_a_day=round(sum(by_status.values()) / days, 2),
    )


def created_by_day(since: date) -> dict[date, int]:
    """How many tickets were created on each day (UTC) from ``since`` on; days without any are left out."""
    day = cast(func.timezone("UTC", Ticket.created_at), Date)
    rows = db.session.execute(
        select(day.label("day"), func.count().label("tickets"))
        .where(Ticket.created_at >= func.timezone("UTC", cast(since, Date)))
        .group_by(day)
    ).all()
    return {row.day: row.tickets for row in rows}


def oldest_open() -> datetime | None:
    """When the open ticket that waits longest was created, or None where no ticket is open."""
    return db.session.scalar(select(func.min(Ticket.created_at)).where(Ticket.status == Status.OPEN))
