"""Tables that serve the doors rather than the domain."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.extensions import Base
from ticketdesk.models.columns import created_moment, moment


class IdempotencyKey(Base):
    """A request that was carried out, so that its repetition is answered and not carried out again.

    ``key`` is the SHA-256 of who asked and the key they chose, ``request_hash`` that of what they sent.
    ``ticket_id`` is null where the request was not about one.
    ``answer`` is JSON and not JSONB, which would give its fields back in another order.
    """

    __tablename__ = "idempotency_key"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    ticket_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ticket.id"))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[created_moment]

    __table_args__ = (Index("ix_idempotency_key_created", "created_at"),)


class RateLimit(Base):
    """A fixed window's counter; unlogged, because losing it in a crash costs nothing."""

    __tablename__ = "rate_limit"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    hits: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[moment]

    __table_args__ = (Index("ix_rate_limit_expires", "expires_at"), {"prefixes": ["UNLOGGED"]})


class LastWrite(Base):
    """How far the log reached when somebody last wrote; unlogged, because it is about the next moments alone."""

    __tablename__ = "last_write"

    who: Mapped[str] = mapped_column(String(64), primary_key=True)
    log_end: Mapped[int] = mapped_column(BigInteger)
    """Bytes since the log's beginning."""
    at: Mapped[moment]

    __table_args__ = ({"prefixes": ["UNLOGGED"]},)
