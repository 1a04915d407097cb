"""A demo ticket with its history, and the steps that make one of the other."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ticketdesk.core.actors import CUSTOMER, Actor
from ticketdesk.core.vocabulary import Category, Priority, Rating, SetBy, Status
from ticketdesk.demo.talk import Said
from ticketdesk.demo.texts import Requester
from ticketdesk.models import EventKind, MessageKind, Occasion
from ticketdesk.tickets.workflow import DONE

_KINDS = {
    "category": EventKind.CATEGORY_CHANGED,
    "priority": EventKind.PRIORITY_CHANGED,
    "status": EventKind.STATUS_CHANGED,
}


class Happening(NamedTuple):
    """One event, as the table of events holds it."""

    kind: EventKind
    actor: Actor
    data: dict[str, Any]
    created_at: datetime


@dataclass(slots=True)
class Proposal:
    """What an engine said of a ticket, and what people chose over it."""

    occasion: Occasion
    category: Category
    priority: Priority
    category_confidence: float
    priority_confidence: float
    guesses: list[dict[str, Any]]
    words: tuple[str, ...]
    took_ms: float
    created_at: datetime
    chosen_category: Category | None = None
    chosen_priority: Priority | None = None


class Change(NamedTuple):
    """A new value for one field of a ticket; ``author`` is who chose it, where the field keeps that."""

    at: datetime
    actor: Actor
    field: str
    value: str
    author: SetBy | None = None


class Assigned(NamedTuple):
    """The ticket becomes somebody's, whose account's id and name are given."""

    at: datetime
    actor: Actor
    to: tuple[int, str]


class Tagged(NamedTuple):
    """The ticket's tags."""

    at: datetime
    actor: Actor
    tags: tuple[str, ...]


class Rated(NamedTuple):
    """What the requester says of the help."""

    at: datetime
    rating: Rating
    comment: str | None


Step = Change | Said | Assigned | Tagged | Rated


@dataclass(slots=True)
class Life:
    """A ticket with its history; changes are applied to it in the order of time."""

    title: str
    description: str
    requester: Requester
    category: Category
    category_set_by: SetBy
    priority: Priority
    priority_set_by: SetBy
    created_at: datetime
    updated_at: datetime
    proposal: Proposal | None
    status: Status = Status.OPEN
    resolved_at: datetime | None = None
    version: int = 1
    assignee: tuple[int, str] | None = None
    tags: tuple[str, ...] = ()
    first_response_at: datetime | None = None
    rating: Rated | None = None
    events: list[Happening] = field(default_factory=list)
    messages: list[tuple[Said, Happening]] = field(default_factory=list)
    """What was said, each with its event, whose data names the message once it has a number."""

    def apply(self, step: Step) -> None:
        """Do to the ticket what the verb of this step does."""
        match step:
            case Change():
                self._change(step)
            case Said():
                by_reply = step.kind is MessageKind.REPLY
                kind = EventKind.REPLIED if by_reply else EventKind.NOTED
                self._happened(kind, step.actor, {"message": None, "channel": step.channel}, step.at)
                self.messages.append((step, self.events[-1]))
                if by_reply and step.actor is not CUSTOMER:
                    self.first_response_at = self.first_response_at or step.at
            case Assigned():
                self.assignee = step.to
                names: dict[str, Any] = {"from": None, "to": step.to[1], "from_id": None, "to_id": step.to[0]}
                self._happened(EventKind.ASSIGNED, step.actor, names, step.at)
            case Tagged():
                change = {"from": list(self.tags), "to": list(step.tags)}
                self.tags = step.tags
                self._happened(EventKind.TAGS_CHANGED, step.actor, change, step.at)
            case Rated():
                self.rating = step
                said = {"from": None, "to": step.rating, "commented": step.comment is not None}
                self._happened(EventKind.RATED, CUSTOMER, said, step.at)

    def _happened(self, kind: EventKind, actor: Actor, data: dict[str, Any], at: datetime) -> None:
        self.events.append(Happening(kind, actor, data, at))
        self.version += 1
        self.updated_at = at

    def _change(self, change: Change) -> None:
        before, more = getattr(self, change.field), {}
        if change.author is not None:
            setattr(self, f"{change.field}_set_by", change.author)
            more = {"set_by": change.author}
        if before == change.value:
            return
        setattr(self, change.field, change.value)
        self._happened(_KINDS[change.field], change.actor, {"from": before, "to": change.value, **more}, change.at)
        if change.field == "status":
            self.resolved_at = (self.resolved_at or change.at) if change.value in DONE else None
        if change.author is not None and change.author.is_human and self.proposal is not None:
            self.proposal.chosen_category, self.proposal.chosen_priority = self.category, self.priority
