"""Recording what happened, and setting off what follows from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import insert

from ticketdesk.core.actors import Actor
from ticketdesk.extensions import db
from ticketdesk.models import Event, EventKind, Ticket

Reaction = Callable[[Event, Ticket], None]
ReactionToMany = Callable[[Sequence[Event]], None]

# Filled by `reactions`, which stands to the right of the rooms and therefore
# cannot be imported from here.
_follows: dict[EventKind, tuple[Reaction, ...]] = {}
_follows_many: dict[EventKind, tuple[ReactionToMany, ...]] = {}


def follow(
    table: Mapping[EventKind, tuple[Reaction, ...]], together: Mapping[EventKind, tuple[ReactionToMany, ...]]
) -> None:
    """Make these the lists of what follows from each kind of event, and from those that happen to many at once."""
    _follows.clear()
    _follows.update(table)
    _follows_many.clear()
    _follows_many.update(together)


# An event is never changed, so it is written as it is, past the session; that takes a quarter of the time.
_WRITE = insert(Event).returning(Event.id, Event.created_at)


def record(kind: EventKind, ticket: Ticket, actor: Actor, **data: Any) -> Event:
    """Write an event into the caller's transaction, and with it the jobs that follow."""
    written = {
        "ticket_id": ticket.id,
        "kind": kind,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": actor.label,
        "data": data,
    }
    db.session.flush()
    event_id, created_at = db.session.connection().execute(_WRITE, written).one()
    event = Event(id=event_id, created_at=created_at, **written)
    for reaction in _follows.get(kind, ()):
        reaction(event, ticket)
    return event


def record_many(kind: EventKind, data: Mapping[int, Mapping[str, Any]], actor: Actor) -> Sequence[Event]:
    """Write the same kind of event of many tickets in one statement, and what follows from them together.

    ``data`` is each event's own by the ticket's id.
    """
    by = {"kind": kind, "actor_kind": actor.kind, "actor_id": actor.id, "actor_label": actor.label}
    rows = [{"ticket_id": ticket_id, "data": dict(said), **by} for ticket_id, said in data.items()]
    events = db.session.scalars(insert(Event).returning(Event, sort_by_parameter_order=True), rows).all()
    for reaction in _follows_many.get(kind, ()):
        reaction(events)
    return events
