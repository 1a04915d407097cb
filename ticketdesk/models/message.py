"""What is said about a ticket: replies, which customers read, and notes, which they never see."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.core.actors import ActorKind
from ticketdesk.core.vocabulary import DESCRIPTION_MAX
from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment, one_of, word

# A message may be as long as the description, which is the first one in everybody's eyes.
BODY_MAX = DESCRIPTION_MAX
MESSAGE_ID_MAX = 255


class MessageKind(StrEnum):
    """Who a message is for."""

    REPLY = "reply"
    """For the requester and the desk."""
    NOTE = "note"
    """For the desk alone."""


class Channel(StrEnum):
    """The door a message came through."""

    PORTAL = "portal"
    API = "api"
    STAFF = "staff"
    MAIL = "mail"


class Message(Base):
    """One message on a ticket. The ticket's description is not repeated here.

    ``body`` is Markdown as it was written, and empty where files say it all. ``message_id`` is the Message-ID of
    RFC 5322, given at once so that mails about it can refer to each other.
    A trigger adds each new message to its ticket's ``search_vector``.
    ``home_ticket_id`` is the ticket that the message was written on, where merging
    has moved it to another one.
    """

    __tablename__ = "message"

    id: Mapped[big_id]
    ticket_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ticket.id"))
    home_ticket_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ticket.id"))
    kind: Mapped[word]
    channel: Mapped[word]
    author_kind: Mapped[word]
    author_id: Mapped[int | None] = mapped_column(BigInteger)
    author_label: Mapped[str] = mapped_column(String(320))
    body: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str] = mapped_column(String(MESSAGE_ID_MAX), unique=True)
    created_at: Mapped[created_moment]

    __table_args__ = (
        one_of("kind", MessageKind),
        one_of("channel", Channel),
        one_of("author_kind", ActorKind),
        CheckConstraint(
            f"(body = '' OR btrim(body, E' \\t\\n\\r') <> '') AND char_length(body) <= {BODY_MAX}", name="body_length"
        ),
        CheckConstraint("kind = 'reply' OR author_kind <> 'customer'", name="note_from_desk"),
        CheckConstraint("message_id ~ '^<[^<>@[:space:]]+@[^<>@[:space:]]+>$'", name="message_id_form"),
        Index("ix_message_ticket", "ticket_id", "id"),
        Index("ix_message_home", "home_ticket_id", postgresql_where=text("home_ticket_id IS NOT NULL")),
    )
