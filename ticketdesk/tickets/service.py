"""The verbs of tickets. Nothing else writes a `Ticket`; the door commits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BigInteger, bindparam, func, insert, select

from ticketdesk import events
from ticketdesk.ai import record
from ticketdesk.ai.suggest import Suggestion
from ticketdesk.attachments.service import attach
from ticketdesk.core.actors import SYSTEM, Actor, ActorKind
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.core.vocabulary import DEFAULT_CATEGORY, DEFAULT_PRIORITY, Category, Priority, SetBy, Status
from ticketdesk.extensions import db
from ticketdesk.models import Act, Attachment, EventKind, Staff, Ticket, reference_of
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.reading import compiled, loaded, written
from ticketdesk.tickets import acts
from ticketdesk.tickets.assignment import assign
from ticketdesk.tickets.rules import Checker
from ticketdesk.tickets.snooze import snooze, wake
from ticketdesk.tickets.tags import set_tags
from ticketdesk.tickets.workflow import DONE

Word = TypeVar("Word", Category, Priority)

_TYPED = ("title", "description", "requester_name", "requester_email")
_SETTLED = ("category", "category_set_by", "priority", "priority_set_by")
# All but the words of the search, which nobody reads.
_STORED = tuple(column.key for column in Ticket.__table__.c if column.key != "search_vector")
# Past the session, whose unit of work takes longer to write one row than the database does.
_OPEN = events.with_event(
    insert(Ticket)
    .values({name: bindparam(f"new_{name}") for name in _TYPED + _SETTLED})
    .returning(*(Ticket.__table__.c[name] for name in _STORED))
)

_LOCKED = compiled(
    select(*(getattr(Ticket, name) for name in _STORED))
    .where(Ticket.id == bindparam("ticket_id", 0, type_=BigInteger))
    .with_for_update()
)

_CHOSEN_BY = {ActorKind.CUSTOMER: SetBy.CUSTOMER, ActorKind.STAFF: SetBy.STAFF, ActorKind.TOKEN: SetBy.API}


@dataclass(frozen=True, slots=True)
class NewTicket:
    """What a requester sends. A category or priority of None is left to the engines."""

    title: str
    description: str
    requester_name: str | None = None
    requester_email: str | None = None
    category: Category | None = None
    priority: Priority | None = None

    def checked(self) -> "NewTicket":
        """The same with clean texts; what is clean already is not checked again.

        Raises:
            Invalid: values break rules; all are named.
        """
        check = Checker()
        clean = _Checked(
            title=check.title(self.title),
            description=check.description(self.description),
            requester_name=check.name(self.requester_name),
            requester_email=check.email(self.requester_email),
            category=self.category,
            priority=self.priority,
        )
        check.done()
        return clean


class _Checked(NewTicket):
    """A new ticket that was found in order: doors check before they ask the AI, and the verb checks what it gets."""

    __slots__ = ()

    def checked(self) -> NewTicket:
        return self


class Clear(Enum):
    """Asks to empty a field, where None leaves it as it is."""

    CLEAR = auto()


@dataclass(frozen=True, slots=True)
class Changes:
    """New values for a ticket; None leaves a field as it is.

    ``add_tags`` and ``remove_tags`` change the tags that a ticket has, or those in ``tags``.
    """

    title: str | None = None
    category: Category | None = None
    priority: Priority | None = None
    status: Status | None = None
    assignee: Staff | Clear | None = None
    tags: Sequence[str] | None = None
    add_tags: frozenset[str] = frozenset()
    remove_tags: frozenset[str] = frozenset()
    snoozed_until: datetime | Clear | None = None


class ChangedMany(NamedTuple):
    """How many tickets became different, and the act by which that is undone, if any did."""

    changed: int
    act: Act | None


def create_ticket(
    new: NewTicket,
    actor: Actor,
    suggestion: Suggestion | None = None,
    *,
    seen: bool = False,
    files: Sequence[Attachment] = (),
) -> Ticket:
    """Open a ticket, with claimed files.

    What the requester left open is taken from ``suggestion``, else from the
    defaults. ``seen`` says that the requester saw the suggestion before choosing:
    what they let stand keeps the engine as its author.

    Raises:
        Invalid: values break rules; all are named.
    """
    new = new.checked()
    category, category_set_by = _settle(
        new.category, suggestion.category if suggestion else None, DEFAULT_CATEGORY, actor, suggestion, seen
    )
    priority, priority_set_by = _settle(
        new.priority, suggestion.priority if suggestion else None, DEFAULT_PRIORITY, actor, suggestion, seen
    )
    settled = dict(zip(_SETTLED, (category, category_set_by, priority, priority_set_by), strict=True))
    typed = {name: getattr(new, name) for name in _TYPED}
    given = {f"new_{name}": value for name, value in (typed | settled).items()}
    abstained = suggestion is not None and suggestion.abstained
    row, event = events.make_with_event(_OPEN, given, EventKind.CREATED, actor, **settled, abstained=abstained)
    ticket = _ticket(row)
    attach(files, ticket)
    events.follow_up(event, ticket)
    return ticket


def locked(ticket_id: int) -> Ticket:
    """The ticket, locked until the transaction ends, so that two changes go one after the other.

    Raises:
        NotFound: there is no such ticket, or it is in the trash.
        Conflict: it was merged into another one.
    """
    found = written(_LOCKED, ticket_id=ticket_id) if 0 < ticket_id <= BIGINT_MAX else []
    if not found:
        raise NotFound("There is no such ticket.")
    ticket = _ticket(found[0])
    if ticket.merged_into_id is not None:
        raise Conflict(f"{ticket.reference} was merged into {reference_of(ticket.merged_into_id)}; go on there.")
    if ticket.in_trash:
        raise NotFound(f"{ticket.reference} is in the trash; restore it to go on with it.")
    return ticket


def change(ticket: Ticket, changes: Changes, actor: Actor) -> bool:
    """Carry out all ``changes`` on a locked ticket and say whether anything was different.

    Raises:
        Invalid: a value breaks a rule.
        Conflict: a ticket that is resolved or closed is to sleep.
    """
    assignee, until, tags = changes.assignee, changes.snoozed_until, changes.tags
    if changes.add_tags or changes.remove_tags:
        tags = [*({*(ticket.tags if tags is None else tags)} | changes.add_tags) - changes.remove_tags]
    done = [
        changes.title is not None and change_title(ticket, changes.title, actor),
        changes.category is not None and change_category(ticket, changes.category, actor),
        changes.priority is not None and change_priority(ticket, changes.priority, actor),
        changes.status is not None and change_status(ticket, changes.status, actor),
        assignee is not None and assign(ticket, None if assignee is Clear.CLEAR else assignee, actor),
        tags is not None and set_tags(ticket, tags, actor),
        until is not None and (wake(ticket, actor) if until is Clear.CLEAR else snooze(ticket, until, actor)),
    ]
    return any(done)


def lock(ticket_ids: Collection[int], *, present: bool = True) -> Sequence[Ticket]:
    """The tickets with these ids, locked until the transaction ends; those that are gone are passed over.

    With ``present`` being False, those that are merged or in the trash are locked, too.
    """
    # In the order of their ids, so that two who lock several cannot wait for each other in a circle.
    statement = select(Ticket).where(Ticket.id.in_(ticket_ids)).order_by(Ticket.id).with_for_update()
    if present:
        statement = statement.where(Ticket.present)
    return db.session.scalars(statement.execution_options(populate_existing=True)).all()


def change_many(ticket_ids: Sequence[int], changes: Changes, actor: Actor) -> ChangedMany:
    """Change several tickets, so that it can be undone for an hour; those that are gone are passed over."""
    tickets = lock(ticket_ids)
    before = acts.before([ticket.id for ticket in tickets])
    changed = sum(change(ticket, changes, actor) for ticket in tickets)
    return ChangedMany(changed, acts.write_changes(before, actor))


def change_title(ticket: Ticket, title: str, actor: Actor) -> bool:
    """Rename the ticket.

    Raises:
        Invalid: the title is empty or too long.
    """
    check = Checker()
    title = check.title(title)
    check.done()
    return _change(ticket, "title", title, EventKind.TITLE_CHANGED, actor)


def change_category(ticket: Ticket, category: Category, actor: Actor) -> bool:
    """Say what the ticket is about."""
    return _classify(ticket, "category", category, EventKind.CATEGORY_CHANGED, actor, _CHOSEN_BY[actor.kind])


def change_priority(ticket: Ticket, priority: Priority, actor: Actor) -> bool:
    """Say how urgent the ticket is."""
    return _classify(ticket, "priority", priority, EventKind.PRIORITY_CHANGED, actor, _CHOSEN_BY[actor.kind])


def change_status(ticket: Ticket, status: Status, actor: Actor) -> bool:
    """Move the ticket; every status can follow every other, because people correct themselves.

    A ticket that becomes resolved or closed sleeps no longer.
    """
    if status == ticket.status:
        return False
    # Before the status, so that both are one UPDATE: its triggers are most of what it costs.
    if status not in DONE:
        ticket.resolved_at = None
    elif ticket.resolved_at is None:
        ticket.resolved_at = func.now()
    _change(ticket, "status", status, EventKind.STATUS_CHANGED, actor)
    if status in DONE:
        wake(ticket, actor)
    db.session.flush()
    return True


def apply_suggestion(ticket: Ticket, suggestion: Suggestion) -> bool:
    """Fill what is still the default on a locked ticket; what a human chose meanwhile stays."""
    if suggestion.engine is None:
        return False
    author = SetBy(suggestion.engine)
    done = [
        suggestion.category is not None
        and ticket.category_set_by == SetBy.DEFAULT
        and _classify(ticket, "category", suggestion.category, EventKind.CATEGORY_CHANGED, SYSTEM, author),
        suggestion.priority is not None
        and ticket.priority_set_by == SetBy.DEFAULT
        and _classify(ticket, "priority", suggestion.priority, EventKind.PRIORITY_CHANGED, SYSTEM, author),
    ]
    return any(done)


def _ticket(columns: Sequence[Any]) -> Ticket:
    return loaded(Ticket, dict(zip(_STORED, columns, strict=True)))


def _settle(
    given: Word | None,
    proposed: Word | None,
    default: Word,
    actor: Actor,
    suggestion: Suggestion | None,
    seen: bool,
) -> tuple[Word, SetBy]:
    """The value of one field of a new ticket, and who chose it."""
    engine = SetBy(suggestion.engine) if suggestion and suggestion.engine else SetBy.DEFAULT
    if given is None:
        return (default, SetBy.DEFAULT) if proposed is None else (proposed, engine)
    return given, engine if seen and given == proposed else _CHOSEN_BY[actor.kind]


def _classify(
    ticket: Ticket, field: str, value: Category | Priority, kind: EventKind, actor: Actor, author: SetBy
) -> bool:
    before, set_by = getattr(ticket, field), getattr(ticket, f"{field}_set_by")
    # An engine that agrees with the default still becomes the author, so that it is not asked again. Staff who set
    # the default decide what nobody has. Else the present value changes nothing: programs send whole tickets back.
    decides = author is SetBy.STAFF and set_by == SetBy.DEFAULT
    if author.is_human and before == value and not decides:
        return False
    setattr(ticket, f"{field}_set_by", author)
    changed = _change(ticket, field, value, kind, actor, set_by=author)
    if decides and not changed:
        events.record(kind, ticket, actor, **{"from": before, "to": value}, set_by=author)
        changed = True
    if author.is_human:
        record.note_choice(ticket)
    return changed


def _change(ticket: Ticket, field: str, value: str, kind: EventKind, actor: Actor, **more: str) -> bool:
    before = getattr(ticket, field)
    if value == before:
        return False
    setattr(ticket, field, value)
    events.record(kind, ticket, actor, **{"from": before, "to": value}, **more)
    return True
