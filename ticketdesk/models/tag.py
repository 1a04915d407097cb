"""The tags that tickets have had."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.extensions import Base
from ticketdesk.models.columns import created_moment
from ticketdesk.models.ticket import TAG_MAX


class Tag(Base):
    """A tag that was used at least once, for completing what is typed.

    The tags of a ticket stand in its own row, where its lists find them; reading
    all rows to know which tags there are would be slow. The collation makes a
    beginning findable by the primary key.
    """

    __tablename__ = "tag"

    name: Mapped[str] = mapped_column(String(TAG_MAX, collation="C"), primary_key=True)
    created_at: Mapped[created_moment]
