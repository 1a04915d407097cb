"""Recording what happened, and setting off what follows from it."""

from collections.abc import Callable, Mapping
from typing import Any

from ticketdesk.core.actors import Actor
from ticketdesk.extensions import db
from ticketdesk.models import Event, EventKind, Ticket

Reaction = Callable[[Event, Ticket], None]

# Filled by `reactions`, which stands to the right of the rooms and therefore
# cannot be imported from here.
_follows: dict[EventKind, tuple[Reaction, ...]] = {}


def follow(table: Mapping[EventKind, tuple[Reaction, ...]]) -> None:
    """Make ``table`` the list of what follows from each kind of event."""
    _follows.clear()
    _follows.update(table)


def record(kind: EventKind, ticket: Ticket, actor: Actor, **data: Any) -> Event:
    """Write an event into the caller's transaction, and with it the jobs that follow."""
    event = Event(
        ticket_id=ticket.id,
        kind=kind,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        data=data,
    )
    db.session.add(event)
    db.session.flush()
    for reaction in _follows.get(kind, ()):
        reaction(event, ticket)
    return event
