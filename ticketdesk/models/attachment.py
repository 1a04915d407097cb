"""Files that came with messages."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment

FILE_NAME_MAX = 255
MEDIA_TYPE_MAX = 127


class Attachment(Base):
    """One file. Its content lies in the store under ``key``, and a thumbnail beside it if ``thumbnail`` says so.

    It belongs to a message, or to a ticket's description, and goes where that
    goes. One that belongs to neither waits for the form that it was put into.
    """

    __tablename__ = "attachment"

    id: Mapped[big_id]
    message_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("message.id", ondelete="CASCADE"))
    ticket_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ticket.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(FILE_NAME_MAX))
    media_type: Mapped[str] = mapped_column(String(MEDIA_TYPE_MAX))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    thumbnail: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[created_moment]

    __table_args__ = (
        CheckConstraint("message_id IS NULL OR ticket_id IS NULL", name="one_owner"),
        CheckConstraint("key ~ '^[0-9a-f]{32}$'", name="key_form"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_form"),
        CheckConstraint("name <> '' AND name !~ '[/\\\\[:cntrl:]]'", name="name_form"),
        CheckConstraint("size > 0", name="size_some"),
        Index("ix_attachment_message", "message_id", postgresql_where=text("message_id IS NOT NULL")),
        Index("ix_attachment_ticket", "ticket_id", postgresql_where=text("ticket_id IS NOT NULL")),
        Index(
            "ix_attachment_waiting",
            "created_at",
            postgresql_where=text("message_id IS NULL AND ticket_id IS NULL"),
        ),
    )
