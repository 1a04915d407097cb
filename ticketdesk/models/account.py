"""Staff accounts and API tokens."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, CheckConstraint, DateTime, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketdesk.core.vocabulary import EMAIL_MAX, NAME_MAX
from ticketdesk.extensions import Base
from ticketdesk.models.columns import big_id, created_moment, length, one_of, word


class Role(StrEnum):
    """What a staff account may do: agents work on tickets, admins also manage people and tokens."""

    ADMIN = "admin"
    AGENT = "agent"


class Scope(StrEnum):
    """What an API token may do; ``write`` includes ``read``."""

    READ = "read"
    WRITE = "write"


class Staff(Base):
    """A person who works at the desk.

    ``session_key`` is part of every session; replacing it ends them all.
    """

    __tablename__ = "staff"

    id: Mapped[big_id]
    email: Mapped[str] = mapped_column(String(EMAIL_MAX))
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    role: Mapped[word] = mapped_column(server_default=Role.AGENT)
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    password_hash: Mapped[str] = mapped_column(String(255))
    session_key: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[created_moment]
    signed_in_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        one_of("role", Role),
        length("name", 1, NAME_MAX),
        CheckConstraint(r"email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name="email_form"),
        Index("uq_staff_email", text("lower(email)"), unique=True),
    )

    @property
    def is_active(self) -> bool:
        """Flask-Login's name for it."""
        return self.active

    @property
    def is_authenticated(self) -> bool:
        """Flask-Login asks; a loaded account is one."""
        return True

    @property
    def is_anonymous(self) -> bool:
        """Flask-Login asks; a loaded account is not."""
        return False

    def get_id(self) -> str:
        """What a session holds; it stops to fit when ``session_key`` is replaced."""
        return f"{self.id}:{self.session_key}"

    def __str__(self) -> str:
        return self.name


class ApiToken(Base):
    """A program's key to the API; only the SHA-256 of the token is kept."""

    __tablename__ = "api_token"

    id: Mapped[big_id]
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    scope: Mapped[word] = mapped_column(server_default=Scope.READ)
    created_by_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff.id"))
    created_at: Mapped[created_moment]
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    created_by: Mapped[Staff | None] = relationship()

    __table_args__ = (one_of("scope", Scope), length("name", 1, NAME_MAX))
