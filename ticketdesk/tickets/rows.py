"""A ticket and its events as programs get them: the columns that are read, and the rows they make."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import aliased

from ticketdesk.events import Happened
from ticketdesk.models import Event, Staff, Ticket


class Person(NamedTuple):
    """Whoever a ticket is or can be assigned to, as lists show them."""

    id: int
    name: str
    email: str


class Listed(NamedTuple):
    """One row of a list; its fields are named after the ticket's."""

    id: int
    title: str
    description: str
    requester_name: str | None
    requester_email: str | None
    category: str
    category_set_by: str
    priority: str
    priority_set_by: str
    status: str
    tags: Sequence[str]
    snoozed_until: datetime | None
    first_response_at: datetime | None
    resolved_at: datetime | None
    rating: str | None
    rating_comment: str | None
    rated_at: datetime | None
    merged_into_id: int | None
    version: int
    created_at: datetime
    updated_at: datetime
    assignee_id: int | None
    assignee_name: str | None
    assignee_email: str | None

    @property
    def assignee(self) -> Person | None:
        """Whose ticket it is."""
        return None if self.assignee_id is None else Person._make(self[-len(Person._fields) :])


_assignee = aliased(Staff, name="assignee")

LISTED = select(
    *(getattr(Ticket, name) for name in Listed._fields[: -len(Person._fields)]),
    *(getattr(_assignee, name) for name in Person._fields),
).outerjoin(_assignee, _assignee.id == Ticket.assignee_id)
"""Reads the fields of `Listed`."""


HAPPENED = select(*(getattr(Event, name) for name in Happened._fields)).order_by(Event.id)
"""Reads the fields of `Happened`, oldest first."""
