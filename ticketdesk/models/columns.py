"""Kinds of column and constraint that several models share."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, String, func
from sqlalchemy.orm import mapped_column

BIGINT_MAX = 2**63 - 1
"""The largest id a row can have; PostgreSQL refuses to compare with more."""

big_id = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
created_moment = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]

# Words are stored as text under a CHECK and not as a database enumeration: Flask-Admin's inline
# editor and filters break on SQLAlchemy's Enum, and a CHECK is changed without rewriting a table.
word = Annotated[str, mapped_column(String(32))]


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """A CHECK that ``column`` holds one of ``words``."""
    allowed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def length(column: str, least: int, most: int) -> CheckConstraint:
    """A CHECK on the characters in ``column``; white space around the text does not count towards the least."""
    return CheckConstraint(
        f"char_length(btrim({column}, E' \\t\\n\\r')) >= {least} AND char_length({column}) <= {most}",
        name=f"{column}_length",
    )
