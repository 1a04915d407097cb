"""Bursts of similar tickets that the desk was told of."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, String, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment, moment

SEARCH_MAX = 500


class Incident(Base):
    """Unusually many similar tickets within an hour, as far as they came until ``seen_at``.

    ``words`` are what the tickets have in common, the most surprising first, and
    ``search`` is what to type to find them. ``ticket_ids`` are in their order.
    ``began_at`` is when the first of them was opened. Who dismisses it dismisses
    it for all staff.
    """

    __tablename__ = "incident"

    id: Mapped[big_id]
    words: Mapped[list[str]] = mapped_column(ARRAY(Text))
    search: Mapped[str] = mapped_column(String(SEARCH_MAX))
    ticket_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    began_at: Mapped[moment]
    seen_at: Mapped[moment]
    created_at: Mapped[created_moment]
    dismissed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    dismissed_by_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff.id"))

    __table_args__ = (
        CheckConstraint("cardinality(words) > 0 AND cardinality(ticket_ids) > 0", name="has_something"),
        Index("ix_incident_seen", "seen_at"),
    )
