"""What all workers together know about the remote engines."""

from datetime import date, datetime

from sqlalchemy import Date, DateTime, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.extensions import Base
from ticketdesk.models.columns import moment, word


class EngineState(Base):
    """How a remote engine has been doing; no row means well.

    ``failures`` counts the failures in a row, ``reason`` is the kind of the last.
    Until ``resting_until`` nobody asks the engine, and from then on one caller at
    a time, until it answers and the moment becomes null.
    """

    __tablename__ = "ai_engine_state"

    engine: Mapped[word] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(String(100), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    reason: Mapped[word | None]
    resting_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CallCount(Base):
    """How many questions left the house on a day, which begins at midnight Pacific time as Gemini's quota does."""

    __tablename__ = "ai_call_count"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    calls: Mapped[int] = mapped_column(Integer)


class EarlierAnswer(Base):
    """A remote engine's answer, to be given again when the same text comes soon.

    ``key`` is the SHA-256 of engine, model and text; the text itself is not kept.
    Unlogged, because losing answers in a crash costs a few calls.
    """

    __tablename__ = "ai_earlier_answer"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    answer: Mapped[str] = mapped_column(Text)
    answered_at: Mapped[moment]

    __table_args__ = (Index("ix_ai_earlier_answer_answered", "answered_at"), {"prefixes": ["UNLOGGED"]})
