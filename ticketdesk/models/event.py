"""What happened to a ticket: the one source of audit, timeline, mail and webhooks."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.core.actors import ActorKind
from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment, one_of, word


class EventKind(StrEnum):
    """The kinds of event, named after the verb that records them."""

    CREATED = "ticket.created"
    TITLE_CHANGED = "ticket.title_changed"
    CATEGORY_CHANGED = "ticket.category_changed"
    PRIORITY_CHANGED = "ticket.priority_changed"
    STATUS_CHANGED = "ticket.status_changed"
    REPLIED = "ticket.replied"
    NOTED = "ticket.noted"
    ASSIGNED = "ticket.assigned"
    TAGS_CHANGED = "ticket.tags_changed"
    SNOOZED = "ticket.snoozed"
    WOKEN = "ticket.woken"
    RATED = "ticket.rated"
    MERGED = "ticket.merged"
    UNMERGED = "ticket.unmerged"
    TRASHED = "ticket.trashed"
    RESTORED = "ticket.restored"
    UNDONE = "ticket.undone"


class Event(Base):
    """One thing that happened, append-only: a trigger refuses UPDATE and DELETE, but for a purge of the trash.

    ``data`` holds ``from`` and ``to`` where a field changed, and ``set_by`` where
    an engine or a person chose it; of an assignment also ``from_id`` and ``to_id``.
    Of a reply or a note it holds the ``message``'s id and never its text, because
    events are read by more people than notes are. Of a rating it says in the same
    way only whether it was ``commented``. Merging two tickets and taking
    them apart is an event of both: the one that goes names the ``survivor``'s id, and
    the survivor the ``tickets``' ids and the ``tags`` it gained or lost. Of an undo it
    holds the ``act``'s kind, and ``fields`` with ``from`` and ``to`` of each.
    """

    __tablename__ = "event"

    id: Mapped[big_id]
    ticket_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ticket.id"))
    kind: Mapped[word]
    actor_kind: Mapped[word]
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    actor_label: Mapped[str] = mapped_column(String(320))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[created_moment]

    __table_args__ = (
        one_of("kind", EventKind),
        one_of("actor_kind", ActorKind),
        Index("ix_event_ticket", "ticket_id", "id"),
    )
