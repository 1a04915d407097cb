"""What staff have on their desks: drafts, views of the queue, and who has which ticket open."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment, length, moment, one_of, word
from ticketdesk.models.message import BODY_MAX, MessageKind

VIEW_NAME_MAX = 80


class Draft(Base):
    """A message that somebody is still writing; it is theirs alone."""

    __tablename__ = "draft"

    staff_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("staff.id"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ticket.id"), primary_key=True)
    kind: Mapped[word] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (one_of("kind", MessageKind), length("body", 1, BODY_MAX))


class SavedView(Base):
    """A filter of the queue with a name; without an owner it is shared by all staff.

    ``made_by_id`` is who may change a shared one besides admins.
    ``filter`` holds what `tickets.filter.Filter` holds, without its defaults.
    """

    __tablename__ = "saved_view"

    id: Mapped[big_id]
    owner_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff.id"))
    made_by_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff.id"))
    name: Mapped[str] = mapped_column(String(VIEW_NAME_MAX))
    filter: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    position: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[created_moment]

    __table_args__ = (length("name", 1, VIEW_NAME_MAX), Index("ix_saved_view_owner", "owner_id", "position", "id"))


class Presence(Base):
    """Somebody has a ticket open; unlogged, because after a crash every open page tells it again.

    Without foreign keys: their checks would wait for whoever is just changing the ticket.
    """

    __tablename__ = "presence"

    ticket_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    staff_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    typing: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    seen_at: Mapped[moment]

    __table_args__ = (Index("ix_presence_staff", "staff_id"), {"prefixes": ["UNLOGGED"]})
