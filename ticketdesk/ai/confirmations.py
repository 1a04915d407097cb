"""Remembering what staff decide, which is all that the engines learn from.

A decision is a category or priority that staff or a program of theirs changed,
and the labels of a ticket that they resolved: whoever answers a ticket has read
it. A suggestion that nobody touched is none, and neither is a customer's choice
as long as staff have not resolved the ticket with it.

A ticket that is opened again keeps its confirmation: the matter was not done,
the label was right all the same. A later decision replaces the earlier one.
"""

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from ticketdesk.core.actors import ActorKind
from ticketdesk.core.vocabulary import SetBy, Status
from ticketdesk.events import Happened
from ticketdesk.extensions import db
from ticketdesk.models import Confirmation, Ticket

_DECIDERS = {ActorKind.STAFF, ActorKind.TOKEN}


def confirm_category(event: Happened, ticket: Ticket) -> None:
    """A category that staff changed is confirmed."""
    if event.actor_kind in _DECIDERS:
        _confirm(ticket, category=ticket.category)


def confirm_priority(event: Happened, ticket: Ticket) -> None:
    """A priority that staff changed is confirmed."""
    if event.actor_kind in _DECIDERS:
        _confirm(ticket, priority=ticket.priority)


def confirm_resolved(event: Happened, ticket: Ticket) -> None:
    """Staff who resolve a ticket confirm its labels, except one that is only the default."""
    if event.actor_kind in _DECIDERS and event.data["to"] == Status.RESOLVED:
        _confirm(
            ticket,
            category=ticket.category if ticket.category_set_by != SetBy.DEFAULT else None,
            priority=ticket.priority if ticket.priority_set_by != SetBy.DEFAULT else None,
        )


def note_new_text(event: Happened, ticket: Ticket) -> None:
    """A confirmed ticket with another title is another text to learn."""
    learn_anew([event])


def learn_anew(events: Sequence[Happened]) -> None:
    """Confirmed tickets that go or come back are to be read again; the update's trigger tells the readers."""
    ids = [event.ticket_id for event in events]
    db.session.execute(
        update(Confirmation).where(Confirmation.ticket_id.in_(ids)).values(ticket_id=Confirmation.ticket_id)
    )


def _confirm(ticket: Ticket, *, category: str | None = None, priority: str | None = None) -> None:
    """Write what is decided into the caller's transaction; what is None stays as it was."""
    decided = {name: word for name, word in (("category", category), ("priority", priority)) if word is not None}
    if decided:
        db.session.execute(
            insert(Confirmation)
            .values(ticket_id=ticket.id, **decided)
            .on_conflict_do_update(index_elements=[Confirmation.ticket_id], set_=decided)
        )
