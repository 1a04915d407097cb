"""Recording what happened, and setting off what follows from it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, insert, select, true
from sqlalchemy.sql.dml import ReturningInsert

from ticketdesk import reading
from ticketdesk.core.actors import Actor
from ticketdesk.extensions import db
from ticketdesk.models import Event, EventKind, Ticket


class Happened(NamedTuple):
    """An event as plain values, named after the event's columns."""

    id: int
    ticket_id: int
    kind: str
    actor_kind: str
    actor_id: int | None
    actor_label: str
    data: Mapping[str, Any]
    created_at: datetime


Reaction = Callable[[Happened, Ticket], None]
ReactionToMany = Callable[[Sequence[Happened]], None]

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


_SAID = ("kind", "actor_kind", "actor_id", "actor_label", "data")


@cache
def _one() -> reading.Statement:
    said: dict[str, Any] = {name: bindparam(name) for name in ("ticket_id", *_SAID)}
    return reading.compiled(insert(Event).values(said).returning(Event.id, Event.created_at))


def record(kind: EventKind, ticket: Ticket, actor: Actor, **data: Any) -> None:
    """Write an event into the caller's transaction, and with it the jobs that follow."""
    said = _said(kind, actor, data)
    [(event_id, created_at)] = reading.written(_one(), ticket_id=ticket.id, **said | {"data": Jsonb(data)})
    follow_up(Happened(id=event_id, ticket_id=ticket.id, created_at=created_at, **said), ticket)


def follow_up(event: Happened, ticket: Ticket) -> None:
    """Write the jobs that follow from an event."""
    for reaction in _follows.get(EventKind(event.kind), ()):
        reaction(event, ticket)


def with_event(opened: ReturningInsert[Any]) -> reading.Statement:
    """The statement that makes a ticket and the event of it in one round trip, for `make_with_event`.

    What makes the ticket returns its id first.
    """
    ticket = opened.cte("opened")
    said = [bindparam(f"event_{name}", type_=Event.__table__.c[name].type) for name in _SAID]
    event = insert(Event).from_select(["ticket_id", *_SAID], select(ticket.c.id, *said))
    told = event.returning(Event.id, Event.created_at).cte("told")
    return reading.compiled(select(ticket, told).join_from(ticket, told, true()))


def make_with_event(
    statement: reading.Statement, values: Mapping[str, Any], kind: EventKind, actor: Actor, **data: Any
) -> tuple[Sequence[Any], Happened]:
    """Make a ticket and return its columns; its event is for the caller to `follow_up` once all of it is there."""
    said = _said(kind, actor, data)
    given = {f"event_{name}": value for name, value in (said | {"data": Jsonb(data)}).items()}
    [(*row, event_id, created_at)] = reading.written(statement, **values, **given)
    return row, Happened(id=event_id, ticket_id=row[0], created_at=created_at, **said)


def record_many(kind: EventKind, data: Mapping[int, Mapping[str, Any]], actor: Actor) -> Sequence[Happened]:
    """Write the same kind of event of many tickets in one statement, and what follows from them together.

    ``data`` is each event's own by the ticket's id.
    """
    rows = [_said(kind, actor, said) | {"ticket_id": ticket_id} for ticket_id, said in data.items()]
    every = insert(Event).returning(*(getattr(Event, name) for name in Happened._fields), sort_by_parameter_order=True)
    events = [Happened._make(row) for row in db.session.execute(every, rows)]
    for reaction in _follows_many.get(kind, ()):
        reaction(events)
    return events


def _said(kind: EventKind, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(_SAID, (kind, actor.kind, actor.id, actor.label, dict(data)), strict=True))
