"""The mails that the desk sends."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Integer, String, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketdesk.core.vocabulary import EMAIL_MAX
from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment, length, one_of, word
from ticketdesk.models.event import Event

SUBJECT_MAX = 400


class MailKind(StrEnum):
    """What a mail tells; each has a folder of templates by this name."""

    RECEIPT = "receipt"
    REPLY = "reply"
    STATUS = "status"
    ASSIGNMENT = "assignment"
    SIGN_IN = "sign_in"


class MailState(StrEnum):
    """Where a mail is on its way."""

    WAITING = "waiting"
    """A job will send it, for the first time or again."""
    SENDING = "sending"
    """A worker is at it, or died while it was."""
    SENT = "sent"
    """The mail server has taken it."""
    FAILED = "failed"
    """The mail server refused it, or took none for too long."""
    KEPT = "kept"
    """There is no mail server to give it to."""
    SKIPPED = "skipped"
    """It was not to be sent; ``last_error`` says why."""
    UNSURE = "unsure"
    """The connection or the worker ended while the server was taking it, so it may have been sent."""


class OutgoingMail(Base):
    """One mail to one person, written in the transaction of the event that caused it.

    ``event`` is null for a link to sign in by, which somebody asked for and which is
    about no ticket. ``ticket_ids`` are the tickets it is about, in the order in
    which they came.
    ``headers`` are those that do not follow from the other columns and the settings.
    ``mailbox`` is the recipient in lower case without what stands behind a plus, so
    that the guard against floods counts all addresses of a mailbox together.
    ``handed_over_at`` is when the server was last asked to take the text: from then
    on until its answer nobody knows whether it has.
    """

    __tablename__ = "outgoing_mail"

    id: Mapped[big_id]
    event_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("event.id"))
    kind: Mapped[word]
    ticket_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    recipient: Mapped[str] = mapped_column(String(EMAIL_MAX))
    recipient_name: Mapped[str | None] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(String(EMAIL_MAX))
    subject: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    headers: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    state: Mapped[word] = mapped_column(server_default=MailState.WAITING)
    attempts: Mapped[int] = mapped_column(Integer, server_default=sql("0"))
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[created_moment]
    handed_over_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    event: Mapped[Event | None] = relationship()

    __table_args__ = (
        one_of("kind", MailKind),
        one_of("state", MailState),
        length("subject", 1, SUBJECT_MAX),
        # A line end would begin another header.
        CheckConstraint("subject !~ '[[:cntrl:]]' AND recipient_name !~ '[[:cntrl:]]'", name="one_line"),
        CheckConstraint(r"recipient ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name="recipient_form"),
        CheckConstraint(
            "(kind = 'sign_in') = (event_id IS NULL) AND (kind = 'sign_in' OR cardinality(ticket_ids) > 0)",
            name="about_something",
        ),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_when"),
        Index("uq_outgoing_mail_cause", "event_id", "kind", sql("lower(recipient)"), unique=True),
        Index("ix_outgoing_mail_state", "state", "id"),
        Index("ix_outgoing_mail_mailbox", "mailbox", "kind", "created_at"),
    )
