"""A customer's ticket."""

import uuid
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    FetchedValue,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR, UUID
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketdesk.core.vocabulary import (
    DEFAULT_CATEGORY,
    DEFAULT_PRIORITY,
    DESCRIPTION_MAX,
    EMAIL_MAX,
    NAME_MAX,
    TITLE_MAX,
    Category,
    Priority,
    Rating,
    SetBy,
    Status,
)
from ticketdesk.extensions import Base
from ticketdesk.models.account import Staff
from ticketdesk.models.columns import created_moment, length, one_of, word

REFERENCE_PREFIX = "TD-"
FIRST_ID = 1001
TAG_MAX = 40
TAGS_MAX = 20
COMMENT_MAX = 2_000

# Active tickets whose category neither a person nor an engine has chosen.
NEEDS_TRIAGE = "category_set_by = 'default' AND status IN ('open', 'in_progress')"

_PRESENT = text("gone_at IS NULL")
_HUMANS = frozenset(who for who in SetBy if who.is_human)


def tags_rule() -> CheckConstraint:
    """A CHECK on the column ``tags``: how many there are, and that each is lower-case and without blanks or commas."""
    tag = rf"[^[:space:][:cntrl:],]{{1,{TAG_MAX}}}"
    # Joined, because a CHECK cannot look at the elements of an array one by one; counted, so that none holds a comma.
    joined = "array_to_string(tags, ',')"
    return CheckConstraint(
        f"cardinality(tags) <= {TAGS_MAX} AND array_position(tags, NULL) IS NULL"
        f" AND cardinality(string_to_array({joined}, ',')) = cardinality(tags)"
        f" AND {joined} !~ '[A-Z]' AND {joined} ~ '^({tag}(,{tag})*)?$'",
        name="tags_form",
    )


class Ticket(Base):
    """One request of a customer to the desk.

    ``version`` and ``updated_at`` are kept by a trigger, so that every way to
    change a row counts; ``search_vector`` is kept by others.
    ``link_id`` is the customer's key to the ticket: whoever knows it sees the ticket.
    ``first_response_at`` is when the desk first replied. ``resolved_at`` is when
    the ticket was last resolved or closed, and null while it is neither.
    ``snoozed_until`` is null unless the ticket sleeps. ``rating`` is what the
    requester last said of the help they got, with ``rating_comment`` if they said
    more; both outlive a reopening. ``gone_at`` is when the ticket was merged into
    another one, which ``merged_into_id`` then names, or put into the trash; what is
    not `present` shows in no list, count, figure or search.
    """

    __tablename__ = "ticket"

    id: Mapped[int] = mapped_column(BigInteger, Identity(start=FIRST_ID), primary_key=True)
    link_id: Mapped[uuid.UUID] = mapped_column(UUID, server_default=text("gen_random_uuid()"), unique=True)
    title: Mapped[str] = mapped_column(String(TITLE_MAX))
    description: Mapped[str] = mapped_column(Text)
    requester_name: Mapped[str | None] = mapped_column(String(NAME_MAX))
    requester_email: Mapped[str | None] = mapped_column(String(EMAIL_MAX))
    category: Mapped[word] = mapped_column(server_default=DEFAULT_CATEGORY)
    category_set_by: Mapped[word] = mapped_column(server_default=SetBy.DEFAULT)
    priority: Mapped[word] = mapped_column(server_default=DEFAULT_PRIORITY)
    priority_set_by: Mapped[word] = mapped_column(server_default=SetBy.DEFAULT)
    status: Mapped[word] = mapped_column(server_default=Status.OPEN)
    assignee_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff.id"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(TAG_MAX)), server_default="{}")
    snoozed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    first_response_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    resolved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    rating: Mapped[word | None]
    rating_comment: Mapped[str | None] = mapped_column(Text)
    rated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    gone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    merged_into_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ticket.id"))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), server_onupdate=FetchedValue())
    created_at: Mapped[created_moment]
    updated_at: Mapped[created_moment] = mapped_column(server_onupdate=FetchedValue())
    search_vector: Mapped[str | None] = mapped_column(
        TSVECTOR, FetchedValue(), server_onupdate=FetchedValue(), deferred=True, deferred_raiseload=True
    )

    assignee: Mapped[Staff | None] = relationship()

    __table_args__ = (
        one_of("category", Category),
        one_of("priority", Priority),
        one_of("status", Status),
        one_of("category_set_by", SetBy),
        one_of("priority_set_by", SetBy),
        length("title", 1, TITLE_MAX),
        length("description", 1, DESCRIPTION_MAX),
        length("requester_name", 1, NAME_MAX),
        CheckConstraint(r"requester_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name="requester_email_form"),
        tags_rule(),
        one_of("rating", Rating),
        length("rating_comment", 1, COMMENT_MAX),
        CheckConstraint(
            "(rating IS NULL) = (rated_at IS NULL) AND (rating_comment IS NULL OR rating IS NOT NULL)",
            name="rated_when",
        ),
        CheckConstraint(
            "merged_into_id IS NULL OR (gone_at IS NOT NULL AND merged_into_id <> id)", name="merged_is_gone"
        ),
        # All ascending: read backwards they give the newest first, for all tickets or for one stretch of the leading
        # columns. Filters and orders by a word are merged from such stretches, of which there are few. They hold what
        # is present, so a full trash slows no list down.
        Index("ix_ticket_created", "created_at", "id", postgresql_where=_PRESENT),
        Index("ix_ticket_updated", "updated_at", "id", postgresql_where=_PRESENT),
        Index(
            "ix_ticket_kind_created", "category", "priority", "status", "created_at", "id", postgresql_where=_PRESENT
        ),
        Index(
            "ix_ticket_kind_updated", "category", "priority", "status", "updated_at", "id", postgresql_where=_PRESENT
        ),
        Index("ix_ticket_requester", text("lower(requester_email)"), "created_at", "id", postgresql_where=_PRESENT),
        Index("ix_ticket_assignee", "assignee_id", "status", "created_at", "id", postgresql_where=_PRESENT),
        Index("ix_ticket_assignee_updated", "assignee_id", "status", "updated_at", "id", postgresql_where=_PRESENT),
        # What is not sorted into such an index yet is read by each search, so it is kept short (in kB) or not at all.
        Index(
            "ix_ticket_tags",
            "tags",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
            postgresql_where=text("tags <> '{}'"),
        ),
        Index(
            "ix_ticket_snoozed", "snoozed_until", postgresql_where=text("snoozed_until IS NOT NULL AND gone_at IS NULL")
        ),
        Index(
            "ix_ticket_triage_created",
            *("category", "priority", "status", "created_at", "id"),
            postgresql_where=text(f"{NEEDS_TRIAGE} AND gone_at IS NULL"),
        ),
        Index(
            "ix_ticket_triage_updated",
            *("category", "priority", "status", "updated_at", "id"),
            postgresql_where=text(f"{NEEDS_TRIAGE} AND gone_at IS NULL"),
        ),
        Index(
            "ix_ticket_rated", "rated_at", "rating", postgresql_where=text("rated_at IS NOT NULL AND gone_at IS NULL")
        ),
        Index(
            "ix_ticket_search",
            "search_vector",
            text("ticketdesk_stretches(created_at)"),
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
        ),
        Index(
            "ix_ticket_trash",
            "gone_at",
            "id",
            postgresql_where=text("gone_at IS NOT NULL AND merged_into_id IS NULL"),
        ),
        Index("ix_ticket_merged", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
    )

    @hybrid_property
    def present(self) -> bool:
        """Whether the ticket is neither merged into another one nor in the trash."""
        return self.gone_at is None

    @present.inplace.expression
    @classmethod
    def _present(cls) -> ColumnElement[bool]:
        return cls.gone_at.is_(None)

    @hybrid_property
    def tagged(self) -> bool:
        """Whether the ticket has any tags; said beside which ones, it lets the index of tags be asked."""
        return bool(self.tags)

    @tagged.inplace.expression
    @classmethod
    def _tagged(cls) -> ColumnElement[bool]:
        return cls.tags != literal_column("'{}'")

    @property
    def in_trash(self) -> bool:
        """Whether the ticket was deleted and can still be restored."""
        return self.gone_at is not None and self.merged_into_id is None

    @property
    def reference(self) -> str:
        """How people name the ticket, such as TD-1042."""
        return reference_of(self.id)

    @property
    def classified_by(self) -> str:
        """Who or what classified the ticket: an engine or the fallback where either field is theirs, else the human."""
        return classified_by(self.category_set_by, self.priority_set_by)


def reference_of(ticket_id: int) -> str:
    """The public reference of the ticket with this id."""
    return f"{REFERENCE_PREFIX}{ticket_id}"


def classified_by(category_set_by: str, priority_set_by: str) -> str:
    """One word for both fields; where they differ, a machine's part outweighs a human's."""
    return priority_set_by if category_set_by in _HUMANS else category_set_by
