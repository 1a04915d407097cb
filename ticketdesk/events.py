"""Recording what happened, and setting off what follows from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, insert, select, true
from sqlalchemy.sql.dml import ReturningInsert

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

_SAID = ("kind", "actor_kind", "actor_id", "actor_label", "data")


def record(kind: EventKind, ticket: Ticket, actor: Actor, **data: Any) -> Event:
    """Write an event into the caller's transaction, and with it the jobs that follow."""
    said = _said(kind, actor, data) | {"ticket_id": ticket.id}
    db.session.flush()
    event_id, created_at = db.session.connection().execute(_WRITE, said).one()
    return happened(Event(id=event_id, created_at=created_at, **said), ticket)


def happened(event: Event, ticket: Ticket) -> Event:
    """Write the jobs that follow from an event."""
    for reaction in _follows.get(EventKind(event.kind), ()):
        reaction(event, ticket)
    return event


def with_event(opened: ReturningInsert[Any]) -> Select[Any]:
    """The statement that makes a ticket and the event of it in one round trip, for `make_with_event`."""
    ticket = opened.cte("opened")
    said = [bindparam(f"event_{name}", type_=Event.__table__.c[name].type) for name in _SAID]
    event = insert(Event).from_select(["ticket_id", *_SAID], select(ticket.c.id, *said))
    told = event.returning(Event.id.label("event_id"), Event.created_at.label("event_created_at")).cte("told")
    return select(ticket, told).join_from(ticket, told, true())


def make_with_event(
    statement: Select[Any], values: Mapping[str, Any], kind: EventKind, actor: Actor, **data: Any
) -> tuple[Row[Any], Event]:
    """Make a ticket; what follows from its event is for the caller to have `happened` once all of it is there."""
    said = _said(kind, actor, data)
    given = {f"event_{name}": value for name, value in said.items()}
    row = db.session.connection().execute(statement, {**values, **given}).one()
    return row, Event(id=row.event_id, ticket_id=row.id, created_at=row.event_created_at, **said)


def _said(kind: EventKind, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(_SAID, (kind, actor.kind, actor.id, actor.label, dict(data)), strict=True))


def record_many(kind: EventKind, data: Mapping[int, Mapping[str, Any]], actor: Actor) -> Sequence[Event]:
    """Write the same kind of event of many tickets in one statement, and what follows from them together.

    ``data`` is each event's own by the ticket's id.
    """
    rows = [_said(kind, actor, said) | {"ticket_id": ticket_id} for ticket_id, said in data.items()]
    events = db.session.scalars(insert(Event).returning(Event, sort_by_parameter_order=True), rows).all()
    for reaction in _follows_many.get(kind, ()):
        reaction(events)
    return events
