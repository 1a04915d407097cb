"""Taking back what was done: a bulk change, a merge, or putting tickets into the trash.

Afterwards everything is as before, but for what others have changed since, which
stays. A ticket's ``version`` and ``updated_at`` go on, because whoever reads
changes, such as a program that keeps a copy, must learn of this one, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson
from sqlalchemy import func, select, text

from ticketdesk import events
from ticketdesk.core.actors import Actor
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.extensions import db
from ticketdesk.models import Act, ActKind, Event, EventKind, Staff, Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.tickets import acts, merging, trash
from ticketdesk.tickets.acts import GROUPS, RIDERS, Group, State
from ticketdesk.tickets.service import lock

Changes = Mapping[str, Sequence[Any]]
"""Before and after of fields by their names."""

_TOLD = ("title", "category", "priority", "status", "snoozed_until", "tags")

# What is restored, in three statements however many tickets there are.
_TICKETS = text(
    """
    UPDATE ticket SET title = was.title, category = was.category, category_set_by = was.category_set_by,
        priority = was.priority, priority_set_by = was.priority_set_by, status = was.status,
        resolved_at = was.resolved_at, snoozed_until = was.snoozed_until, assignee_id = was.assignee_id, tags = was.tags
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS was (
        id bigint, title text, category text, category_set_by text, priority text, priority_set_by text, status text,
        resolved_at timestamptz, snoozed_until timestamptz, assignee_id bigint, tags text[]
    )
    WHERE ticket.id = was.id
    """
)
_DECISIONS = text(
    """
    UPDATE confirmation SET category = was.decided_category, priority = was.decided_priority
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS was (id bigint, decided_category text, decided_priority text)
    WHERE ticket_id = was.id
        AND (category, priority) IS DISTINCT FROM (was.decided_category, was.decided_priority)
    """
)
_CHOICES = text(
    """
    UPDATE ai_suggestion SET chosen_category = was.chosen_category, chosen_priority = was.chosen_priority
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS was (
        suggestion_id bigint, chosen_category text, chosen_priority text
    )
    WHERE ai_suggestion.id = was.suggestion_id
    """
)


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of an undo: how many ``tickets`` the act was about, and on how many something had changed since."""

    tickets: int
    kept: int

    @property
    def sentence(self) -> str:
        """The same for people."""
        if not self.kept:
            return "Undone."
        if self.tickets == 1:
            return "The ticket was changed since, and what was changed was left alone."
        were = "1 of {} tickets was" if self.kept == 1 else f"{self.kept} of {{}} tickets were"
        return f"Undone, but {were.format(self.tickets)} changed since, and what was changed was left alone."


def undo(act_id: int, actor: Actor) -> Undone:
    """Take an act back, and mail nobody.

    Raises:
        NotFound: there is no such act, or it is long forgotten.
        Conflict: it is undone already, or more than an hour old.
    """
    act = (
        db.session.scalar(
            select(Act).where(Act.id == act_id).with_for_update().execution_options(populate_existing=True)
        )
        if 0 < act_id <= BIGINT_MAX
        else None
    )
    if act is None:
        raise NotFound("There is nothing to undo here.")
    if act.undone_at is not None:
        raise Conflict("This is undone already.")
    if acts.is_over(act):
        raise Conflict("This was done more than an hour ago, so it cannot be undone any more.")
    act.undone_at = func.now()
    return Undone(*_UNDO[ActKind(act.kind)](act, actor))


def _undo_changes(act: Act, actor: Actor) -> tuple[int, int]:
    lock(act.ticket_ids, present=False)
    now = acts.states(act.ticket_ids)
    rows, restored, kept = [], {}, 0
    for key, changes in act.changes.items():
        state = now.get(int(key))
        changed = [group for group in GROUPS if group[0] in changes]
        # What is gone since comes back as it went, and then this can be too late.
        undone = [group for group in changed if state and not state["gone_at"] and _is_as_left(group, changes, state)]
        kept += len(undone) < len(changed)
        if state and undone:
            was = _was(undone, changes, state)
            rows.append({"id": int(key), **state, **was})
            restored[int(key)] = {name: changes[name] for name in was}
    if rows:
        values = {"rows": orjson.dumps(rows).decode()}
        for statement in (_TICKETS, _DECISIONS, _CHOICES):
            db.session.execute(statement, values)
        db.session.expire_all()
        events.record_many(EventKind.UNDONE, _told(act, restored), actor)
    return len(act.changes), kept


def _undo_trash(act: Act, actor: Actor) -> tuple[int, int]:
    return len(act.ticket_ids), len(act.ticket_ids) - trash.restore(act.ticket_ids, actor)


def _undo_merge(act: Act, actor: Actor) -> tuple[int, int]:
    survivor_id, *merged = act.ticket_ids
    still = db.session.scalars(select(Ticket.id).where(Ticket.id.in_(merged), Ticket.merged_into_id == survivor_id))
    back = [merging.unmerge(ticket_id, actor) for ticket_id in sorted(still.all(), reverse=True)]
    return len(merged), len(merged) - len(back)


_UNDO: Mapping[ActKind, Callable[[Act, Actor], tuple[int, int]]] = {
    ActKind.BULK: _undo_changes,
    ActKind.MERGE: _undo_merge,
    ActKind.TRASH: _undo_trash,
}


def _is_as_left(group: Group, changes: Changes, state: State) -> bool:
    """Whether nobody has changed these fields since."""
    return all(changes[name][1] == state[name] for name in group)


def _was(groups: Sequence[Group], changes: Changes, state: State) -> State:
    """The fields of the groups as they were, and what was noted because of them, unless that is different by now."""
    riders = (name for name in RIDERS if name in changes and changes[name][1] == state[name])
    return {name: changes[name][0] for name in (*chain.from_iterable(groups), *riders)}


def _told(act: Act, restored: Mapping[int, Changes]) -> dict[int, dict[str, Any]]:
    """What the event of each ticket says: which fields went back, from what to what, and which events that undoes."""
    recorded = db.session.execute(select(Event.ticket_id, Event.id).where(Event.id.in_(act.event_ids))).all()
    ids = {who for changes in restored.values() for who in changes.get("assignee_id", ()) if who}
    names = {row.id: row.name for row in db.session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids)))}
    told: dict[int, dict[str, Any]] = {}
    for ticket_id, changes in restored.items():
        fields: dict[str, dict[str, Any]] = {
            name: {"from": after, "to": before}
            for name, (before, after) in changes.items()
            if name in _TOLD and before != after
        }
        if "assignee_id" in changes:
            to, since = changes["assignee_id"]
            fields["assignee"] = {"from": names.get(since), "to": names.get(to), "from_id": since, "to_id": to}
        undoes = [event_id for about, event_id in recorded if about == ticket_id]
        told[ticket_id] = {"act": act.kind, "fields": fields, "undoes": undoes}
    return told
