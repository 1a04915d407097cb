"""What staff did to tickets that they can take back for a while."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, String
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.core.actors import ActorKind
from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment, one_of, word


class ActKind(StrEnum):
    """What can be undone."""

    BULK = "bulk"
    """Several tickets were given the same values."""
    MERGE = "merge"
    TRASH = "trash"


class Act(Base):
    """One act upon one or more tickets, with all that undoing it takes.

    ``changes`` holds ``[before, after]`` of each field that became different, by
    the ticket's id and the field's name. ``event_ids`` are the events it recorded.
    Without foreign keys: an act is forgotten long before its tickets can be purged.
    """

    __tablename__ = "act"

    id: Mapped[big_id]
    kind: Mapped[word]
    actor_kind: Mapped[word]
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    actor_label: Mapped[str] = mapped_column(String(320))
    ticket_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    event_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    changes: Mapped[dict[str, dict[str, list[Any]]]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[created_moment]
    undone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        one_of("kind", ActKind),
        one_of("actor_kind", ActorKind),
        CheckConstraint("cardinality(ticket_ids) > 0", name="about_something"),
        Index("ix_act_created", "created_at"),
    )
