"""What the desk keeps of customers, who have no accounts: keys to their tickets, and which mails they do not want."""

from enum import StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ticketdesk.core.vocabulary import EMAIL_MAX
from ticketdesk.extensions import Base
from ticketdesk.models.columns import created_moment, moment, one_of, word


class KeyKind(StrEnum):
    """What a key opens."""

    LINK = "link"
    """A session, once: it is mailed, so that whoever has it reads mail of the address."""
    SESSION = "session"
    """The list of the address's tickets, from the browser that holds it in a cookie."""


class CustomerKey(Base):
    """A secret by which somebody shows that an address is theirs; ``hash`` is its SHA-256.

    A key that was used or given back is gone. ``address`` is in lower case, as
    addresses of requesters are compared.
    """

    __tablename__ = "customer_key"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[word]
    address: Mapped[str] = mapped_column(String(EMAIL_MAX))
    created_at: Mapped[created_moment]
    expires_at: Mapped[moment]

    __table_args__ = (one_of("kind", KeyKind), Index("ix_customer_key_expires", "expires_at"))


class Unsubscribed(Base):
    """An address, in lower case, that gets no mails it could do without."""

    __tablename__ = "unsubscribed"

    address: Mapped[str] = mapped_column(String(EMAIL_MAX), primary_key=True)
    created_at: Mapped[created_moment]
