"""Writing down what staff do to tickets, so that it can be taken back for an hour."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, text

from ticketdesk.core.actors import Actor
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue, task
from ticketdesk.models import Act, ActKind, Event

LASTS = timedelta(hours=1)
"""How long an act can be undone."""
KEPT = timedelta(days=7)
"""How long it is known after that, to say that it is too late."""

State = dict[str, Any]
"""A ticket's fields by their names, as JSON values."""


Group = tuple[str, ...]
"""Fields that change together."""

# Undoing restores a whole group or leaves it alone: a ticket that was reopened since must not fall asleep.
GROUPS: tuple[Group, ...] = (
    ("title",),
    ("category", "category_set_by"),
    ("priority", "priority_set_by"),
    ("status", "resolved_at", "snoozed_until"),
    ("assignee_id",),
    ("tags",),
)
RIDERS: Group = ("decided_category", "decided_priority", "chosen_category", "chosen_priority")
"""What is noted elsewhere because a ticket changed: the decisions that the engines learn from."""

_STATES = text(
    """
    SELECT ticket.id, title, ticket.category, category_set_by, ticket.priority, priority_set_by, status, resolved_at,
        snoozed_until, assignee_id, tags, gone_at, decided.category AS decided_category,
        decided.priority AS decided_priority, proposed.id AS suggestion_id, chosen_category, chosen_priority
    FROM ticket
    LEFT JOIN confirmation AS decided ON decided.ticket_id = ticket.id
    LEFT JOIN LATERAL (
        SELECT id, chosen_category, chosen_priority FROM ai_suggestion
        WHERE ticket_id = ticket.id ORDER BY id DESC LIMIT 1
    ) AS proposed ON true
    WHERE ticket.id = ANY (:ids)
    """
)


@dataclass(frozen=True, slots=True)
class Before:
    """How locked tickets stand before something is done to them."""

    states: Mapping[int, State]
    last_event: int


def states(ticket_ids: Iterable[int]) -> dict[int, State]:
    """How the tickets stand now, by id."""
    db.session.flush()
    rows = db.session.execute(_STATES, {"ids": list(ticket_ids)}).mappings()
    return {row["id"]: {name: _plain(value) for name, value in row.items() if name != "id"} for row in rows}


def before(ticket_ids: Sequence[int]) -> Before:
    """What `write_changes` compares with later."""
    last = db.session.scalar(select(func.max(Event.id)).where(Event.ticket_id.in_(ticket_ids)))
    return Before(states(ticket_ids), last or 0)


def write_changes(seen: Before, actor: Actor) -> Act | None:
    """Write down what became of the tickets since; None where nothing is different."""
    now = states(seen.states)
    changes = {
        ticket_id: {
            name: [state[name], now[ticket_id][name]]
            for group in (*GROUPS, RIDERS)
            if any(state[name] != now[ticket_id][name] for name in group)
            for name in group
        }
        for ticket_id, state in seen.states.items()
    }
    changes = {ticket_id: fields for ticket_id, fields in changes.items() if fields}
    if not changes:
        return None
    recorded = select(Event.id).where(Event.ticket_id.in_(changes), Event.id > seen.last_event).order_by(Event.id)
    return write(
        ActKind.BULK,
        sorted(changes),
        db.session.scalars(recorded).all(),
        actor,
        changes={str(ticket_id): fields for ticket_id, fields in changes.items()},
    )


def write(
    kind: ActKind, ticket_ids: Sequence[int], event_ids: Sequence[int], actor: Actor, *, changes: Any = None
) -> Act:
    """Write an act down."""
    act = Act(
        kind=kind,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        ticket_ids=list(ticket_ids),
        event_ids=list(event_ids),
        changes=changes or {},
    )
    db.session.add(act)
    db.session.flush()
    return act


def undoable_on(ticket_id: int) -> Sequence[Act]:
    """What can still be undone of what was done to this ticket, the latest first."""
    return db.session.scalars(
        select(Act)
        .where(_recent(), Act.undone_at.is_(None), Act.ticket_ids.contains([ticket_id]))
        .order_by(Act.id.desc())
    ).all()


def is_over(act: Act) -> bool:
    """Whether it is too late to undo the act, by the database's clock."""
    return not db.session.scalar(select(_recent()).where(Act.id == act.id))


@queue.periodic(cron="37 3 * * *")
@task("acts.forget")
def forget_old(timestamp: int) -> None:
    """Forget what nobody can undo any more."""
    db.session.execute(delete(Act).where(Act.created_at < func.now() - KEPT))


def _recent() -> ColumnElement[bool]:
    return Act.created_at > func.now() - LASTS


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
