"""Answers that are written once and used often."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import Base
from ticketdesk.models.account import Staff
from ticketdesk.models.columns import big_id, created_moment, length, one_of, word
from ticketdesk.models.message import BODY_MAX
from ticketdesk.models.ticket import TAG_MAX, tags_rule

CANNED_TITLE_MAX = 120
SHORTCUT_MAX = 40


class CannedReply(Base):
    """A text with variables, and the changes to the ticket that go with it; one with changes is a macro.

    Without an owner it is shared by all staff. Either the text or the changes may
    be missing, but not both. ``tags`` are added to those that the ticket has.
    """

    __tablename__ = "canned_reply"

    id: Mapped[big_id]
    owner_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff.id"))
    title: Mapped[str] = mapped_column(String(CANNED_TITLE_MAX))
    shortcut: Mapped[str | None] = mapped_column(String(SHORTCUT_MAX))
    body: Mapped[str | None] = mapped_column(Text)
    status: Mapped[word | None]
    priority: Mapped[word | None]
    category: Mapped[word | None]
    assignee_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff.id"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(TAG_MAX)), server_default="{}")
    created_at: Mapped[created_moment]

    assignee: Mapped[Staff | None] = relationship(foreign_keys=assignee_id)

    __table_args__ = (
        one_of("status", Status),
        one_of("priority", Priority),
        one_of("category", Category),
        length("title", 1, CANNED_TITLE_MAX),
        length("body", 1, BODY_MAX),
        tags_rule(),
        CheckConstraint(
            "num_nonnulls(body, status, priority, category, assignee_id) > 0 OR cardinality(tags) > 0",
            name="does_something",
        ),
        CheckConstraint("shortcut ~ '^[^[:space:]/]+$'", name="shortcut_form"),
        # One namespace for what is shared, and one for each person's own.
        Index("uq_canned_reply_shortcut", text("coalesce(owner_id, 0)"), "shortcut", unique=True),
    )

    @property
    def is_macro(self) -> bool:
        """Whether it changes fields of the ticket."""
        return bool(self.status or self.priority or self.category or self.assignee_id or self.tags)
