"""What an engine proposed, and what the human chose."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment, one_of, word


class Occasion(StrEnum):
    """Which question the suggestion answered."""

    FORM = "form"
    API = "api"
    JOB = "job"


class AiSuggestion(Base):
    """One answer of the engines, kept for the console's figures; the text it was about is not kept.

    ``ticket_id`` is filled when the text becomes a ticket. ``failure`` names why the
    preferred engine did not answer, also where another engine answered instead.
    ``chosen_*`` is what a human decided, and null until one has.
    """

    __tablename__ = "ai_suggestion"

    id: Mapped[big_id]
    ticket_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ticket.id"))
    occasion: Mapped[word]
    engine: Mapped[str | None] = mapped_column(String(32))
    model: Mapped[str | None] = mapped_column(String(100))
    failure: Mapped[str | None] = mapped_column(String(32))
    category: Mapped[word | None]
    priority: Mapped[word | None]
    category_confidence: Mapped[float | None] = mapped_column(Float)
    priority_confidence: Mapped[float | None] = mapped_column(Float)
    guesses: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    words: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    took_ms: Mapped[float] = mapped_column(Float)
    chosen_category: Mapped[word | None]
    chosen_priority: Mapped[word | None]
    created_at: Mapped[created_moment]

    __table_args__ = (
        one_of("occasion", Occasion),
        one_of("category", Category),
        one_of("priority", Priority),
        one_of("chosen_category", Category),
        one_of("chosen_priority", Priority),
        CheckConstraint("category_confidence BETWEEN 0 AND 1", name="category_confidence_range"),
        CheckConstraint("priority_confidence BETWEEN 0 AND 1", name="priority_confidence_range"),
        Index("ix_ai_suggestion_ticket", "ticket_id"),
        Index("ix_ai_suggestion_created", "created_at"),
    )
