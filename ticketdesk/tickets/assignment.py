"""Whose a ticket is."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import func, select

from ticketdesk import events, reading
from ticketdesk.core.actors import Actor
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.extensions import db
from ticketdesk.models import EventKind, Staff, Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.tickets.rows import Person


@cache
def _active() -> reading.Statement:
    people = select(Staff.id, Staff.name, Staff.email).where(Staff.active)
    return reading.compiled(people.order_by(func.lower(Staff.name), Staff.id))


def agents() -> Sequence[Person]:
    """Everybody a ticket can be assigned to, by name."""
    return [Person._make(row) for row in reading.rows(_active())]


def agent(who: int | str) -> Staff:
    """The staff account with this id or e-mail address, also one that is switched off.

    Raises:
        Invalid: there is none.
    """
    if isinstance(who, int):
        found = db.session.get(Staff, who) if 0 < who <= BIGINT_MAX else None
    else:
        found = db.session.scalar(select(Staff).where(func.lower(Staff.email) == who.strip().lower()))
    if found is None:
        raise Invalid(FieldFault("assignee", f"Nobody at this desk has the account {who}."))
    return found


def assign(ticket: Ticket, staff: Staff | None, actor: Actor) -> bool:
    """Make a locked ticket somebody's, or nobody's, and say whether it was another's.

    Raises:
        Invalid: the account is switched off.
    """
    if (staff.id if staff else None) == ticket.assignee_id:
        return False
    if staff is not None and not staff.active:
        raise Invalid(FieldFault("assignee", f"The account of {staff.name} is switched off; choose somebody else."))
    before = ticket.assignee
    ticket.assignee = staff
    events.record(
        EventKind.ASSIGNED,
        ticket,
        actor,
        **{"from": before.name if before else None, "to": staff.name if staff else None},
        from_id=before.id if before else None,
        to_id=staff.id if staff else None,
    )
    return True
