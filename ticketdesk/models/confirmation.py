"""What staff decided about tickets, for the engines to learn from."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, FetchedValue, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import Base
from ticketdesk.models.columns import one_of, word


class Confirmation(Base):
    """The labels of a ticket that staff stand behind; null where they have decided nothing, or have undone it.

    A trigger keeps both stamps on every insert and update, so that every way to
    change a row counts. ``changed_in`` is the id of the changing transaction: by
    it a reader finds what was committed since it last looked, however long a
    transaction took, which no time stamp can tell.
    """

    __tablename__ = "confirmation"

    ticket_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ticket.id"), primary_key=True)
    category: Mapped[word | None]
    priority: Mapped[word | None]
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), FetchedValue())
    changed_in: Mapped[int] = mapped_column(BigInteger, FetchedValue())

    __table_args__ = (
        one_of("category", Category),
        one_of("priority", Priority),
        Index("ix_confirmation_changed_in", "changed_in"),
    )
